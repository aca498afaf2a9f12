"""The linear regions of a model: what lies between one nonlinear layer and the next, or the scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export.fold.layers import Affine, Shape, affine_of
from fcn_edge.export.fold.stamp import Stamp
from fcn_edge.export.graph import Model, Tensor, nodes_of

_RANK = 4


@dataclass(slots=True, eq=False)
class Value:
    """A feature map of the region, or one that it starts from.

    Attributes:
        name: Of the layer that gives it.
        shape: Rows, columns, channels.
        tensor: Symbolic tensor; None for what exists inside a layer only.
        node: Keras node that makes it; None where the region starts, and inside a layer.
        terms: What it is the sum of.
        bias: Added to every pixel, ``(channels,)``.
    """

    name: str
    shape: Shape
    tensor: Tensor | None
    node: Any = None
    terms: list[tuple[Value, Stamp]] = field(default_factory=list)
    bias: NDArray[np.float64] | None = None

    @property
    def is_source(self) -> bool:
        """Whether the region starts here."""
        return not self.terms

    @property
    def does_nothing(self) -> bool:
        """Whether the layer passes its input on, at inference."""
        return self.bias is None and all(stamp.is_identity for _, stamp in self.terms) and len(self.terms) == 1

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.shape[:2]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A linear region.

    Attributes:
        end: Its result.
        values: All its feature maps, inputs before outputs, sources included.
    """

    end: Value
    values: tuple[Value, ...]

    def nodes(self) -> list[Any]:
        """List the Keras nodes inside."""
        return [value.node for value in self.values if value.node is not None]


def find_regions(model: Model) -> list[Region]:
    """Find the linear regions of a flat model, each as large as can be, the last first.

    A map that is also read outside its region, or is the model's output itself, ends a region of its own: it has to be
    computed anyway. Regions with nothing to fold, of one layer and of layers that do nothing, are left out.
    """
    nodes = nodes_of(model)
    made = {id(tensor): node for node in nodes for tensor in node.outputs}
    readers: dict[int, list[Any]] = {}
    for node in nodes:
        for tensor in node.input_tensors:
            readers.setdefault(id(tensor), []).append(node)
    # Descriptions hold weights in float64, so they are made again for the few that are folded.
    affine = {id(node) for node in nodes if describe_node(node) is not None}
    ends: dict[int, int] = {}
    found: dict[int, Tensor] = {}
    # From the end backwards, so that all readers of a map are placed before the map.
    for node in reversed(nodes):
        if id(node) not in affine:
            continue
        result = node.outputs[0]
        used = {ends.get(id(reader)) for reader in readers.get(id(result), [])}
        if len(used) == 1 and None not in used and result is not model.outputs[0]:
            ends[id(node)] = next(end for end in used if end is not None)
        else:
            ends[id(node)] = id(result)
            found[id(result)] = result
    regions = []
    for end, tensor in found.items():
        inside = {node for node, of in ends.items() if of == end}
        if len(inside) == 1:
            continue
        region = _build(tensor, made, inside)
        if sum(not value.does_nothing for value in region.values if value.node is not None) > 1:
            regions.append(region)
    return regions


def describe_node(node: Any) -> Affine | None:  # noqa: ANN401 - Keras has no types
    """Describe one call of a layer; None where it is not linear in the maps it reads."""
    import keras

    if node.is_input or len(node.outputs) != 1:
        return None
    shapes = [tuple(tensor.shape) for tensor in (*node.input_tensors, *node.outputs)]
    if not node.input_tensors or any(len(shape) != _RANK or None in shape for shape in shapes):
        return None
    given = keras.tree.flatten((node.arguments.args, node.arguments.kwargs))
    if any(hasattr(value, "shape") and not isinstance(value, keras.KerasTensor) for value in given):
        # A constant beside the maps, such as coordinates joined to them.
        return None
    return affine_of(node.operation, [shape[1:] for shape in shapes[:-1]], shapes[-1][1:])


def _build(end: Tensor, made: dict[int, Any], inside: set[int]) -> Region:
    values: dict[int, Value] = {}
    order: list[Value] = []

    def visit(tensor: Tensor) -> Iterator[Tensor]:
        """Give what has to be visited first, then build the value."""
        node = made.get(id(tensor))
        shape = tuple(tensor.shape[1:])
        if node is None or id(node) not in inside:
            name = tensor.name if node is None else node.operation.name
            values[id(tensor)] = Value(name, shape, tensor)
            order.append(values[id(tensor)])
            return
        yield from node.input_tensors
        described = describe_node(node)
        if described is None:
            raise AssertionError("described before")
        value = Value(node.operation.name, shape, tensor, node, bias=described.bias)
        for source, chain in zip(node.input_tensors, described.chains, strict=True):
            before = values[id(source)]
            for stamp, between in chain[:-1]:
                step = Value(f"{value.name}_rows", between, None, terms=[(before, stamp)])
                order.append(step)
                before = step
            value.terms.append((before, chain[-1][0]))
        values[id(tensor)] = value
        order.append(value)

    stack = [(end, visit(end))]
    while stack:
        _, steps = stack[-1]
        following = next((needed for needed in steps if id(needed) not in values), None)
        if following is None:
            stack.pop()
        else:
            stack.append((following, visit(following)))
    return Region(values[id(end)], tuple(order))
