"""Concatenations taken apart where a linear convolution reads them, so that each source keeps its own int8 scale.

TFLite gives all inputs of a CONCATENATION one scale, and passes it on to what made them. In an encoder-decoder the
encoder's maps (after a ReLU, never negative) then share a range with upsampled maps of both signs and lose half of
their 256 steps or more. A convolution over a concatenation is a sum of convolutions over its parts, and an ADD has a
scale for each of its inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fcn_edge.export.graph import Model, Operation, called_once, consumers, is_plain, names, nodes_of, rewrite


def split_concatenations(model: Model) -> Model:
    """Turn ``conv(concat(a, b))`` into ``conv_a(a) + conv_b(b)`` wherever that is exact and nothing else reads it."""
    pairs = _pairs(model)
    naming = names(model)
    join_of = {id(reader): id(join) for join, reader in pairs}
    parts: dict[int, list[Any]] = {id(join): [] for join, _ in pairs}

    def change(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - tensors
        if id(operation) in parts:
            parts[id(operation)] = list(args[0])
        if id(operation) in join_of:
            return _sum_of_parts(operation, parts[join_of[id(operation)]], naming)
        return operation(*args, **kwargs)

    return rewrite(model, change) if pairs else model


def _pairs(model: Model) -> list[tuple[Operation, Operation]]:
    """Find each concatenation of channels with the linear convolution that alone reads it."""
    import keras

    found, once = [], called_once(model)
    for node in nodes_of(model):
        join = node.operation
        if type(join) is not keras.layers.Concatenate or join.axis not in (-1, 3) or id(join) not in once:
            continue
        whole = sum(tensor.shape[-1] for tensor in node.input_tensors) == node.outputs[0].shape[-1]
        readers = consumers(model, node.outputs[0])
        if whole and len(readers) == 1 and _is_linear(readers[0][0]) and id(readers[0][0]) in once:
            found.append((join, readers[0][0]))
    return found


def _is_linear(operation: Operation) -> bool:
    import keras

    plain = type(operation) in (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    return (
        plain
        and is_plain(operation)
        and operation.data_format == "channels_last"
        and getattr(operation, "groups", 1) == 1
    )


def _sum_of_parts(convolution: Operation, parts: list[Any], naming: Callable[[str], str]) -> Any:  # noqa: ANN401 - tensors
    import keras

    kernel, *bias = convolution.get_weights()
    # Conv2D keeps its input channels on the last axis but one, Conv2DTranspose on the last.
    axis = 3 if isinstance(convolution, keras.layers.Conv2DTranspose) else 2
    edges = np.cumsum([part.shape[-1] for part in parts])[:-1]
    terms = []
    for index, (part, share) in enumerate(zip(parts, np.split(kernel, edges, axis=axis), strict=True)):
        use_bias = bool(bias) and index == 0
        config = {
            **convolution.get_config(),
            "use_bias": use_bias,
            "name": naming(f"{convolution.name}_part{index + 1}"),
        }
        layer = type(convolution).from_config(config)
        layer.build(part.shape)
        layer.set_weights([share, *bias] if use_bias else [share])
        terms.append(layer(part))
    return keras.layers.Add(name=naming(f"{convolution.name}_sum"))(terms)
