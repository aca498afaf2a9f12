"""Input scaling put into the first convolution, so that quantised files have nothing between door and network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export.graph import (
    Model,
    Operation,
    Tensor,
    called_once,
    consumers,
    has_true_weights,
    model_of,
    names,
    new_input,
    replay,
)

# Relative to the range of the values; scaling in float32 errs by about 1e-7.
_TOLERANCE = 1e-5
# An operation with its node.
Reader = tuple[Operation, Any]


@dataclass(frozen=True, slots=True)
class _Affine:
    """``pixel @ matrix + offset`` on each pixel by itself; matrix ``(3, 3)`` (in, out), offset ``(3,)``, float64."""

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]


def absorb_input_scaling(model: Model) -> Model:
    """Fold what only scales, shifts or reorders the input's channels into the weights of the convolutions that read it.

    Which operations do so is found by trying, not by their names: Rescaling, Normalization, arithmetic with constants,
    flips. A shift before a convolution with zero padding cannot be folded exactly (the padding is zero after the
    shift, not before it): there the whole chain becomes one 1x1 convolution, if one operation reads it.
    """
    once = called_once(model)
    naming = names(model)
    skipped: set[int] = set()
    changed: dict[int, Operation] = {}
    for reader in consumers(model, model.inputs[0]):
        chain, tensor, readers = _chain(model, reader)
        if not chain or any(id(operation) not in once for operation in chain):
            continue
        replaced = _replacements(model, chain, tensor, readers, naming)
        if replaced is not None and all(key in once for key in replaced):
            skipped |= {id(operation) for operation in chain}
            changed |= replaced
    return _replace(model, skipped, changed) if changed else model


def _chain(model: Model, reader: Reader) -> tuple[list[Operation], Any, list[Reader]]:
    """Follow the input from one that reads it through operations that keep its shape and are affine on each pixel.

    Returns:
        The operations, the last one's tensor, and who reads that.
    """
    tensor = model.inputs[0]
    readers = [reader]
    chain: list[Operation] = []
    while len(readers) == 1:
        operation, node = readers[0]
        result = node.outputs[0]
        keeps_shape = len(node.input_tensors) == 1 and tuple(result.shape) == tuple(tensor.shape)
        if not keeps_shape or result is model.outputs[0] or _fit(model, result) is None:
            break
        chain.append(operation)
        tensor, readers = result, consumers(model, result)
    return chain, tensor, readers


def _replacements(
    model: Model,
    chain: list[Operation],
    tensor: Tensor,
    readers: list[Reader],
    naming: Callable[[str], str],
) -> dict[int, Operation] | None:
    """Give what stands in for operations, by their id, where the chain is left out; None where it has to stay."""
    affine = _fit(model, tensor)
    if affine is None:
        return None
    shifts = bool(np.abs(affine.offset).max() > _TOLERANCE * np.abs(affine.matrix).max() * 255)
    firsts = [reader[0] if shifts else _behind_padding(model, *reader) for reader in readers]
    if all(_is_plain_convolution(first) and (not shifts or first.padding == "valid") for first in firsts):
        return {id(first): _fold(first, affine, shifts=shifts) for first in firsts}
    return {id(chain[-1]): _as_convolution(affine, naming("input_scaling"))} if len(readers) == 1 else None


def _fit(model: Model, tensor: Any) -> _Affine | None:  # noqa: ANN401 - a symbolic tensor
    """Fit the map from the input to *tensor*; None where it is not affine on each pixel by itself."""
    part = model_of(model.inputs[0], tensor)
    shape = tuple(model.inputs[0].shape)
    rng = np.random.default_rng(0)
    probe = rng.integers(0, 256, shape).astype(np.float32)
    rows = np.concatenate([probe.reshape(-1, 3), np.array([[0, 0, 0], [255, 255, 255]])]).astype(np.float64)
    probe_out = np.asarray(part(probe), np.float64)
    flat = np.stack([np.zeros(shape[1:]), np.full(shape[1:], 255.0)]).astype(np.float32)
    edges = [np.asarray(part(image[None]), np.float64)[0, 0, 0] for image in flat]
    values = np.concatenate([probe_out.reshape(-1, 3), np.stack(edges)])
    design = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    solution, *_ = np.linalg.lstsq(design, values, rcond=None)
    error = np.abs(design @ solution - values).max()
    if not np.isfinite(error) or error > _TOLERANCE * max(np.ptp(values), 1e-12):
        return None
    return _Affine(solution[:3], solution[3])


def _behind_padding(model: Model, operation: Operation, node: Any) -> Operation:  # noqa: ANN401 - Keras has no types
    """Look through zero padding, which commutes with scaling, to the convolution behind it."""
    import keras

    readers = consumers(model, node.outputs[0])
    if isinstance(operation, keras.layers.ZeroPadding2D) and len(readers) == 1:
        return readers[0][0]
    return operation


def _is_plain_convolution(operation: Operation) -> bool:
    import keras

    return (
        type(operation) is keras.layers.Conv2D
        and operation.groups == 1
        and operation.data_format == "channels_last"
        and has_true_weights(operation)
    )


def _fold(convolution: Operation, affine: _Affine, *, shifts: bool) -> Operation:
    kernel, *biases = (weight.astype(np.float64) for weight in convolution.get_weights())
    folded = [np.einsum("ij,yxjo->yxio", affine.matrix, kernel)]
    if shifts or biases:
        folded.append(sum(biases) + np.einsum("j,yxjo->o", affine.offset, kernel) * shifts)
    config = {**convolution.get_config(), "use_bias": len(folded) > 1}
    copied = type(convolution).from_config(config)
    copied.build(convolution.input.shape)
    copied.set_weights([weight.astype(np.float32) for weight in folded])
    return copied


def _as_convolution(affine: _Affine, name: str) -> Operation:
    import keras

    layer = keras.layers.Conv2D(3, 1, name=name)
    layer.build((1, None, None, 3))
    layer.set_weights([affine.matrix[None, None].astype(np.float32), affine.offset.astype(np.float32)])
    return layer


def _replace(model: Model, skipped: set[int], changed: dict[int, Operation]) -> Model:
    import keras

    def change(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        if id(operation) not in skipped | changed.keys():
            return operation(*args, **kwargs)
        # Arithmetic has a constant beside the one tensor, on either side.
        tensor = next(value for value in (*args, *kwargs.values()) if isinstance(value, keras.KerasTensor))
        return changed[id(operation)](tensor) if id(operation) in changed else tensor

    entry = new_input(model.inputs[0].shape[1:3])
    return model_of(entry, replay(model, entry, change))
