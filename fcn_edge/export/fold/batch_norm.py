"""Batch normalisation put into the convolution before it, wherever in the model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export.fold.layers import batch_norm_weights
from fcn_edge.export.graph import Model, Operation, called_once, consumers, is_plain, names, nodes_of, producer, rewrite

Floats = NDArray[np.float64]


def fold_batch_norms(model: Model) -> tuple[Model, int]:
    """Scale the kernels of convolutions by the batch normalisation that alone reads them, and let it go.

    Convolutions of any stride, dilation and number of groups, depthwise, separable and transposed ones.

    Returns:
        The model without those layers (the same where there are none), and how many there were.
    """
    pairs = _pairs(model)
    convolutions = {id(convolution) for convolution, _ in pairs}
    before = {id(norm): convolution for convolution, norm in pairs}
    naming = names(model)

    def change(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - tensors
        if id(operation) in convolutions:
            # Its reader calls the scaled copy on the same input.
            return args[0]
        if id(operation) in before:
            return _scaled(before[id(operation)], operation, args[0], naming(operation.name))
        return operation(*args, **kwargs)

    return (rewrite(model, change) if pairs else model), len(pairs)


def _pairs(model: Model) -> list[tuple[Operation, Operation]]:
    """Find each convolution and the batch normalisation that alone reads it."""
    import keras

    found, once = [], called_once(model)
    for node in nodes_of(model):
        norm = node.operation
        if type(norm) is not keras.layers.BatchNormalization or norm.axis not in (-1, 3) or id(norm) not in once:
            continue
        read = node.input_tensors[0]
        made = producer(read)
        if made is None or not _is_linear_convolution(made[0]) or id(made[0]) not in once:
            continue
        if len(consumers(model, read)) == 1 and read is not model.outputs[0]:
            found.append((made[0], norm))
    return found


def _is_linear_convolution(operation: Operation) -> bool:
    import keras

    kinds = ("Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D")
    return (
        type(operation) in [getattr(keras.layers, kind) for kind in kinds]
        and is_plain(operation)
        and operation.data_format == "channels_last"
    )


def _scaled(convolution: Operation, norm: Operation, tensor: Any, name: str) -> Any:  # noqa: ANN401 - tensors
    factor, shift = batch_norm_weights(norm)
    *kernels, last = [np.asarray(weight, np.float64) for weight in convolution.get_weights()]
    if convolution.use_bias:
        *kernels, kernel = kernels
        shift = shift + factor * last
    else:
        kernel = last
    config = {**convolution.get_config(), "use_bias": True, "name": name}
    layer = type(convolution).from_config(config)
    layer.build(tuple(tensor.shape))
    layer.set_weights([*kernels, _times(kernel, factor, type(convolution).__name__), shift])
    return layer(tensor)


def _times(kernel: Floats, factor: Floats, kind: str) -> Floats:
    if kind == "Conv2DTranspose":
        # (rows, columns, out, in)
        return kernel * factor[:, None]
    if kind == "DepthwiseConv2D":
        return kernel * factor.reshape(kernel.shape[2:])
    return kernel * factor
