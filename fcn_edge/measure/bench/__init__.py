"""Latency: models timed against each other so that a noisy machine cannot decide."""
