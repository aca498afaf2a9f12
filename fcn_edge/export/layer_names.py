"""Which layer of a Keras model a tensor or node of a converted file belongs to, told by its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fcn_edge.export.onnx_graph import Proto

# Name of a TFLite file's last tensor, which is called after the output and not after its layer.
LAST = "*last*"
# Their second and third input are weights, which carry the layer's name even where an optimiser gave the node another.
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def scope_of(name: str) -> str:
    """Give the name under which a layer is found again in a converted file."""
    # TensorFlow wants a letter, digit or dot first.
    return re.sub(r"^[^A-Za-z0-9.]", ".", re.sub(r"[^A-Za-z0-9_.-]", "_", name))


def scopes_in(tensor: str) -> tuple[str, ...]:
    """List the layers a tensor is named after: the first part of each of its names."""
    return tuple(part.split("/", 1)[0] for part in tensor.split(";") if "/" in part)


def scopes_of_node(node: Proto) -> tuple[str, ...]:
    """List the layers that a node of an ONNX graph computes, by its own name, its outputs' or its weights'."""
    named = (*(scope for out in node.output for scope in scopes_in(out)), *scopes_in(node.name))
    if named or node.op_type not in _WEIGHTED:
        return named
    return tuple(scope for weights in node.input[1:] for scope in scopes_in(weights))


def tflite_operations(model: Any) -> Iterator[tuple[str, str, tuple[str, ...]]]:  # noqa: ANN401 - schema.ModelT
    """Walk through the operations of a TFLite graph: kind, name of the output tensor, scopes of its layers.

    The last has :data:`LAST` among its scopes.
    """
    from fcn_edge.export import tflite_graph

    graph = model.subgraphs[0]
    for operator, (kind, _) in zip(graph.operators, tflite_graph.operations(model), strict=True):
        made = int(operator.outputs[0])
        name = graph.tensors[made].name.decode()
        last = (LAST,) if made == int(graph.outputs[0]) else ()
        yield kind, name, (*scopes_in(name), *last)
