"""Running a file so that every tensor inside can be seen, with the layers it is named after and its int8 range."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export import onnx_graph, tflite_graph
from fcn_edge.export.layer_names import LAST, scopes_in, scopes_of_node
from fcn_edge.model_file import parse_name
from fcn_edge.model_file.tflite_format import flatbuffer_bytes
from fcn_edge.optional import load


@dataclass(frozen=True, slots=True)
class Range:
    """What an integer tensor can hold: real values from *low* to *high*, in steps of *step*."""

    low: float
    high: float
    step: float


@dataclass(frozen=True, slots=True)
class Followed:
    """A tensor inside a file on one image.

    Attributes:
        scopes: Of the layers it is named after.
        array: Its values, real (dequantised); ``(1, H, W, C)`` in TFLite, ``(1, C, H, W)`` in ONNX.
        range: Of its integers, None where it is real.
    """

    scopes: tuple[str, ...]
    array: NDArray[np.float64]
    range: Range | None


# From (H, W, 3) uint8 RGB to all tensors, in the order computed.
Follow = Callable[[NDArray[np.uint8]], list[Followed]]


def open_followed(path: Path) -> Follow:
    """Open a ``.tflite`` or ``.onnx`` file to look at its tensors."""
    return {"tflite": _tflite, "onnx": _onnx}[parse_name(path).format](path)


def _tflite(path: Path) -> Follow:
    package = load("ai_edge_litert.interpreter", feature="exporting to TFLite", extra=None)
    data = flatbuffer_bytes(path)
    interpreter = package.Interpreter(
        model_content=data,
        experimental_preserve_all_tensors=True,
        # A delegate keeps its intermediate tensors to itself.
        experimental_op_resolver_type=package.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    graph = tflite_graph.read_model(data).subgraphs[0]
    details = {item["index"]: item for item in interpreter.get_tensor_details()}
    made = [int(index) for operator in graph.operators for index in operator.outputs]
    last = int(graph.outputs[0])
    source = interpreter.get_input_details()[0]

    def follow(image: NDArray[np.uint8]) -> list[Followed]:
        interpreter.set_tensor(source["index"], image[None].astype(source["dtype"]))
        interpreter.invoke()
        return [
            Followed(
                (*scopes_in(details[i]["name"]), *((LAST,) if i == last else ())),
                _real(interpreter.get_tensor(i), details[i]),
                _tflite_range(details[i]),
            )
            for i in made
        ]

    return follow


def _real(array: NDArray[Any], details: Mapping[str, Any]) -> NDArray[np.float64]:
    scales, zeros = details["quantization_parameters"]["scales"], details["quantization_parameters"]["zero_points"]
    wide: NDArray[np.float64] = array.astype(np.float64)
    return wide if len(scales) != 1 else (wide - zeros[0]) * scales[0]


def _tflite_range(details: Mapping[str, Any]) -> Range | None:
    scales, zeros = details["quantization_parameters"]["scales"], details["quantization_parameters"]["zero_points"]
    if len(scales) != 1 or not np.issubdtype(details["dtype"], np.integer):
        return None
    return _range(float(scales[0]), int(zeros[0]), np.dtype(details["dtype"]))


def _range(step: float, zero_point: int, dtype: np.dtype[Any]) -> Range:
    limits = np.iinfo(dtype)
    return Range((int(limits.min) - zero_point) * step, (int(limits.max) - zero_point) * step, step)


def _onnx(path: Path) -> Follow:
    proto = onnx_graph.onnx()
    runtime = load("onnxruntime", feature="exporting to ONNX", extra="export")
    model = proto.load(str(path))
    floats = (proto.TensorProto.FLOAT, proto.TensorProto.FLOAT16)
    inferred = {info.name: info for info in proto.shape_inference.infer_shapes(model).graph.value_info}
    outputs = {info.name: info for info in model.graph.output}
    # A float file's own output is a tensor like the others.
    inferred |= {name: info for name, info in outputs.items() if info.type.tensor_type.elem_type in floats}
    scopes, wanted = {}, []
    for node in model.graph.node:
        for name in node.output:
            if name in inferred and inferred[name].type.tensor_type.elem_type in floats:
                wanted.append(name)
                scopes[name] = scopes_in(name) or scopes_of_node(node)
    ranges = _onnx_ranges(model, wanted)
    model.graph.output.extend(inferred[name] for name in wanted if name not in outputs)
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name

    def follow(image: NDArray[np.uint8]) -> list[Followed]:
        arrays = session.run(wanted, {source: image[None]})
        return [
            Followed(scopes[name], array.astype(np.float64), ranges.get(name))
            for name, array in zip(wanted, arrays, strict=True)
        ]

    return follow


def _onnx_ranges(model: onnx_graph.Proto, tensors: list[str]) -> dict[str, Range]:
    """Find the range of each tensor that a QuantizeLinear reads or a DequantizeLinear gives."""
    values = onnx_graph.constants(model)
    named: dict[str, Range] = {}
    for node in model.graph.node:
        if node.op_type not in onnx_graph.QUANTIZERS or not all(name in values for name in node.input[1:3]):
            continue
        scale, zero = (values[name] for name in node.input[1:3])
        if scale.size == 1 and zero.size == 1:
            real = node.input[0] if node.op_type == "QuantizeLinear" else node.output[0]
            named[real] = _range(float(scale.reshape(())), int(zero.reshape(())), zero.dtype)
    return {name: named[name] for name in tensors if name in named}
