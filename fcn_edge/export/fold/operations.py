"""The operations that folded terms are made of."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export.graph import Tensor
from fcn_edge.optional import load

Floats = NDArray[np.float64]
Naming = Callable[[str], str]


def convolve(
    tensor: Tensor,
    kernel: Floats,
    first: tuple[int, int],
    cells: tuple[int, int],
    bias: Floats | None,
    name: str,
    naming: Naming,
) -> Tensor:
    """Add up ``kernel[j].T @ input[c - first - j]`` for each cell ``c``; *kernel* is in stamping order."""
    import keras

    taps = kernel.shape[:2]
    before = [first[axis] + taps[axis] - 1 for axis in (0, 1)]
    same = [before[axis] == (taps[axis] - 1) // 2 and cells[axis] == tensor.shape[1 + axis] for axis in (0, 1)]
    if not all(same):
        tensor = fit(tensor, (before[0], before[1]), (cells[0] + taps[0] - 1, cells[1] + taps[1] - 1), naming)
    layer = keras.layers.Conv2D(
        kernel.shape[3],
        taps,
        padding="same" if all(same) else "valid",
        use_bias=bias is not None,
        dtype=str(tensor.dtype),
        name=name,
    )
    return _weighted(layer, tensor, kernel[::-1, ::-1], bias)


def stamp(
    tensor: Tensor,
    kernel: Floats,
    stride: tuple[int, int],
    first: tuple[int, int],
    cells: tuple[int, int],
    bias: Floats | None,
    name: str,
    naming: Naming,
) -> Tensor:
    """Stamp *kernel* onto a map of *cells*, the first tap of input 0 at *first*."""
    import keras

    grown = [tensor.shape[1 + axis] * stride[axis] for axis in (0, 1)]
    spare = [max(kernel.shape[axis] - stride[axis], 0) for axis in (0, 1)]
    same = all(first[axis] == -(spare[axis] // 2) and grown[axis] == cells[axis] for axis in (0, 1))
    # The bias would also be cropped and padded with the map, so it waits for the map to be whole.
    whole = same or all(first[axis] <= 0 and grown[axis] + spare[axis] + first[axis] >= cells[axis] for axis in (0, 1))
    layer = keras.layers.Conv2DTranspose(
        kernel.shape[3],
        kernel.shape[:2],
        strides=stride,
        padding="same" if same else "valid",
        use_bias=bias is not None and whole,
        dtype=str(tensor.dtype),
        name=name,
    )
    result = _weighted(layer, tensor, kernel.swapaxes(2, 3), bias if whole else None)
    result = result if same else fit(result, first, cells, naming)
    return result if bias is None or whole else keras.ops.add(result, bias.astype(result.dtype))


def fit(tensor: Tensor, before: tuple[int, int], size: tuple[int, int], naming: Naming) -> Tensor:
    """Put *before* rows and columns of zeros first (negative: cut them off) and cut or fill up to *size*."""
    import keras

    own = tensor.shape[1:3]
    after = [size[axis] - before[axis] - own[axis] for axis in (0, 1)]
    if any(before) or any(after):
        cut = tuple((max(-before[axis], 0), max(-after[axis], 0)) for axis in (0, 1))
        filled = tuple((max(before[axis], 0), max(after[axis], 0)) for axis in (0, 1))
        if any(map(any, cut)):
            tensor = keras.layers.Cropping2D(cut, name=naming("fold_crop"))(tensor)
        if any(map(any, filled)):
            tensor = keras.layers.ZeroPadding2D(filled, name=naming("fold_pad"))(tensor)
    return tensor


def _weighted(layer: Any, tensor: Tensor, kernel: Floats, bias: Floats | None) -> Tensor:  # noqa: ANN401
    layer.build(tuple(tensor.shape))
    layer.set_weights([kernel] if bias is None else [kernel, bias])
    return layer(tensor)


def depth_to_space(block: int, name: str) -> Any:  # noqa: ANN401 - an operation of Keras
    """Make the operation that unpacks channels into squares of *block* pixels, as ``tf.nn.depth_to_space`` does."""
    return _depth_to_space_class()(block, name=name)


@functools.cache
def _depth_to_space_class() -> Any:  # noqa: ANN401 - a class, made here so that Keras is imported only when needed
    import keras

    tf = load("tensorflow", feature="folding linear layers", extra="export")

    class DepthToSpace(keras.Operation):  # type: ignore[misc] # a class made at run time
        """``(N, H, W, b² · C)`` to ``(N, H · b, W · b, C)``."""

        def __init__(self, block: int, *, name: str) -> None:
            super().__init__(name=name)
            self._block = block

        def call(self, tensor: Any) -> Any:  # noqa: ANN401 - a tensor
            """Unpack."""
            return tf.nn.depth_to_space(tensor, self._block)

        def compute_output_spec(self, tensor: Any) -> Any:  # noqa: ANN401 - a symbolic tensor
            """Give shape and type."""
            count, rows, columns, channels = tensor.shape
            block = self._block
            shape = (count, rows * block, columns * block, channels // block**2)
            return keras.KerasTensor(shape, dtype=tensor.dtype)

    return DepthToSpace
