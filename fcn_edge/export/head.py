"""The last activation: taken off so that a file gives logits, or recognised by what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Activation
from fcn_edge.errors import ModelFileError
from fcn_edge.export.graph import Model, Operation, copy_operation, model_of, producer

_CHANNEL_AXES = (-1, 3)
# Probabilities of float32 add up to 1 within this; scores that are no probabilities miss it by far.
_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Head:
    """A model without its last activation, and which one that was."""

    model: Model
    stripped: Activation


def strip_head(model: Model) -> Head:
    """Take a last sigmoid or softmax over the channels off a flat model.

    Sigmoid and softmax are increasing, so the class of a pixel stays, and quantised logits are finer where it matters:
    near the decision.

    Raises:
        ModelFileError: Softmax over a single channel, which is 1 everywhere.
    """
    made = producer(model.outputs[0])
    if made is None:
        return Head(model, "none")
    operation, node = made
    activation = _activation(operation)
    if activation == "none":
        return Head(model, "none")
    if activation == "softmax" and model.outputs[0].shape[-1] == 1:
        raise ModelFileError(
            "the model ends in a softmax over one channel, which is 1 for every pixel",
            hint="use sigmoid for one score channel, or two channels with softmax",
        )
    if _is_pure(operation):
        return Head(model_of(model.inputs[0], node.input_tensors[0]), activation)
    plain = copy_operation(operation, activation="linear")
    scores = plain(*node.arguments.args, **node.arguments.kwargs)
    return Head(model_of(model.inputs[0], scores), activation)


def apply_activation(scores: NDArray[np.float32], activation: Activation) -> NDArray[np.float32]:
    """Put a stripped activation back on scores ``(..., K)``."""
    wide = scores.astype(np.float64)
    if activation == "sigmoid":
        return cast("NDArray[np.float32]", (1 / (1 + np.exp(-wide))).astype(np.float32))
    if activation == "softmax":
        powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
        return cast("NDArray[np.float32]", (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32))
    return scores


def measure_activation(batches: list[NDArray[np.float32]]) -> Activation:
    """Tell from scores ``(N, H, W, K)`` of several images what they went through."""
    if any(scores.min() < 0 or scores.max() > 1 for scores in batches):
        return "none"
    if batches[0].shape[-1] == 1:
        return "sigmoid"
    one = all(np.allclose(scores.sum(axis=-1), 1, atol=_SUM_TOLERANCE) for scores in batches)
    return "softmax" if one else "sigmoid"


def _activation(operation: Operation) -> Activation:
    kind = type(operation).__name__
    if kind == "Sigmoid":
        return "sigmoid"
    if kind == "Softmax":
        return "softmax" if operation.axis in _CHANNEL_AXES else "none"
    name = getattr(getattr(operation, "activation", None), "__name__", "")
    # A softmax given as a function works on the last axis.
    return cast("Activation", name) if name in ("sigmoid", "softmax") else "none"


def _is_pure(operation: Any) -> bool:  # noqa: ANN401 - Keras has no types
    return type(operation).__name__ in ("Activation", "Sigmoid", "Softmax")
