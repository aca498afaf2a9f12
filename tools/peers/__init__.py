"""What tools/bench_peers is made of: the networks, their files, who is timed, what is compared, and the tables."""
