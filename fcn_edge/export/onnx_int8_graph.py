"""Rewriting a quantised (QDQ) ONNX graph, exactly, so that runtimes find integers from door to scores."""

from __future__ import annotations

import numpy as np

from fcn_edge.export import onnx_graph
from fcn_edge.export.onnx_graph import MOVERS, QUANTIZERS, Proto

# How scores are laid out at the end. ONNX Runtime has these for uint8 in all versions, and OpenVINO likes them so.
_LAYOUT = ("Reshape", "Squeeze", "Transpose", "Unsqueeze")
_SHIFT = 128
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm")
_LARGEST_INT8 = 127
# The only one of a dozen tried (powers of two, 1/254, 1/300, …) that OpenVINO 2026.4 does not see through too early.
_DOOR_SCALE = np.float32(1 / 255)


def open_door(model: Proto) -> bool:
    """Let a quantised graph take raw pixels without converting them to float and back.

    The image goes through Cast (and Transpose) to a QuantizeLinear of scale 1 and zero point 0, which gives the pixel
    back that was cast: both go, exactly.

    Returns:
        Whether the graph was of that form.
    """
    graph = model.graph
    values = onnx_graph.constants(model)
    tensor = graph.input[0].name
    gone: list[Proto] = []
    moved: list[Proto] = []
    while True:
        found = onnx_graph.readers(model, tensor)
        if len(found) != 1:
            return False
        node = found[0]
        if node.op_type == "DequantizeLinear" and _is_identity(node, values):
            after = onnx_graph.readers(model, node.output[0])
            if len(after) != 1 or after[0].op_type != "Transpose":
                break
            gone.append(node)
        elif node.op_type == "Cast" or (node.op_type == "QuantizeLinear" and _is_identity(node, values)):
            gone.append(node)
        elif node.op_type == "Transpose":
            moved.append(node)
        else:
            return False
        tensor = node.output[0]
    source = graph.input[0].name
    for transposed in moved:
        transposed.input[0] = source
        source = transposed.output[0]
    node.input[0] = source
    for removed in gone:
        graph.node.remove(removed)
    onnx_graph.forget_types(model, [source])
    _show_quantization(model, node)
    return True


def close_with_int8(model: Proto) -> bool:
    """Let a quantised graph give raw int8 scores instead of dequantising them.

    Activations are uint8, which ONNX Runtime runs fused on every processor; the last DequantizeLinear is followed by a
    QuantizeLinear of the same scale and a zero point 128 lower, which is exact.

    Returns:
        Whether the graph ended in a DequantizeLinear; what only moves values may come after it.
    """
    name = model.graph.output[0].name
    found = _lay_out_integers(model) or _move_integers(model)
    if found is None:
        return False
    tensor, scale, zero_name = found
    zero_point = int(onnx_graph.constants(model)[zero_name].reshape(()))
    make = onnx_graph.onnx().helper.make_node
    model.graph.node.append(make("DequantizeLinear", [tensor, scale, zero_name], ["scores_real"], "scores_real"))
    _quantize_output(model, "scores_real", name, scale, zero_point - _SHIFT)
    return True


def close_symmetrically(model: Proto, largest: float) -> None:
    """Let a graph of real scores give raw int8 scores with zero point 0.

    Args:
        model: Ends in float32.
        largest: Score, by amount, that the largest int8 stands for.
    """
    name = model.graph.output[0].name
    onnx_graph.rename_output(model, "scores_real")
    # A graph whose scores are all 0 has no range; any scale will do.
    step = np.array(largest / _LARGEST_INT8 or 1, np.float32)
    _quantize_output(model, "scores_real", name, onnx_graph.add_constant(model, "scores_scale", step), 0)


def close_by_range(model: Proto, low: float, high: float) -> None:
    """Let a graph that ends in real scores give raw int8 scores.

    Args:
        model: Ends in float32.
        low: Smallest score that the smallest int8 stands for; 0 is always in the range.
        high: Largest score.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    name = model.graph.output[0].name
    onnx_graph.rename_output(model, "scores_real")
    step = np.array((high - low) / (2 * _SHIFT - 1) or 1, np.float32)
    zero_point = round(-_SHIFT - low / float(step))
    _quantize_output(model, "scores_real", name, onnx_graph.add_constant(model, "scores_scale", step), zero_point)


def keep_float(model: Proto) -> None:
    """Keep ONNX Runtime from quantising what was left in floating point.

    Recent versions quantise the weights of a convolution by themselves, with one scale for all, where its input is
    dequantised with one scale and its output quantised. A scale for each channel, all of them equal, is the same to
    the number, and left alone.
    """
    values, sizes = onnx_graph.constants(model), onnx_graph.shapes(model)
    for node in list(model.graph.node):
        if node.op_type not in _WEIGHTED or node.input[1] not in values:
            continue
        source = onnx_graph.writer(model, node.input[0])
        if source is None or source.op_type != "DequantizeLinear" or values[source.input[1]].size != 1:
            continue
        channels = sizes[node.input[0]][1]
        scale, zero = (np.repeat(values[name].reshape(1), channels) for name in source.input[1:3])
        tensor = f"{node.name}_input"
        names = [source.input[0], f"{tensor}_scale", f"{tensor}_zero_point"]
        onnx_graph.add_constant(model, names[1], scale)
        onnx_graph.add_constant(model, names[2], zero)
        own = onnx_graph.onnx().helper.make_node("DequantizeLinear", names, [tensor], tensor, axis=1)
        node.input[0] = tensor
        onnx_graph.replace(model, node, [own, node])
        if not onnx_graph.readers(model, source.output[0]):
            model.graph.node.remove(source)


def keep_scales(model: Proto) -> None:
    """Give what is only moved the scale that it came with, so that it is moved as integers.

    A crop may have a smaller range than what it was cut from. Quantised by that range, it would be dequantised, cut and
    quantised again.
    """
    for node in [node for node in model.graph.node if node.op_type == "QuantizeLinear"]:
        made = onnx_graph.writer(model, node.input[0])
        while made is not None and made.op_type in MOVERS:
            made = onnx_graph.writer(model, made.input[0])
        if made is None or made.op_type != "DequantizeLinear":
            continue
        for quantizing in (node, *onnx_graph.readers(model, node.output[0])):
            if quantizing.op_type in QUANTIZERS:
                quantizing.input[1:] = made.input[1:]


def _show_quantization(model: Proto, door: Proto) -> None:
    """Let OpenVINO see that the pixels are quantised; ONNX Runtime drops what is added here.

    OpenVINO runs the first convolution in float where its input is only dequantised, and where the scale is 1. So a
    scale goes from the weights to the door, and a pair that gives the pixel back stands before it.
    """
    values = onnx_graph.constants(model)
    found = onnx_graph.readers(model, door.output[0])
    kernels = [kernel for node in found if (kernel := _own_kernel(model, node)) is not None]
    if len(kernels) != len(found):
        return
    for index, kernel in enumerate(kernels):
        scales = values[kernel.input[1]] / _DOOR_SCALE
        kernel.input[1] = onnx_graph.add_constant(model, f"door_weights_scale_{index}", scales)
    scale = onnx_graph.add_constant(model, "door_scale", np.array(_DOOR_SCALE))
    make = onnx_graph.onnx().helper.make_node
    pixels, zero_point = door.input[0], door.input[2]
    pair = [
        make("DequantizeLinear", [pixels, scale, zero_point], ["door_real"], "door_real"),
        make("QuantizeLinear", ["door_real", scale, zero_point], ["door"], "door"),
    ]
    door.input[0], door.input[1] = "door", scale
    onnx_graph.replace(model, door, [*pair, door])


def _lay_out_integers(model: Proto) -> tuple[str, str, str] | None:
    """Take the end off a graph whose last quantised tensor is only laid out anew, and do that with the integers.

    Returns:
        The uint8 tensor, its scale and its zero point; None where the graph does not end so.
    """
    tail: list[Proto] = []
    node = onnx_graph.writer(model, model.graph.output[0].name)
    while node is not None and node.op_type in (*_LAYOUT, *QUANTIZERS):
        tail.insert(0, node)
        node = onnx_graph.writer(model, node.input[0])
    quantize = next((node for node in tail if node.op_type == "QuantizeLinear"), None)
    if quantize is None:
        return None
    after = tail[tail.index(quantize) + 1 :]
    for removed in after:
        model.graph.node.remove(removed)
    tensor = quantize.output[0]
    for number, shaping in enumerate(node for node in after if node.op_type in _LAYOUT):
        shaping.input[0] = tensor
        tensor = shaping.output[0] = f"scores_uint8_{number}"
        model.graph.node.append(shaping)
    return tensor, quantize.input[1], quantize.input[2]


def _move_integers(model: Proto) -> tuple[str, str, str] | None:
    """Quantise the end of a graph whose last dequantised tensor is only moved, so that it is moved as integers.

    Returns:
        The uint8 tensor, its scale and its zero point; None where the graph does not end so.
    """
    node = onnx_graph.writer(model, model.graph.output[0].name)
    while node is not None and node.op_type in MOVERS:
        node = onnx_graph.writer(model, node.input[0])
    if node is None or node.op_type != "DequantizeLinear":
        return None
    onnx_graph.rename_output(model, "scores_moved")
    make = onnx_graph.onnx().helper.make_node
    quantize = make("QuantizeLinear", ["scores_moved", *node.input[1:]], ["scores_uint8"], "scores_uint8")
    model.graph.node.append(quantize)
    return "scores_uint8", node.input[1], node.input[2]


def _quantize_output(model: Proto, tensor: str, name: str, scale: str, zero_point: int) -> None:
    zero_name = onnx_graph.add_constant(model, "scores_zero_point", np.array(zero_point, np.int8))
    make = onnx_graph.onnx().helper.make_node
    model.graph.node.append(make("QuantizeLinear", [tensor, scale, zero_name], [name], "scores"))
    output = model.graph.output[0]
    output.name, output.type.tensor_type.elem_type = name, onnx_graph.onnx().TensorProto.INT8


def _own_kernel(model: Proto, convolution: Proto) -> Proto | None:
    """Give the DequantizeLinear of a convolution's kernel, None where there is none or others read it too."""
    if convolution.op_type != "Conv":
        return None
    kernel = onnx_graph.writer(model, convolution.input[1])
    own = kernel is not None and kernel.op_type == "DequantizeLinear"
    return kernel if own and len(onnx_graph.readers(model, convolution.input[1])) == 1 else None


def _is_identity(node: Proto, values: dict[str, np.ndarray]) -> bool:
    scale, zero = values.get(node.input[1]), values.get(node.input[2])
    return scale is not None and zero is not None and scale.size == 1 and float(scale) == 1.0 and int(zero) == 0
