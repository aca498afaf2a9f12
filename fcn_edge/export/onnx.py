"""ONNX: fp32, fp16, and int8 as static QDQ with uint8 activations and per-channel int8 weights."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import ModelCard, Precision
from fcn_edge.export import onnx_float_graph, onnx_graph, onnx_int8_graph
from fcn_edge.export.conversion import Conversion, Inspection
from fcn_edge.export.freeze import INPUT_NAME, traced
from fcn_edge.optional import load

# Read by ONNX Runtime 1.12 and newer (JetPack 5 has 1.16), and all that these networks need.
OPSET = 17


def convert_fp32(job: Conversion) -> bytes:
    """Convert to float32: uint8 in, cast in the graph, float32 out."""
    return bytes(_float_model(job).SerializeToString())


def convert_fp16(job: Conversion) -> bytes:
    """Convert to float16 throughout; uint8 in, float32 out."""
    module = "onnxruntime.transformers.float16"
    float16 = load(module, feature="exporting to fp16 ONNX", extra="export")
    return bytes(float16.convert_float_to_float16(_float_model(job), keep_io_types=True).SerializeToString())


def convert_int8(job: Conversion) -> bytes:
    """Convert to int8 with the calibration images; uint8 in, raw int8 scores out."""
    feature = "exporting to int8 ONNX"
    quantization = load("onnxruntime.quantization", feature=feature, extra="export")
    shapes = load("onnxruntime.quantization.shape_inference", feature=feature, extra="export")
    proto = onnx_graph.onnx()
    with tempfile.TemporaryDirectory() as folder:
        source, clean, target = (str(Path(folder) / name) for name in ("float.onnx", "clean.onnx", "int8.onnx"))
        model = _float_model(job)
        if job.rewrite:
            onnx_float_graph.spread_transposed_convolutions(model)
        proto.save(model, source)
        # Symbolic shape inference needs sympy, and finds nothing where all shapes are fixed.
        shapes.quant_pre_process(source, clean, skip_symbolic_shape=True)
        quantization.quantize_static(
            clean,
            target,
            _reader(quantization, job.calibration),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            # 7-bit weights: with 8 bits the sum of two uint8 x int8 products overflows 16 bits on x86-64 without VNNI,
            # and the scores there were off by a tenth of their range where other machines are right.
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
        model = proto.load(target)
    onnx_int8_graph.keep_scales(model)
    onnx_int8_graph.open_door(model)
    if job.output == "logits":
        onnx_int8_graph.close_with_int8(model)
    onnx_graph.forget_unused(model)
    proto.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def inspect(data: bytes, precision: Precision) -> Inspection:  # noqa: ARG001 - one signature for all formats
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
