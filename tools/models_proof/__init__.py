"""Pieces of tools/prove_models."""
