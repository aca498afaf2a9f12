"""Finding the layer where a file leaves the Keras model: signal to noise of every layer it can be followed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Precision
from fcn_edge.export import onnx_graph, tflite_graph
from fcn_edge.export.freeze import scope_name
from fcn_edge.export.graph import Model
from fcn_edge.export.parity import sqnr_db
from fcn_edge.model_file import parse_name
from fcn_edge.model_file.tflite_format import flatbuffer_bytes
from fcn_edge.optional import load

# The signal to noise that a healthy first layer has: what goes in is exact, and the loss of the first layer would
# otherwise be infinite.
_HEALTHY_DB: dict[Precision, float] = {"fp32": 120.0, "fp16": 60.0, "int8": 40.0}
_EXACT_DB = 200.0
# Rounding to the same number of bits once more costs 3 dB.
_NOTABLE_DROP_DB = 3.0
# Name of a file's last tensor, which is called after the output and not after its layer.
_LAST = "*last*"

# A layer's output on one image, by the names its tensors carry in the file: ((names, array), …) in the order computed.
_Tensors = list[tuple[tuple[str, ...], NDArray[np.floating]]]


@dataclass(frozen=True, slots=True)
class LayerNoise:
    """How well a file follows one layer.

    Attributes:
        name: Of the Keras layer.
        sqnr_db: Signal to noise of its output, in decibel.
        drop_db: How far that is below what went into the layer.
    """

    name: str
    sqnr_db: float
    drop_db: float


def layer_noise(model: Model, path: Path, images: NDArray[np.uint8], precision: Precision) -> tuple[LayerNoise, ...]:
    """Measure every layer of a flat model that can be found again in a file, in the order of the network.

    Args:
        model: Flat; what the file was converted from.
        path: The ``.tflite`` or ``.onnx`` file.
        images: ``(N, H, W, 3)`` uint8 RGB.
        precision: Of the file.
    """
    nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]  # noqa: SLF001
    nodes = [node for node in nodes if not node.is_input]
    names = [scope_name(node.operation) for node in nodes]
    follow = {"tflite": _tflite_tensors, "onnx": _onnx_tensors}[parse_name(path).format](path)
    expected = _keras_outputs(model, nodes)
    powers: dict[str, list[float]] = {}
    for image in images:
        theirs = dict(zip(names, expected(image), strict=True))
        for name, found in _match(follow(image), theirs).items():
            signal, noise = powers.setdefault(name, [0.0, 0.0])
            wide = theirs[name].astype(np.float64)
            powers[name] = [signal + float(np.square(wide).sum()), noise + float(np.square(found - wide).sum())]
    levels = {name: _level(*power) for name, power in powers.items()}
    return _drops(nodes, levels, _HEALTHY_DB[precision])


def guilty_layer(noise: Sequence[LayerNoise]) -> str:
    """Say in words where most was lost."""
    if not noise:
        return "the layers of this model cannot be followed in the file, so none is named"
    worst = max(noise, key=lambda layer: layer.drop_db)
    if worst.drop_db < _NOTABLE_DROP_DB:
        return "no single layer stands out"
    return (
        f"most is lost in layer {worst.name!r}, whose output has {worst.sqnr_db:.1f} dB signal to noise, "
        f"{worst.drop_db:.1f} dB below what goes into it"
    )


def _level(signal: float, noise: float) -> float:
    if signal <= 0:
        # A dead layer that stays dead is followed exactly.
        return _EXACT_DB if noise <= 0 else -_EXACT_DB
    level = sqnr_db(signal, noise)
    return _EXACT_DB if level is None else min(level, _EXACT_DB)


def _drops(nodes: list[Any], levels: Mapping[str, float], healthy: float) -> tuple[LayerNoise, ...]:
    """Compare each layer with the worst of what goes into it, looking through layers that were not found."""
    arriving: dict[int, float] = {}
    found = []
    for node in nodes:
        before = min((arriving.get(id(tensor), healthy) for tensor in node.input_tensors), default=healthy)
        name = scope_name(node.operation)
        level = levels.get(name)
        if level is not None:
            found.append(LayerNoise(node.operation.name, level, before - level))
        after = before if level is None else min(level, healthy)
        for tensor in node.outputs:
            arriving[id(tensor)] = after
    return tuple(found)


def _match(tensors: _Tensors, expected: Mapping[str, NDArray[np.floating]]) -> dict[str, NDArray[np.floating]]:
    """Give each layer the last tensor that carries its name and has its shape.

    A fused tensor carries several names; it is the output of the one that comes last in the network.
    """
    order = {name: position for position, name in enumerate(expected)}
    final = list(expected)[-1]
    matched: dict[str, NDArray[np.floating]] = {}
    for names, array in tensors:
        known = {final if name == _LAST else name for name in names} & order.keys()
        for name in sorted(known, key=lambda n: order[n], reverse=True):
            fitting = _as_nhwc(array, expected[name])
            if fitting is not None:
                matched[name] = fitting
                break
    return matched


def _as_nhwc(array: NDArray[np.floating], wanted: NDArray[np.floating]) -> NDArray[np.floating] | None:
    candidates = [array]
    if array.ndim == wanted.ndim == 4:  # noqa: PLR2004 - N, H, W, C
        candidates.append(array.transpose(0, 2, 3, 1))
    fitting = [candidate for candidate in candidates if candidate.shape == wanted.shape]
    # Where height, width and channels are equal both orders fit, and the right one is the closer.
    return min(fitting, key=lambda candidate: float(np.abs(candidate - wanted).sum()), default=None)


def _keras_outputs(model: Model, nodes: list[Any]) -> Callable[[NDArray[np.uint8]], list[NDArray[np.floating]]]:
    keras = load("keras", feature="exporting a model", extra="export")
    probe = keras.Model(model.inputs[0], [node.outputs[0] for node in nodes])
    return lambda image: [np.asarray(out) for out in probe(image[None].astype(np.float32), training=False)]


def _tflite_tensors(path: Path) -> Callable[[NDArray[np.uint8]], _Tensors]:
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

    def run(image: NDArray[np.uint8]) -> _Tensors:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        return [
            (_names(details[i]["name"], last=i == last), _real(interpreter.get_tensor(i), details[i])) for i in made
        ]

    return run


def _real(array: NDArray[Any], details: Mapping[str, Any]) -> NDArray[np.floating]:
    scales, zeros = details["quantization_parameters"]["scales"], details["quantization_parameters"]["zero_points"]
    wide = array.astype(np.float64)
    return wide if len(scales) != 1 else (wide - zeros[0]) * scales[0]


def _onnx_tensors(path: Path) -> Callable[[NDArray[np.uint8]], _Tensors]:
    proto = onnx_graph.onnx()
    runtime = load("onnxruntime", feature="exporting to ONNX", extra="export")
    model = proto.load(str(path))
    floats = (proto.TensorProto.FLOAT, proto.TensorProto.FLOAT16)
    inferred = {info.name: info for info in proto.shape_inference.infer_shapes(model).graph.value_info}
    outputs = {info.name for info in model.graph.output}
    wanted = [
        name
        for node in model.graph.node
        for name in node.output
        if name in inferred and name not in outputs and inferred[name].type.tensor_type.elem_type in floats
    ]
    model.graph.output.extend(inferred[name] for name in wanted)
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name

    def run(image: NDArray[np.uint8]) -> _Tensors:
        arrays = session.run(wanted, {source: image[None]})
        return [
            (_names(name, last=False), array.astype(np.float64)) for name, array in zip(wanted, arrays, strict=True)
        ]

    return run


def _names(tensor: str, *, last: bool) -> tuple[str, ...]:
    """List the layers a tensor is named after: the first part of each of its names."""
    names = tuple(part.split("/", 1)[0] for part in tensor.split(";") if "/" in part)
    return (*names, _LAST) if last else names
