"""What values the layers of a Keras model take on some images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export.blame import keras_outputs
from fcn_edge.export.graph import Model, nodes_of

_OFTEN = 99.9


@dataclass(frozen=True, slots=True)
class ActivationStats:
    """A layer's output in the Keras model over some images.

    Attributes:
        low: Smallest value.
        high: Largest value.
        often: Amount that 99.9 % of the values other than 0 stay below.
        channels: Largest amount in each channel.
    """

    low: float
    high: float
    often: float
    channels: NDArray[np.float64]

    @property
    def reach(self) -> float:
        """Largest amount of all."""
        return max(abs(self.low), abs(self.high))


def measure_activations(model: Model, names: Sequence[str], images: NDArray[np.uint8]) -> dict[str, ActivationStats]:
    """Look at the outputs of some layers of a flat model.

    Args:
        model: Flat.
        names: Of the layers; unknown ones are left out.
        images: ``(N, H, W, 3)`` uint8 RGB.
    """
    nodes = {node.operation.name: node for node in nodes_of(model) if node.operation.name in set(names)}
    if not nodes:
        return {}
    outputs = keras_outputs(model, list(nodes.values()))
    arrays: dict[str, list[NDArray[np.floating]]] = {name: [] for name in nodes}
    for image in images:
        for name, array in zip(nodes, outputs(image), strict=True):
            arrays[name].append(array)
    return {name: _activation_stats(np.concatenate(found)) for name, found in arrays.items()}


def _activation_stats(array: NDArray[np.floating]) -> ActivationStats:
    amounts = np.abs(array.astype(np.float64))
    alive = amounts[amounts > 0]
    often = float(np.percentile(alive, _OFTEN)) if alive.size else 0.0
    channels = amounts.max(axis=tuple(range(amounts.ndim - 1)))
    return ActivationStats(float(array.min()), float(array.max()), often, channels)
