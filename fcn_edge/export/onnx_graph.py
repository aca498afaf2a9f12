"""Looking into ONNX graphs, and the few moves that rewriting them is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from fcn_edge.card import ScoreQuantization
from fcn_edge.optional import load

# onnx.ModelProto, NodeProto and GraphProto have no types here.
Proto = Any

# These only move values about; runtimes let them work on integers as they are.
MOVERS = ("DepthToSpace", "Expand", "Reshape", "Slice", "SpaceToDepth", "Squeeze", "Tile", "Transpose", "Unsqueeze")
QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")


def onnx() -> Any:  # noqa: ANN401 - a module without type information
    """Import onnx."""
    return load("onnx", feature="exporting to ONNX", extra="export")


def rename_output(model: Proto, name: str) -> None:
    """Give the one output a name that says what it is."""
    _rename(model, model.graph.output[0].name, name)
    model.graph.output[0].name = name


def score_quantization(model: Proto) -> ScoreQuantization | None:
    """Read scale and zero point of raw integer scores; None where the output is real or class ids."""
    node = writer(model, model.graph.output[0].name)
    if node is None or node.op_type != "QuantizeLinear":
        return None
    values = constants(model)
    return ScoreQuantization(float(values[node.input[1]].reshape(())), int(values[node.input[2]].reshape(())))


def forget_unused(model: Proto) -> None:
    """Drop the constants that no node reads, and the operator sets that none uses.

    ONNX Runtime's own operator sets are unknown to other runtimes.
    """
    read = {name for node in model.graph.node for name in node.input}
    for unused in [item for item in model.graph.initializer if item.name not in read]:
        model.graph.initializer.remove(unused)
    used = {node.domain for node in model.graph.node} | {""}
    for other in [entry for entry in model.opset_import if entry.domain not in used]:
        model.opset_import.remove(other)


def count_ops(model: Proto) -> dict[str, int]:
    """Count operations by kind, the most frequent first."""
    return dict(Counter(node.op_type for node in model.graph.node).most_common())


def float_op_names(model: Proto) -> list[str]:
    """Name the operations that have to compute in floating point.

    In a QDQ graph an operation is integer where all its data comes from DequantizeLinear and all its results go to
    QuantizeLinear: a runtime fuses such a group. Operations that only move values may stand between two of those.
    Without any such node every operation counts.
    """
    known = {item.name for item in model.graph.initializer}
    integer = _integer_tensors(model)
    fed = integer | {out for node in model.graph.node if node.op_type == "DequantizeLinear" for out in node.output}
    names = []
    for node in model.graph.node:
        if node.op_type in QUANTIZERS:
            continue
        takes = all(name in fed for name in node.input if name and name not in known)
        moves = node.op_type in MOVERS
        if takes and moves:
            fed.update(node.output)
        lands = all(_lands(model, out, through_movers=moves) for out in node.output)
        if not (takes and (lands or all(out in integer for out in node.output))):
            names.append(f"{node.op_type} {node.name}".strip())
    return names


def names_reading_image(model: Proto, kind: str) -> list[str]:
    """Name the operations of a kind that read the image, which may have been cast or moved before."""
    image, names = {model.graph.input[0].name}, []
    for node in model.graph.node:
        if not image & set(node.input):
            continue
        if node.op_type in (*MOVERS, "Cast", "Pad"):
            image.update(node.output)
        elif node.op_type == kind:
            names.append(node.name)
    return names


def constants(model: Proto) -> dict[str, Any]:
    """Give the arrays of the graph's initializers by name."""
    to_array = onnx().numpy_helper.to_array
    return {item.name: to_array(item) for item in model.graph.initializer}


def add_constant(model: Proto, name: str, array: Any) -> str:  # noqa: ANN401 - an array of any type
    """Add an initializer and give its name."""
    model.graph.initializer.append(onnx().numpy_helper.from_array(array, name))
    return name


def shapes(model: Proto) -> dict[str, tuple[int, ...]]:
    """Give the shape of each tensor that has a fixed one."""
    graph = onnx().shape_inference.infer_shapes(model).graph
    found = {}
    for info in (*graph.value_info, *graph.input, *graph.output):
        kind = info.type.tensor_type
        if kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim):
            found[info.name] = tuple(int(dim.dim_value) for dim in kind.shape.dim)
    return found


def attributes(node: Proto) -> dict[str, Any]:
    """Give the values of a node's attributes by name."""
    value_of = onnx().helper.get_attribute_value
    return {attribute.name: value_of(attribute) for attribute in node.attribute}


def readers(model: Proto, tensor: str) -> list[Proto]:
    """Give the nodes that read a tensor."""
    return [node for node in model.graph.node if tensor in node.input]


def writer(model: Proto, tensor: str) -> Proto | None:
    """Give the node that makes a tensor, None for inputs and constants."""
    return next((node for node in model.graph.node if tensor in node.output), None)


def replace(model: Proto, old: Proto, new: Iterable[Proto]) -> None:
    """Put nodes in the place of another, in their order."""
    position = list(model.graph.node).index(old)
    del model.graph.node[position]
    for offset, node in enumerate(new):
        model.graph.node.insert(position + offset, node)


def bypass(model: Proto, node: Proto) -> None:
    """Take out a node that gives what it takes; the tensor keeps the name under which it leaves the graph."""
    taken, given = node.input[0], node.output[0]
    model.graph.node.remove(node)
    if given == model.graph.output[0].name:
        taken, given = given, taken
    _rename(model, given, taken)
    for info in [info for info in model.graph.value_info if info.name == given]:
        model.graph.value_info.remove(info)


def forget_types(model: Proto, names: Iterable[str]) -> None:
    """Drop what is written down of tensors whose type changed."""
    gone = set(names)
    for info in [info for info in model.graph.value_info if info.name in gone]:
        model.graph.value_info.remove(info)


def _rename(model: Proto, old: str, new: str) -> None:
    for node in model.graph.node:
        for tensors in (node.input, node.output):
            for index, tensor in enumerate(tensors):
                if tensor == old:
                    tensors[index] = new


def _lands(model: Proto, tensor: str, *, through_movers: bool) -> bool:
    """Tell whether a tensor goes to QuantizeLinear only."""
    found = readers(model, tensor)
    return bool(found) and all(
        node.op_type == "QuantizeLinear"
        or (through_movers and node.op_type in MOVERS and _lands(model, node.output[0], through_movers=True))
        for node in found
    )


def _integer_tensors(model: Proto) -> set[str]:
    """Tensors known to be integers: the image, what is quantised, and what only moves or decides such values."""
    names = {model.graph.input[0].name}
    for node in model.graph.node:
        moves = node.op_type in (*MOVERS, "MaxPool") and node.input[0] in names
        if node.op_type in ("QuantizeLinear", "ArgMax", "Greater") or moves or _casts_to_integer(node):
            names.update(node.output)
    return names


def _casts_to_integer(node: Proto) -> bool:
    proto = onnx().TensorProto
    integers = (proto.INT32, proto.INT64, proto.UINT8, proto.INT8, proto.BOOL)
    return node.op_type == "Cast" and any(a.name == "to" and a.i in integers for a in node.attribute)
