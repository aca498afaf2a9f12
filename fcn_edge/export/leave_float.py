"""Leaving layers of an int8 file in floating point: which operations of a file's graph they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fcn_edge.errors import ExportError, UsageError
from fcn_edge.export import tflite_graph
from fcn_edge.export.conversion import Conversion
from fcn_edge.export.graph import Model, nodes_of
from fcn_edge.export.layer_names import LAST, scope_of, scopes_of_node, tflite_operations
from fcn_edge.export.onnx_graph import QUANTIZERS, Proto, float_op_names

# The quantiser matches all other kinds by name.
_MATCHED_BY_KIND = ("TRANSPOSE_CONV",)
_FLOATS = ("FLOAT32", "FLOAT16")
_SHOWN = 12


def check_float_layers(model: Model, names: Sequence[str]) -> None:
    """Check that a flat model, all passes done, has the layers that are to stay in floating point.

    Raises:
        UsageError: It has no layer of that name; folding may have dissolved it.
    """
    known = layer_names(model)
    unknown = [name for name in names if name not in known]
    if unknown:
        shown = ", ".join(known[:_SHOWN]) + (f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else "")
        raise UsageError(
            f"--float-layers: the folded model has no layer {', '.join(map(repr, unknown))}; it has {shown}",
            hint="compare --layers names the layers of a file; --no-fold keeps those of the Keras model",
        )


def layer_names(model: Model) -> tuple[str, ...]:
    """Name the layers of a flat model in the order of the network."""
    return tuple(dict.fromkeys(node.operation.name for node in nodes_of(model) if not node.is_input))


def with_feeders(model: Model, names: Sequence[str]) -> tuple[str, ...]:
    """Add to some layers those that make what they read, back to the next ones with weights.

    All maps between them then are in floating point as well, which one layer alone cannot bring about.

    Returns:
        In the order of the network.
    """
    nodes = nodes_of(model)
    makers = {id(tensor): node for node in nodes for tensor in node.outputs}
    chosen = set(names)
    waiting = [node for node in nodes if node.operation.name in chosen]
    while waiting:
        for tensor in waiting.pop().input_tensors:
            maker = makers.get(id(tensor))
            if maker is None or maker.is_input or maker.operation.name in chosen:
                continue
            chosen.add(maker.operation.name)
            if not getattr(maker.operation, "weights", None):
                waiting.append(maker)
    return tuple(name for name in layer_names(model) if name in chosen)


def with_readers(model: Model, names: Sequence[str]) -> tuple[str, ...]:
    """Add to some layers those that read what they make, on to the next ones with weights, and all that those read.

    A layer may be lost for a scale that it shares with others where they are joined.

    Returns:
        In the order of the network.
    """
    nodes = nodes_of(model)
    reading: set[str] = set()
    waiting = [node for node in nodes if node.operation.name in set(names)]
    while waiting:
        made = {id(tensor) for tensor in waiting.pop().outputs}
        for node in nodes:
            if node.operation.name in reading or not made & {id(tensor) for tensor in node.input_tensors}:
                continue
            reading.add(node.operation.name)
            if not getattr(node.operation, "weights", None):
                waiting.append(node)
    chosen = {*names, *with_feeders(model, tuple(reading))}
    return tuple(name for name in layer_names(model) if name in chosen)


def tflite_operations_of(model: Any, job: Conversion) -> tuple[list[str], list[str]]:  # noqa: ANN401 - schema.ModelT
    """Find the operations of ``job.float_layers`` in a TFLite graph that is not quantised yet.

    Returns:
        Names of output tensors, and kinds of operations that can be told by kind only.

    Raises:
        ExportError: A layer has no operation of its own in the graph.
    """
    wanted = {scope_of(name): name for name in job.float_layers}
    final = _final_scope(job.model)
    nodes, kinds, found = [], set(), set()
    for kind, tensor, scopes in tflite_operations(model):
        own = {final if scope == LAST else scope for scope in scopes} & wanted.keys()
        found |= own
        if own and kind in _MATCHED_BY_KIND:
            kinds.add(kind)
        elif own:
            nodes.append(tensor)
    _check_found(wanted, found)
    return nodes, sorted(kinds)


def onnx_nodes_of(model: Proto, job: Conversion) -> list[str]:
    """Name the nodes of ``job.float_layers`` in an ONNX graph that is not quantised yet.

    Raises:
        ExportError: A layer has no operation of its own in the graph.
    """
    wanted = {scope_of(name): name for name in job.float_layers}
    nodes, found = [], set()
    for node in model.graph.node:
        own = set(scopes_of_node(node)) & wanted.keys()
        found |= own
        if own:
            nodes.append(node.name)
    _check_found(wanted, found)
    return nodes


def tflite_float_scopes(model: Any) -> frozenset[str]:  # noqa: ANN401 - schema.ModelT
    """Give the scopes of the layers that a TFLite graph computes in floating point."""
    operations = zip(tflite_operations(model), tflite_graph.operations(model), strict=True)
    return frozenset(
        scope
        for (kind, _, scopes), (_, types) in operations
        if kind not in ("QUANTIZE", "DEQUANTIZE", "CAST") and any(known in _FLOATS for known in types)
        for scope in scopes
    )


def onnx_float_scopes(model: Proto) -> frozenset[str]:
    """Give the scopes of the layers that an ONNX graph computes in floating point."""
    names = set(float_op_names(model))
    nodes = [node for node in model.graph.node if node.op_type not in (*QUANTIZERS, "Cast")]
    return frozenset(
        scope for node in nodes if f"{node.op_type} {node.name}".strip() in names for scope in scopes_of_node(node)
    )


def _final_scope(model: Model) -> str:
    return scope_of(nodes_of(model)[-1].operation.name)


def _check_found(wanted: dict[str, str], found: Iterable[str]) -> None:
    lost = [name for scope, name in wanted.items() if scope not in set(found)]
    if lost:
        raise ExportError(
            f"layer {', '.join(map(repr, lost))} has no operation of its own in the file: the converter merged it",
            hint="leave the layer before or after it in floating point instead",
        )
