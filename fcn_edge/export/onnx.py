"""ONNX: fp32, fp16, and int8 as static QDQ with per-channel int8 weights and uint8 (or symmetric int8) activations."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import ModelCard, Precision
from fcn_edge.export import leave_float, onnx_float_graph, onnx_graph, onnx_int8_graph, onnx_ties
from fcn_edge.export.bias_correction import correct_biases
from fcn_edge.export.conversion import Conversion, Inspection
from fcn_edge.export.freeze import INPUT_NAME, traced
from fcn_edge.export.ranges import find_ranges
from fcn_edge.optional import load

# Read by ONNX Runtime 1.12 and newer (JetPack 5 has 1.16), and all that these networks need.
OPSET = 17
# Of 7 bits, see :func:`_asymmetric`; with symmetric activations of 8.
_LARGEST_WEIGHT, _LARGEST_SYMMETRIC_WEIGHT = 64, 127


def convert_fp32(job: Conversion) -> bytes:
    """Convert to float32: uint8 in, cast in the graph, float32 out."""
    return bytes(_float_model(job).SerializeToString())


def convert_fp16(job: Conversion) -> bytes:
    """Convert to float16 throughout; uint8 in, float32 out."""
    module = "onnxruntime.transformers.float16"
    float16 = load(module, feature="exporting to fp16 ONNX", extra="export")
    return bytes(float16.convert_float_to_float16(_float_model(job), keep_io_types=True).SerializeToString())


def convert_int8(job: Conversion) -> bytes:
    """Convert to int8 with the calibration images; uint8 in, raw int8 scores out.

    Layers named in ``job.float_layers`` compute in floating point.
    """
    job = correct_biases(job, largest=_LARGEST_SYMMETRIC_WEIGHT if job.symmetric else _LARGEST_WEIGHT)
    with tempfile.TemporaryDirectory() as folder:
        return quantize(clean(job, Path(folder)), job)


def quantize(clean: Path, job: Conversion) -> bytes:
    """Quantise what :func:`clean` wrote, but for the layers named in ``job.float_layers``.

    Raises:
        ExportError: One of them has no operation of its own in the graph.
    """
    if job.symmetric:
        model = _quantized(clean, job, _symmetric(clean))
        if job.output == "logits":
            onnx_int8_graph.close_symmetrically(model, max(map(abs, _score_range(clean, job.calibration))))
    else:
        model = _quantized(clean, job, _asymmetric())
        onnx_int8_graph.keep_scales(model)
        onnx_ties.settle_sums(model)
        onnx_int8_graph.open_door(model)
        if job.float_layers:
            onnx_int8_graph.keep_float(model)
        closed = job.output != "logits" or onnx_int8_graph.close_with_int8(model)
        if not closed and job.float_layers:
            onnx_int8_graph.close_by_range(model, *_score_range(clean, job.calibration))
    onnx_graph.forget_unused(model)
    onnx_graph.onnx().checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def inspect(
    data: bytes,
    precision: Precision,  # noqa: ARG001 - one signature for all formats
    float_layers: tuple[str, ...] = (),  # noqa: ARG001 - likewise
) -> Inspection:
    """Look into a converted file.

    Operations that the quantiser leaves in float are counted, not refused: ONNX Runtime mixes both, unlike the integer
    hardware a full-integer TFLite is made for.
    """
    model = onnx_graph.onnx().load_from_string(data)
    return Inspection(
        onnx_graph.count_ops(model), len(onnx_graph.float_op_names(model)), onnx_graph.score_quantization(model)
    )


def describe(data: bytes, card: ModelCard) -> bytes:
    """Put name and description into a converted file."""
    model = onnx_graph.onnx().load_from_string(data)
    model.producer_name = "fcn-edge"
    onnx_graph.forget_unused(model)
    model.graph.name = card.name
    model.doc_string = f"Semantic segmentation: {', '.join(spec.name for spec in card.classes)}"
    return bytes(model.SerializeToString())


def _float_model(job: Conversion) -> Any:  # noqa: ANN401 - onnx.ModelProto
    tf2onnx = load("tf2onnx", feature="exporting to ONNX", extra="export")
    function = traced(job.model, "uint8", output=job.output, threshold=job.threshold)
    model, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=OPSET)
    onnx_graph.rename_output(model, "scores" if job.output == "logits" else "labels")
    onnx_float_graph.drop_idle_reshapes(model)
    return model


def clean(job: Conversion, folder: Path) -> Path:
    """Write the float graph as the quantiser wants it: rewritten for int8, constants folded, types told."""
    module = "onnxruntime.quantization.shape_inference"
    shapes = load(module, feature="exporting to int8 ONNX", extra="export")
    model = _float_model(job)
    if job.rewrite:
        onnx_float_graph.spread_transposed_convolutions(model)
    onnx_graph.onnx().save(model, folder / "float.onnx")
    # Symbolic shape inference needs sympy, and finds nothing where all shapes are fixed.
    shapes.quant_pre_process(str(folder / "float.onnx"), str(folder / "clean.onnx"), skip_symbolic_shape=True)
    return folder / "clean.onnx"


def _quantized(clean: Path, job: Conversion, options: dict[str, Any]) -> Any:  # noqa: ANN401 - onnx.ModelProto
    quantization, exclude = _quantization(), options.pop("nodes_to_exclude", [])
    target = clean.with_name("int8.onnx")
    if job.ranges != "min-max":
        overrides = {name: [{"rmin": low, "rmax": high}] for name, (low, high) in _ranges(clean, job).items()}
        extra = options.setdefault("extra_options", {})
        extra["TensorQuantOverrides"] = {
            name: [{**entry, "quant_type": options["activation_type"]} for entry in entries]
            for name, entries in overrides.items()
        }
    quantization.quantize_static(
        str(clean),
        str(target),
        _reader(quantization, job.calibration),
        nodes_to_exclude=[*exclude, *_float_nodes(clean, job)],
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        weight_type=quantization.QuantType.QInt8,
        **options,
    )
    return onnx_graph.onnx().load(target)


def _asymmetric() -> dict[str, Any]:
    """Quantise everything, activations to uint8."""
    return {
        "activation_type": _quantization().QuantType.QUInt8,
        # 7-bit weights: with 8 bits the sum of two uint8 x int8 products overflows 16 bits on x86-64 without VNNI, and
        # the scores there were off by a tenth of their range where other machines are right.
        "reduce_range": True,
    }


def _symmetric(clean: Path) -> dict[str, Any]:
    """Quantise what convolutions read, as TensorRT wants it: int8 around zero, biases and sums real.

    The convolution that reads the image stays real: around zero, pixels would keep 7 bits. On the shipped ``nuclei``
    that cost 5.6 dB.
    """
    model = onnx_graph.onnx().load(clean)
    return {
        "activation_type": _quantization().QuantType.QInt8,
        "op_types_to_quantize": ["Conv", "MaxPool"],
        "nodes_to_exclude": onnx_graph.names_reading_image(model, "Conv"),
        "extra_options": {
            "ActivationSymmetric": True,
            # TensorRT 8 (JetPack 5 and 6) reads neither int32 biases nor kernels that are int8 in the file.
            "QuantizeBias": False,
            "AddQDQPairToWeight": True,
            "OpTypesToExcludeOutputQuantization": ["Conv"],
        },
    }


def _float_nodes(clean: Path, job: Conversion) -> list[str]:
    if not job.float_layers:
        return []
    return leave_float.onnx_nodes_of(onnx_graph.onnx().load(clean), job)


def _score_range(clean: Path, images: NDArray[np.uint8]) -> tuple[float, float]:
    runtime = load("onnxruntime", feature="exporting to int8 ONNX", extra="export")
    session = runtime.InferenceSession(str(clean), providers=["CPUExecutionProvider"])
    scores = [session.run(None, {INPUT_NAME: image[None]})[0] for image in images]
    return min(float(found.min()) for found in scores), max(float(found.max()) for found in scores)


def _ranges(clean: Path, job: Conversion) -> dict[str, tuple[np.float32, np.float32]]:
    """Find the ranges of all feature maps by the job's method."""
    proto = onnx_graph.onnx()
    runtime = load("onnxruntime", feature="exporting to int8 ONNX", extra="export")
    model = proto.load(str(clean))
    floats = (proto.TensorProto.FLOAT,)
    known = {info.name: info for info in (*model.graph.value_info, *model.graph.output)}
    # Pixels keep all of their range.
    pixels: set[str] = {model.graph.input[0].name}
    made: set[str] = set()
    for node in model.graph.node:
        as_they_are = node.op_type in ("Cast", *onnx_graph.MOVERS) and node.input[0] in pixels
        (pixels if as_they_are else made).update(node.output)
    wanted = [name for name, info in known.items() if name in made and info.type.tensor_type.elem_type in floats]
    outputs = {info.name for info in model.graph.output}
    model.graph.output.extend(known[name] for name in wanted if name not in outputs)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def passes() -> Iterator[dict[str, NDArray[np.float32]]]:
        for image in job.calibration:
            yield dict(zip(wanted, session.run(wanted, {INPUT_NAME: image[None]}), strict=True))

    return {name: (np.float32(low), np.float32(high)) for name, (low, high) in find_ranges(passes, job.ranges).items()}


def _quantization() -> Any:  # noqa: ANN401 - a module without type information
    return load("onnxruntime.quantization", feature="exporting to int8 ONNX", extra="export")


def _reader(quantization: Any, images: NDArray[np.uint8]) -> Any:  # noqa: ANN401 - a CalibrationDataReader
    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc] # a class made at run time
        """Gives the calibration images one by one."""

        def __init__(self) -> None:
            self._images = iter(images)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            """Give the next image as the model's input, None at the end."""
            image = next(self._images, None)
            return None if image is None else {INPUT_NAME: image[None]}

    return Reader()
