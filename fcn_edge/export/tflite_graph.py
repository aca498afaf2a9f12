"""Looking into a TFLite flatbuffer: its operations, its types, its quantisation."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fcn_edge.card import Precision, ScoreQuantization
from fcn_edge.errors import ExportError
from fcn_edge.optional import load

IDENTIFIER = b"TFL3"
_FLOATS = ("FLOAT32", "FLOAT16", "BFLOAT16", "FLOAT64")
_ALIGNMENT = 16
_SHAPE_OPS = ("SHAPE", "PACK")


def schema() -> Any:  # noqa: ANN401 - a generated module
    """Import the generated classes of the TFLite schema."""
    return load("ai_edge_litert.schema_py_generated", feature="exporting to TFLite", extra="export")


def read_model(data: bytes) -> Any:  # noqa: ANN401 - schema.ModelT
    """Unpack a flatbuffer into objects that can be changed."""
    generated = schema()
    return generated.ModelT.InitFromObj(generated.Model.GetRootAsModel(data, 0))


def write_model(model: Any) -> bytes:  # noqa: ANN401 - schema.ModelT
    """Pack objects into a flatbuffer again, weights aligned to 16 bytes as the schema wants."""
    flatbuffers = load("flatbuffers", feature="exporting to TFLite", extra="export")

    class AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc,name-defined] # a class made at run time
        """A builder that honours ``force_align: 16``, which Python's own leaves out: a 32-bit ARM traps on it."""

        def CreateNumpyVector(self, x: Any) -> int:  # noqa: ANN401, N802 - the name the generated code calls
            """Write a vector of numbers that begins at a multiple of 16 bytes."""
            self.Prep(_ALIGNMENT, x.nbytes)
            return int(super().CreateNumpyVector(x))

    builder = AlignedBuilder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def operations(model: Any) -> list[tuple[str, tuple[str, ...]]]:  # noqa: ANN401 - schema.ModelT
    """List the operations in order, each with the types of its inputs and outputs."""
    generated = schema()
    op_names = {value: name for name, value in vars(generated.BuiltinOperator).items() if isinstance(value, int)}
    types = {value: name for name, value in vars(generated.TensorType).items() if isinstance(value, int)}
    found = []
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            tensors = [graph.tensors[i] for i in (*operator.inputs, *operator.outputs) if i >= 0]
            name = op_names[max(code.builtinCode, code.deprecatedBuiltinCode)]
            found.append((name, tuple(types[tensor.type] for tensor in tensors)))
    return found


def count_ops(model: Any) -> dict[str, int]:  # noqa: ANN401 - schema.ModelT
    """Count operations by kind, the most frequent first."""
    return dict(Counter(name for name, _ in operations(model)).most_common())


def count_float_ops(model: Any) -> int:  # noqa: ANN401 - schema.ModelT
    """Count operations that read or write a floating-point tensor."""
    return sum(1 for _, types in operations(model) if any(kind in _FLOATS for kind in types))


def check_model(model: Any, precision: Precision, *, mixed: bool = False) -> None:  # noqa: ANN401 - schema.ModelT
    """Check that a converted model keeps the contract.

    Args:
        model: Unpacked.
        precision: Of the file.
        mixed: Some layers of an int8 file were to stay in floating point.

    Raises:
        ExportError: Its shape is worked out at run time, its input is not raw pixels, or an int8 file computes in
            floating point.
    """
    graph = model.subgraphs[0]
    dynamic = sorted({name for name, types in operations(model) if name in _SHAPE_OPS or _slices_shape(name, types)})
    if dynamic:
        raise ExportError(
            f"the TFLite graph works out shapes at run time ({', '.join(dynamic)}), which no delegate takes",
            hint="export from a Keras model of fixed size (.keras or .h5) instead of a SavedModel, or give --size",
        )
    custom = [name for name, _ in operations(model) if name == "CUSTOM" or name.startswith("FLEX")]
    if custom:
        raise ExportError(
            f"the TFLite graph needs {len(custom)} operation(s) that LiteRT does not have",
            hint="replace the layers that are no part of Keras",
        )
    if precision != "int8":
        return
    floats = [f"{name} {types}" for name, types in operations(model) if any(kind in _FLOATS for kind in types)]
    if floats and not mixed:
        raise ExportError(
            f"the int8 TFLite graph computes in floating point: {'; '.join(floats[:3])}",
            hint="export fp16 for this model, or replace these layers",
        )
    quantization = graph.tensors[graph.inputs[0]].quantization
    door = (float(quantization.scale[0]), int(quantization.zeroPoint[0]))
    if door != (1.0, 0):
        raise ExportError(
            f"the int8 input has scale {door[0]} and zero point {door[1]}, expected 1 and 0: raw pixels",
            hint="this is a fault of fcn-edge; please report it with the model",
        )


def score_quantization(model: Any) -> ScoreQuantization | None:  # noqa: ANN401 - schema.ModelT
    """Read the output's scale and zero point; None where the output is real."""
    graph = model.subgraphs[0]
    quantization = graph.tensors[graph.outputs[0]].quantization
    if quantization is None or quantization.scale is None or len(quantization.scale) == 0:
        return None
    return ScoreQuantization(float(quantization.scale[0]), int(quantization.zeroPoint[0]))


def has_range(tensor: Any) -> bool:  # noqa: ANN401 - schema.TensorT
    """Tell whether a calibration wrote a range into a tensor."""
    quantization = tensor.quantization
    return quantization is not None and quantization.min is not None and len(quantization.min) == 1


def _slices_shape(name: str, types: tuple[str, ...]) -> bool:
    # A slice of a feature map, as cropping makes it, is of a fixed size; a slice of a shape vector is of int32.
    return name == "STRIDED_SLICE" and types[0] in ("INT32", "INT64")
