"""Timing calls so that a noisy machine cannot decide: interleaved pairs, warm-ups, and what may be said of the result.

``bench`` and ``tune`` stand on it. It knows nothing of models: anything that can be called can be timed.
"""
