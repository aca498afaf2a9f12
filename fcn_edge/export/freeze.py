"""A Keras model as one frozen TensorFlow graph of static shape: what every converter here starts from."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from fcn_edge.card import OutputKind
from fcn_edge.export.graph import Model, Operation, nodes_of, replay
from fcn_edge.export.layer_names import scope_of
from fcn_edge.optional import load

INPUT_NAME = "image"


def traced(
    model: Model, dtype: Literal["uint8", "float32"], *, output: OutputKind = "logits", threshold: float = 0.0
) -> Any:  # noqa: ANN401 - tf.function
    """Wrap a flat model in a ``tf.function`` with a fixed signature of batch 1.

    A batch of None would turn each transposed convolution into SHAPE, STRIDED_SLICE and PACK.

    Args:
        model: Flat; float32 scores.
        dtype: Of the input; uint8 is cast in the graph.
        output: ``labels`` decides the class of each pixel in the graph, int32 ``(1, H, W)``.
        threshold: For one score channel: scores above it are class 1, in the scores' own unit.
    """
    tf = load("tensorflow", feature="exporting a model", extra="export")

    def call(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - tensors
        # The first part of each name in the file is the Keras layer it came from: a lost rung is traced by it.
        with tf.name_scope(scope_name(operation)):
            return operation(*args, **kwargs)

    def forward(image: Any) -> Any:  # noqa: ANN401 - tensors
        pixels = tf.cast(image, tf.float32) if dtype == "uint8" else image
        scores = replay(model, pixels, call)
        if output == "logits":
            return tf.identity(scores, name="scores")
        if scores.shape[-1] == 1:
            return tf.cast(tf.squeeze(scores, axis=-1) > threshold, tf.int32, name="labels")
        return tf.argmax(scores, axis=-1, output_type=tf.int32, name="labels")

    signature = tf.TensorSpec(tuple(model.inputs[0].shape), dtype, name=INPUT_NAME)
    return tf.function(forward, input_signature=[signature], autograph=False)


def scope_name(operation: Operation) -> str:
    """Give the name under which an operation is found again in a converted file."""
    return scope_of(operation.name)


def freeze(function: Any) -> Any:  # noqa: ANN401 - a concrete function of TensorFlow
    """Turn the variables of a traced function into constants and dissolve the functions it calls."""
    module = "tensorflow.python.framework.convert_to_constants"
    constants = load(module, feature="exporting a model", extra="export")
    return constants.convert_variables_to_constants_v2(function.get_concrete_function())


def count_macs(model: Model) -> int:
    """Count the multiply-adds of one image in a flat model: convolutions of each kind, and matrix products.

    A transposed convolution multiplies each input pixel with the whole kernel, whatever is cropped afterwards.
    """
    return sum(macs_by_scope(model).values())


def macs_by_scope(model: Model) -> dict[str, int]:
    """Count the multiply-adds of each layer, by the name under which it is found again in a file."""
    counts: Counter[str] = Counter()
    for operation in freeze(traced(model, "float32")).graph.get_operations():
        counts[operation.name.split("/", 1)[0]] += _macs(operation)
    # On a CPU Keras puts a grouped convolution into a compiled call, which the graph shows from outside only.
    for node in nodes_of(model):
        counts[scope_name(node.operation)] += _grouped_macs(node)
    return dict(counts)


def _macs(operation: Any) -> int:  # noqa: ANN401 - an operation of TensorFlow
    shapes = [_shape(tensor) for tensor in operation.inputs]
    out = _shape(operation.outputs[0]) if operation.outputs else ()
    if operation.type in ("Conv2D", "DepthwiseConv2dNative"):
        # The kernel of a depthwise convolution is (rows, columns, in, multiplier): its product is that of both.
        return out[1] * out[2] * _product(shapes[1])
    if operation.type == "Conv2DBackpropInput":
        return shapes[2][1] * shapes[2][2] * _product(shapes[1])
    if operation.type in ("MatMul", "BatchMatMulV2"):
        return _product(out) * shapes[0][-1]
    return 0


def _grouped_macs(node: Any) -> int:  # noqa: ANN401 - a node of Keras
    operation = node.operation
    if getattr(operation, "groups", 1) == 1:
        return 0
    return _product(node.outputs[0].shape[1:3]) * _product(tuple(operation.kernel.shape))


def _shape(tensor: Any) -> tuple[int, ...]:  # noqa: ANN401 - a tensor of TensorFlow
    return tuple(tensor.shape.as_list()) if tensor.shape.rank else ()


def _product(sizes: tuple[int, ...]) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result
