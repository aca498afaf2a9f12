"""Finding the layer where a file leaves the Keras model: signal to noise of every layer it can be followed in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Precision
from fcn_edge.export.followed import Followed, Range, open_followed
from fcn_edge.export.freeze import scope_name
from fcn_edge.export.graph import Model, nodes_of
from fcn_edge.export.layer_names import LAST
from fcn_edge.export.parity import sqnr_db
from fcn_edge.optional import load

# The signal to noise that a healthy first layer has: what goes in is exact, and the loss of the first layer would
# otherwise be infinite.
_HEALTHY_DB: dict[Precision, float] = {"fp32": 120.0, "fp16": 60.0, "int8": 40.0}
_EXACT_DB = 200.0
# Rounding to the same number of bits once more costs 3 dB.
NOTABLE_DROP_DB = 3.0
# A sum with a cleaner map of the same size gains 3 dB, a pool 1 or 2.
_MASKED_DB = 12.0


@dataclass(frozen=True, slots=True)
class LayerNoise:
    """How well a file follows one layer.

    Attributes:
        name: Of the Keras layer.
        sqnr_db: Signal to noise of its output, in decibel.
        drop_db: How far that is below what went into the layer; noise that all its readers do without is not counted.
        channel_db: Signal to noise of the median channel; far below *sqnr_db* where a few large channels hide what
            the others lost.
        range: What its integers can hold, None where the file computes it in floating point.
        saturated: Share of its values, 0..1, that lie outside that range; None without one.
    """

    name: str
    sqnr_db: float
    drop_db: float
    channel_db: float
    range: Range | None = None
    saturated: float | None = None


@dataclass(slots=True)
class _Sums:
    """Sums over images of one layer, for each channel."""

    signal: NDArray[np.float64]
    noise: NDArray[np.float64]
    outside: int = 0
    values: int = 0
    range: Range | None = None


def layer_noise(
    model: Model,
    path: Path,
    images: NDArray[np.uint8],
    precision: Precision,
    *,
    known: Collection[str] | None = None,
) -> tuple[LayerNoise, ...]:
    """Measure every layer of a flat model that can be found again in a file, in the order of the network.

    Args:
        model: Flat; what the file was converted from.
        path: The ``.tflite`` or ``.onnx`` file.
        images: ``(N, H, W, 3)`` uint8 RGB.
        precision: Of the file.
        known: Names of the layers to look for; by default all. A converter may give the name of a layer to a tensor
            that holds something else, which only a float file shows.
    """
    nodes = [node for node in nodes_of(model) if not node.is_input]
    names = [scope_name(node.operation) for node in nodes]
    wanted = {scope_name(node.operation) for node in nodes if known is None or node.operation.name in known}
    follow = open_followed(path)
    expected = keras_outputs(model, nodes)
    sums: dict[str, _Sums] = {}
    for image in images:
        theirs = dict(zip(names, expected(image), strict=True))
        for name, (found, tensor) in _match(follow(image), theirs).items():
            if name in wanted:
                _add(sums, name, theirs[name].astype(np.float64), found, tensor.range)
    return _drops(nodes, sums, _HEALTHY_DB[precision])


def guilty_layer(noise: Sequence[LayerNoise]) -> str:
    """Say in words where most was lost."""
    if not noise:
        return "the layers of this model cannot be followed in the file, so none is named"
    worst = max(noise, key=lambda layer: layer.drop_db)
    if worst.drop_db < NOTABLE_DROP_DB:
        return "no single layer stands out"
    return (
        f"most is lost in layer {worst.name!r}, whose output has {worst.sqnr_db:.1f} dB signal to noise, "
        f"{worst.drop_db:.1f} dB below what goes into it"
    )


def _add(
    sums: dict[str, _Sums],
    name: str,
    wanted: NDArray[np.float64],
    found: NDArray[np.floating],
    limits: Range | None,
) -> None:
    axes = tuple(range(wanted.ndim - 1))
    signal, noise = np.square(wanted).sum(axis=axes), np.square(found - wanted).sum(axis=axes)
    own = sums.setdefault(name, _Sums(np.zeros_like(signal), np.zeros_like(noise)))
    own.signal += signal
    own.noise += noise
    own.range = limits
    if limits is not None:
        half = limits.step / 2
        own.outside += int(((wanted < limits.low - half) | (wanted > limits.high + half)).sum())
        own.values += wanted.size


def _level(signal: float, noise: float) -> float:
    if signal <= 0:
        # A dead layer that stays dead is followed exactly.
        return _EXACT_DB if noise <= 0 else -_EXACT_DB
    level = sqnr_db(signal, noise)
    return _EXACT_DB if level is None else min(level, _EXACT_DB)


def _channel_level(own: _Sums) -> float:
    alive = own.signal > 0
    if not alive.any():
        return _EXACT_DB
    return float(np.median([_level(s, n) for s, n in zip(own.signal[alive], own.noise[alive], strict=True)]))


def _drops(nodes: list[Any], sums: Mapping[str, _Sums], healthy: float) -> tuple[LayerNoise, ...]:
    """Compare each layer with the worst of what goes into it, looking through layers that were not found."""
    levels = {name: _level(float(own.signal.sum()), float(own.noise.sum())) for name, own in sums.items()}
    counted = _without_masked(nodes, levels)
    arriving: dict[int, float] = {}
    found = []
    for node in nodes:
        before = min((arriving.get(id(tensor), healthy) for tensor in node.input_tensors), default=healthy)
        name = scope_name(node.operation)
        level = levels.get(name)
        after = before if level is None else min(counted[name], healthy)
        if level is not None:
            own = sums[name]
            saturated = own.outside / own.values if own.values else None
            drop = before - counted[name]
            found.append(LayerNoise(node.operation.name, level, drop, _channel_level(own), own.range, saturated))
        for tensor in node.outputs:
            arriving[id(tensor)] = after
    return tuple(found)


def _without_masked(nodes: list[Any], levels: Mapping[str, float]) -> dict[str, float]:
    """Lift a layer whose readers are all far better to the worst of them.

    Either its noise is lost in what it is added to, or the converter summed in another order, and the tensor that
    carries the layer's name holds something else.
    """
    counted = dict(levels)
    readers: dict[int, list[str]] = {}
    for node in nodes:
        for tensor in node.input_tensors:
            readers.setdefault(id(tensor), []).append(scope_name(node.operation))
    for node in nodes:
        name = scope_name(node.operation)
        after = [reader for tensor in node.outputs for reader in readers.get(id(tensor), [])]
        if name in levels and after and all(reader in levels for reader in after):
            best = min(levels[reader] for reader in after)
            if best > levels[name] + _MASKED_DB:
                counted[name] = best
    return counted


def _match(
    tensors: Sequence[Followed], expected: Mapping[str, NDArray[np.floating]]
) -> dict[str, tuple[NDArray[np.floating], Followed]]:
    """Give each layer the last tensor that carries its name and has its shape.

    A fused tensor carries several names; it is the output of the one that comes last in the network.
    """
    order = {name: position for position, name in enumerate(expected)}
    final = list(expected)[-1]
    matched: dict[str, tuple[NDArray[np.floating], Followed]] = {}
    for tensor in tensors:
        known = {final if scope == LAST else scope for scope in tensor.scopes} & order.keys()
        for name in sorted(known, key=lambda n: order[n], reverse=True):
            fitting = _as_nhwc(tensor.array, expected[name])
            if fitting is not None:
                matched[name] = (fitting, tensor)
                break
    return matched


def _as_nhwc(array: NDArray[np.floating], wanted: NDArray[np.floating]) -> NDArray[np.floating] | None:
    candidates = [array]
    if array.ndim == wanted.ndim == 4:  # noqa: PLR2004 - N, H, W, C
        candidates.append(array.transpose(0, 2, 3, 1))
    fitting = [candidate for candidate in candidates if candidate.shape == wanted.shape]
    # Where height, width and channels are equal both orders fit, and the right one is the closer.
    return min(fitting, key=lambda candidate: float(np.abs(candidate - wanted).sum()), default=None)


def keras_outputs(model: Model, nodes: list[Any]) -> Callable[[NDArray[np.uint8]], list[NDArray[np.floating]]]:
    """Make a function from an image ``(H, W, 3)`` uint8 RGB to the outputs of some nodes of a flat model."""
    keras = load("keras", feature="exporting a model", extra="export")
    probe = keras.Model(model.inputs[0], [node.outputs[0] for node in nodes])
    return lambda image: [np.asarray(out) for out in probe(image[None].astype(np.float32), training=False)]
