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

    tensor, padding = _padded(tensor, kernel, first, cells, naming)
    options = {"padding": padding, "use_bias": bias is not None, "dtype": str(tensor.dtype), "name": name}
    layer = keras.layers.Conv2D(kernel.shape[3], kernel.shape[:2], **options)
    return _weighted(layer, tensor, kernel[::-1, ::-1], bias)


def depthwise(
    tensor: Tensor,
    kernel: Floats,
    first: tuple[int, int],
    cells: tuple[int, int],
    bias: Floats | None,
    name: str,
    naming: Naming,
) -> Tensor:
    """Do as :func:`convolve`, each channel by itself; *kernel* is ``(rows, columns, channels)``."""
    import keras

    tensor, padding = _padded(tensor, kernel, first, cells, naming)
    options = {"padding": padding, "use_bias": bias is not None, "dtype": str(tensor.dtype), "name": name}
    layer = keras.layers.DepthwiseConv2D(kernel.shape[:2], **options)
    return _weighted(layer, tensor, kernel[::-1, ::-1, :, None], bias)


def _padded(
    tensor: Tensor, kernel: Floats, first: tuple[int, int], cells: tuple[int, int], naming: Naming
) -> tuple[Tensor, str]:
    """Give the input of a convolution to *cells* pixels, and the convolution's own padding."""
    taps = kernel.shape[:2]
    before = (first[0] + taps[0] - 1, first[1] + taps[1] - 1)
    same = [before[axis] == (taps[axis] - 1) // 2 and cells[axis] == tensor.shape[1 + axis] for axis in (0, 1)]
    if all(same):
        return tensor, "same"
    return fit(tensor, before, (cells[0] + taps[0] - 1, cells[1] + taps[1] - 1), naming), "valid"


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
    return result if bias is None or whole else shift(result, bias, naming(f"{name}_bias"))


def fit(tensor: Tensor, before: tuple[int, int], size: tuple[int, int], naming: Naming) -> Tensor:
    """Put *before* rows and columns of zeros first (negative: cut them off) and cut or fill up to *size*."""
    import keras

    own = tensor.shape[1:3]
    after = [size[axis] - before[axis] - own[axis] for axis in (0, 1)]
    if any(before) or any(after):
        cut = tuple((max(-before[axis], 0), max(-after[axis], 0)) for axis in (0, 1))
        filled = tuple((max(before[axis], 0), max(after[axis], 0)) for axis in (0, 1))
        if any(map(any, cut)):
            tensor = keras.layers.Cropping2D(cut, dtype=str(tensor.dtype), name=naming("fold_crop"))(tensor)
        if any(map(any, filled)):
            tensor = keras.layers.ZeroPadding2D(filled, dtype=str(tensor.dtype), name=naming("fold_pad"))(tensor)
    return tensor


def _weighted(layer: Any, tensor: Tensor, kernel: Floats, bias: Floats | None) -> Tensor:  # noqa: ANN401
    layer.build(tuple(tensor.shape))
    layer.set_weights([kernel] if bias is None else [kernel, bias])
    return layer(tensor)


def add_up(terms: list[Tensor], name: str) -> Tensor:
    """Add feature maps of one shape."""
    import keras

    return keras.layers.Add(dtype=str(terms[0].dtype), name=name)(terms)


def shift(tensor: Tensor, values: Floats, name: str) -> Tensor:
    """Add *values*, ``(channels,)`` or ``(rows, columns, channels)``, which become a constant of the graph."""
    return _operations().Shift(values, name=name)(tensor)


def depth_to_space(tensor: Tensor, block: int, name: str) -> Tensor:
    """Unpack channels into squares of *block* pixels, ordered as in ``tf.nn.depth_to_space``."""
    return _operations().DepthToSpace(block, name=name)(tensor)


@functools.cache
def _operations() -> Any:  # noqa: ANN401 - a module
    # A module of its own since its classes derive from Keras's, which is imported only when something is exported.
    return load("fcn_edge.export.fold.keras_operations", feature="folding linear layers", extra="export")
