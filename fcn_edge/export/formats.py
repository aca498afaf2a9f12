"""The table of what can be exported: one line a format and precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fcn_edge.card import ModelCard, Precision
from fcn_edge.errors import UsageError
from fcn_edge.export import onnx, tflite
from fcn_edge.export.conversion import Conversion, Inspection
from fcn_edge.model_file.name import Format


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """How one kind of file is made.

    Attributes:
        precision: Of weights and arithmetic.
        format: The file's suffix.
        convert: From a prepared model to the file's bytes.
        inspect: Looks into the bytes and refuses what does not keep the contract (ExportError); the names are those of
            layers that were to stay in floating point.
        describe: Puts the format's own description of names and labels into the bytes.
    """

    precision: Precision
    format: Format
    convert: Callable[[Conversion], bytes]
    inspect: Callable[[bytes, Precision, tuple[str, ...]], Inspection]
    describe: Callable[[bytes, ModelCard], bytes]


FORMATS: Mapping[str, FormatSpec] = {
    "tflite-fp32": FormatSpec("fp32", "tflite", tflite.convert_fp32, tflite.inspect, tflite.describe),
    "tflite-fp16": FormatSpec("fp16", "tflite", tflite.convert_fp16, tflite.inspect, tflite.describe),
    "tflite-int8": FormatSpec("int8", "tflite", tflite.convert_int8, tflite.inspect, tflite.describe),
    "onnx-fp32": FormatSpec("fp32", "onnx", onnx.convert_fp32, onnx.inspect, onnx.describe),
    "onnx-fp16": FormatSpec("fp16", "onnx", onnx.convert_fp16, onnx.inspect, onnx.describe),
    "onnx-int8": FormatSpec("int8", "onnx", onnx.convert_int8, onnx.inspect, onnx.describe),
}


def select(names: tuple[str, ...]) -> dict[str, FormatSpec]:
    """Give the wanted formats in the order of the ladder: fp32, fp16, int8.

    Raises:
        UsageError: A name is unknown.
    """
    for name in names:
        if name not in FORMATS:
            raise UsageError(f"format {name!r} is unknown", hint=f"use some of {', '.join(FORMATS)}")
    order = ("fp32", "fp16", "int8")
    wanted = sorted(dict.fromkeys(names), key=lambda name: order.index(FORMATS[name].precision))
    return {name: FORMATS[name] for name in wanted}
