"""Passes: each takes a flat model and gives one that computes the same, better suited to the converters.

They run between loading and conversion; the ladder's first rung holds the result to the Keras model.
"""

from __future__ import annotations

import dataclasses

from fcn_edge.export.absorb import absorb_input_scaling
from fcn_edge.export.fold import Folding, fold_linear
from fcn_edge.export.graph import Model
from fcn_edge.export.split import split_concatenations


def run_passes(model: Model, *, fold: bool = True) -> Folding:
    """Run all passes over a flat model.

    Args:
        model: It stays as it was.
        fold: Rewrite linear layers; otherwise only the scaling of the input goes into the first convolution, which
            raw pixels at the door need.
    """
    model = absorb_input_scaling(model)
    if not fold:
        return Folding(model, ())
    folding = fold_linear(model)
    return dataclasses.replace(folding, model=split_concatenations(folding.model))
