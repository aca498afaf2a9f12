"""Rewriting and looking into ONNX graphs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from fcn_edge.card import ScoreQuantization
from fcn_edge.optional import load

# onnx.ModelProto, NodeProto and GraphProto have no types here.
Proto = Any

_NEUTRAL = ("Transpose", "Reshape", "Squeeze", "Unsqueeze")
_QUANTIZING = ("QuantizeLinear", "DequantizeLinear")
_SHIFT = 128


def onnx() -> Any:  # noqa: ANN401 - a module without type information
    """Import onnx."""
    return load("onnx", feature="exporting to ONNX", extra="export")


def open_door(model: Proto) -> bool:
    """Let a quantised graph take raw pixels without converting them to float and back.

    The image goes through Cast (and Transpose) to a QuantizeLinear of scale 1 and zero point 0, which gives the pixel
    back that was cast: both go, exactly.

    Returns:
        Whether the graph was of that form.
    """
    graph = model.graph
    values = _initializers(model)
    tensor = graph.input[0].name
    gone: list[Proto] = []
    moved: list[tuple[Proto, str]] = []
    while True:
        readers = _readers(model, tensor)
        if len(readers) != 1:
            return False
        node = readers[0]
        if node.op_type == "DequantizeLinear" and _is_identity(node, values):
            after = _readers(model, node.output[0])
            if len(after) != 1 or after[0].op_type not in _NEUTRAL:
                break
            gone.append(node)
        elif node.op_type == "Cast" or (node.op_type == "QuantizeLinear" and _is_identity(node, values)):
            gone.append(node)
        elif node.op_type == "Transpose":
            moved.append((node, tensor))
        else:
            return False
        tensor = node.output[0]
    door, source = node, graph.input[0].name
    for transposed, _ in moved:
        transposed.input[0] = source
        source = transposed.output[0]
    door.input[0] = source
    _remove(graph, gone)
    _forget_types(graph, [source])
    return True


def close_with_int8(model: Proto) -> bool:
    """Let a quantised graph give raw int8 scores instead of dequantising them.

    Activations are uint8, which ONNX Runtime runs fused on every processor; the last DequantizeLinear is followed by a
    QuantizeLinear of the same scale and a zero point 128 lower, which is exact.

    Returns:
        Whether the graph ended in a DequantizeLinear.
    """
    proto = onnx()
    graph = model.graph
    values = _initializers(model)
    output = graph.output[0]
    tail: list[Proto] = []
    node = _writer(model, output.name)
    while node is not None and (node.op_type in _NEUTRAL or node.op_type in _QUANTIZING):
        tail.insert(0, node)
        node = _writer(model, node.input[0])
    quantize = next((n for n in tail if n.op_type == "QuantizeLinear"), None)
    if quantize is None:
        return False
    zero_point = int(values[quantize.input[2]].reshape(()))
    tensor = quantize.output[0]
    shaped = [n for n in tail[tail.index(quantize) + 1 :] if n.op_type in _NEUTRAL]
    _remove(graph, [n for n in tail if n is not quantize])
    for number, shaping in enumerate(shaped):
        shaping.input[0] = tensor
        tensor = shaping.output[0] = f"scores_uint8_{number}"
        graph.node.append(shaping)
    lowered = proto.numpy_helper.from_array(np.array(zero_point - _SHIFT, np.int8), "scores_zero_point")
    graph.initializer.append(lowered)
    scale_name, zero_name = quantize.input[1], quantize.input[2]
    make = proto.helper.make_node
    graph.node.append(make("DequantizeLinear", [tensor, scale_name, zero_name], ["scores_real"], "scores_real"))
    graph.node.append(make("QuantizeLinear", ["scores_real", scale_name, "scores_zero_point"], [output.name], "scores"))
    output.type.tensor_type.elem_type = proto.TensorProto.INT8
    return True


def rename_output(model: Proto, name: str) -> None:
    """Give the one output a name that says what it is."""
    old = model.graph.output[0].name
    for node in model.graph.node:
        for index, tensor in enumerate(node.output):
            if tensor == old:
                node.output[index] = name
        for index, tensor in enumerate(node.input):
            if tensor == old:
                node.input[index] = name
    model.graph.output[0].name = name


def score_quantization(model: Proto) -> ScoreQuantization | None:
    """Read scale and zero point of raw integer scores; None where the output is real or class ids."""
    node = _writer(model, model.graph.output[0].name)
    if node is None or node.op_type != "QuantizeLinear":
        return None
    values = _initializers(model)
    return ScoreQuantization(float(values[node.input[1]].reshape(())), int(values[node.input[2]].reshape(())))


def forget_unused_domains(model: Proto) -> None:
    """Drop the operator sets that no node uses: ONNX Runtime's own are unknown to other runtimes."""
    used = {node.domain for node in model.graph.node} | {""}
    for unused in [entry for entry in model.opset_import if entry.domain not in used]:
        model.opset_import.remove(unused)


def count_ops(model: Proto) -> dict[str, int]:
    """Count operations by kind, the most frequent first."""
    return dict(Counter(node.op_type for node in model.graph.node).most_common())


def float_op_names(model: Proto) -> list[str]:
    """Name the operations that have to compute in floating point.

    In a QDQ graph an operation is integer where all its data comes from DequantizeLinear and all its results go to
    QuantizeLinear: a runtime fuses such a group. Without any such node every operation counts.
    """
    constants = {item.name for item in model.graph.initializer}
    integer = _integer_tensors(model)
    fed = integer | {out for node in model.graph.node if node.op_type == "DequantizeLinear" for out in node.output}
    names = []
    for node in model.graph.node:
        if node.op_type in _QUANTIZING:
            continue
        takes = all(name in fed for name in node.input if name and name not in constants)
        readers = [reader for out in node.output for reader in _readers(model, out)]
        requantised = bool(readers) and all(reader.op_type == "QuantizeLinear" for reader in readers)
        if not (takes and (requantised or all(out in integer for out in node.output))):
            names.append(f"{node.op_type} {node.name}".strip())
    return names


def _integer_tensors(model: Proto) -> set[str]:
    """Tensors known to be integers: the image, what is quantised, and what only moves or decides such values."""
    names = {model.graph.input[0].name}
    for node in model.graph.node:
        moves = node.op_type in (*_NEUTRAL, "Slice", "MaxPool") and node.input[0] in names
        if node.op_type in ("QuantizeLinear", "ArgMax", "Greater") or moves or _casts_to_integer(node):
            names.update(node.output)
    return names


def _casts_to_integer(node: Proto) -> bool:
    proto = onnx().TensorProto
    integers = (proto.INT32, proto.INT64, proto.UINT8, proto.INT8, proto.BOOL)
    return node.op_type == "Cast" and any(a.name == "to" and a.i in integers for a in node.attribute)


def _initializers(model: Proto) -> dict[str, Any]:
    to_array = onnx().numpy_helper.to_array
    return {item.name: to_array(item) for item in model.graph.initializer}


def _is_identity(node: Proto, values: dict[str, Any]) -> bool:
    scale, zero = values.get(node.input[1]), values.get(node.input[2])
    return scale is not None and zero is not None and scale.size == 1 and float(scale) == 1.0 and int(zero) == 0


def _readers(model: Proto, tensor: str) -> list[Proto]:
    return [node for node in model.graph.node if tensor in node.input]


def _writer(model: Proto, tensor: str) -> Proto | None:
    return next((node for node in model.graph.node if tensor in node.output), None)


def _remove(graph: Proto, nodes: list[Proto]) -> None:
    for node in nodes:
        graph.node.remove(node)


def _forget_types(graph: Proto, names: list[str]) -> None:
    for info in [info for info in graph.value_info if info.name in names]:
        graph.value_info.remove(info)
