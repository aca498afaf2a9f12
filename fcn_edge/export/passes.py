"""Passes: each takes a flat model and gives one that computes the same, better suited to the converters.

They run in the order of :data:`PASSES` between loading and conversion; the ladder's first rung holds the result to the
Keras model.
"""

from __future__ import annotations

from collections.abc import Callable

from fcn_edge.export.absorb import absorb_input_scaling
from fcn_edge.export.graph import Model
from fcn_edge.export.split import split_concatenations

PASSES: tuple[Callable[[Model], Model], ...] = (absorb_input_scaling, split_concatenations)


def run_passes(model: Model) -> Model:
    """Run all passes over a flat model."""
    for run in PASSES:
        model = run(model)
    return model
