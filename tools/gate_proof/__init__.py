"""What tools/prove_gate is made of: the models it makes, the scenarios, the runs and their result file."""
