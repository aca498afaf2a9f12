"""TFLite (LiteRT): fp32, fp16 and full-integer int8 from one frozen graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import ModelCard, Precision
from fcn_edge.export import leave_float, tflite_graph
from fcn_edge.export.bias_correction import correct_biases
from fcn_edge.export.conversion import Conversion, Inspection
from fcn_edge.export.freeze import freeze, traced
from fcn_edge.export.graph import Model, Operation, rewrite
from fcn_edge.export.metadata import add_metadata
from fcn_edge.export.ranges import find_ranges
from fcn_edge.optional import load

# As TFLite's specification of int8 has it: symmetric, one scale for each output channel.
_LARGEST_WEIGHT = 127


def convert_fp32(job: Conversion) -> bytes:
    """Convert to float32: uint8 in, cast in the graph, float32 out."""
    return bytes(_converter(job, "uint8").convert())


def convert_fp16(job: Conversion) -> bytes:
    """Convert to float16 weights; computation stays in float32 where the device has nothing faster."""
    tf = _tensorflow()
    converter = _converter(job, "uint8")
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def convert_int8(job: Conversion) -> bytes:
    """Convert to int8: uint8 in (one QUANTIZE at the door), int8 scores out, all between in integers.

    Layers named in ``job.float_layers`` compute in floating point.
    """
    job = correct_biases(job, largest=_LARGEST_WEIGHT)
    if job.float_layers or job.ranges != "min-max":
        return leave_in_float(calibrate(job), job)
    tf = _tensorflow()
    converter = _converter(job, "float32")
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: _representative(job.calibration)
    converter.inference_input_type = tf.uint8
    if job.output == "logits":
        converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def calibrate(job: Conversion) -> bytes:
    """Convert to float32 with the ranges of its activations written in, from which :func:`leave_in_float` starts."""
    tf = _tensorflow()
    converter = _converter(job, "float32")
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _representative(job.calibration)
    # Private, but what tf.lite.experimental.QuantizationDebugger sets; that class itself builds and loads a second
    # model full of checks each time.
    converter._experimental_calibrate_only = True  # noqa: SLF001
    calibrated = bytes(converter.convert())
    return calibrated if job.ranges == "min-max" else _narrowed(calibrated, job)


def _narrowed(calibrated: bytes, job: Conversion) -> bytes:
    """Replace the ranges that the converter found, all of what it saw, by those of the job's method."""
    package = load("ai_edge_litert.interpreter", feature="exporting to TFLite", extra=None)
    interpreter = package.Interpreter(
        model_content=calibrated,
        experimental_preserve_all_tensors=True,
        # A delegate keeps its intermediate tensors to itself.
        experimental_op_resolver_type=package.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    model = tflite_graph.read_model(calibrated)
    graph = model.subgraphs[0]
    made = {int(index) for operator in graph.operators for index in operator.outputs}
    ranged = {str(i): graph.tensors[i].quantization for i in made if tflite_graph.has_range(graph.tensors[i])}
    source = interpreter.get_input_details()[0]["index"]

    def passes() -> Iterator[dict[str, NDArray[np.float32]]]:
        for image in job.calibration:
            interpreter.set_tensor(source, image[None].astype(np.float32))
            interpreter.invoke()
            yield {name: interpreter.get_tensor(int(name)) for name in ranged}

    for name, (low, high) in find_ranges(passes, job.ranges).items():
        ranged[name].min, ranged[name].max = [low], [high]
    return tflite_graph.write_model(model)


def leave_in_float(calibrated: bytes, job: Conversion) -> bytes:
    """Quantise a calibrated model, but for the layers named in ``job.float_layers``.

    The quantiser does not look at the names of transposed convolutions: where one of them is to stay in floating
    point, all of them do.

    Raises:
        ExportError: A layer has no operation of its own in the graph.
    """
    tf = _tensorflow()
    convert = load("tensorflow.lite.python.convert", feature="exporting to TFLite", extra="export")
    nodes, kinds = leave_float.tflite_operations_of(tflite_graph.read_model(calibrated), job)
    quantized = convert.mlir_quantize(
        calibrated,
        input_data_type=tf.uint8,
        output_data_type=tf.int8 if job.output == "logits" else tf.float32,
        denylisted_nodes=nodes,
        denylisted_ops=kinds,
    )
    return bytes(quantized)


def inspect(data: bytes, precision: Precision, float_layers: tuple[str, ...] = ()) -> Inspection:
    """Look into a converted file.

    Raises:
        ExportError: It does not keep the contract.
    """
    model = tflite_graph.read_model(data)
    tflite_graph.check_model(model, precision, mixed=bool(float_layers))
    return Inspection(
        tflite_graph.count_ops(model), tflite_graph.count_float_ops(model), tflite_graph.score_quantization(model)
    )


def describe(data: bytes, card: ModelCard) -> bytes:
    """Name the output, and put the standard TFLite metadata into a converted file."""
    model = tflite_graph.read_model(data)
    graph = model.subgraphs[0]
    # The converter calls it Identity.
    graph.tensors[graph.outputs[0]].name = "scores" if card.output == "logits" else "labels"
    add_metadata(model, card)
    return tflite_graph.write_model(model)


def _converter(job: Conversion, dtype: Any) -> Any:  # noqa: ANN401
    function = traced(_slice_crops(job.model), dtype, output=job.output, threshold=job.threshold)
    return _tensorflow().lite.TFLiteConverter.from_concrete_functions([freeze(function)])


def _representative(images: NDArray[np.uint8]) -> Iterator[list[NDArray[np.float32]]]:
    for image in images:
        yield [image[None].astype(np.float32)]


def _tensorflow() -> Any:  # noqa: ANN401
    return load("tensorflow", feature="exporting to TFLite", extra="export")


def _slice_crops(model: Model) -> Model:
    """Cut with SLICE what Cropping2D would cut with STRIDED_SLICE, which fewer delegates take."""
    keras = load("keras", feature="exporting to TFLite", extra="export")

    def change(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        if not isinstance(operation, keras.layers.Cropping2D) or operation.data_format != "channels_last":
            return operation(*args, **kwargs)
        (top, bottom), (left, right) = operation.cropping
        height, width, channels = args[0].shape[1:]
        size = (1, height - top - bottom, width - left - right, channels)
        return keras.ops.slice(args[0], (0, top, left, 0), size)

    return rewrite(model, change)
