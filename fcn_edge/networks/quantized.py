"""A network that computes with the roundings of int8 while it learns, so that its weights come to bear them.

Quantisation-aware training after Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (CVPR 2018): values are rounded on the way forward, and gradients pass as if they
were not (Bengio et al., arXiv:1308.3432). Kernels have a symmetric scale for each channel, activations one for the map.
A batch normalisation that follows multiplies whole channels, so a kernel is rounded alike before and after an export
folds it; linear decoders are folded with others, and keep real kernels here.
"""

from __future__ import annotations

from typing import Any

from fcn_edge.networks.layers import load_keras

BITS = 8
_NORMALIZED = "BatchNormalization"


def quantized_twin(network: Any, *, bits: int = BITS) -> Any:  # noqa: ANN401 - Keras has no types
    """Build a model of the same layers and variables as *network*, rounding as an int8 file would.

    Kernels of convolutions before a batch normalisation are rounded, and what a normalisation without activation, an
    activation or a sum gives. Ranges are those of the batch.

    Args:
        network: Functional, of Keras's own layers.
        bits: Of weights and activations.

    Returns:
        A functional model that is not to be saved: what it learns is in the variables of *network*.
    """
    keras = load_keras()
    kernel_kind, map_kind = _kinds()
    rounded = {
        node.operation.name for node in _nodes(network) if _is_convolution(node.operation) and _next_is_norm(node)
    }
    ends = {node.operation.name for node in _nodes(network) if _ends(node)}

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - tensors
        call_layer = kernel_kind(layer, bits, name=f"{layer.name}_rounded") if layer.name in rounded else layer
        result = call_layer(*args, **kwargs)
        return map_kind(bits, name=f"{layer.name}_map")(result) if layer.name in ends else result

    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=call)


def _nodes(network: Any) -> list[Any]:  # noqa: ANN401
    return [node for nodes in network._nodes_by_depth.values() for node in nodes if not node.is_input]  # noqa: SLF001 - Keras has no public list of a model's nodes


def _is_convolution(layer: Any) -> bool:  # noqa: ANN401
    return type(layer).__name__ in ("Conv2D", "DepthwiseConv2D")


def _readers(node: Any) -> list[Any]:  # noqa: ANN401
    return [reader.operation for reader in node.operation._outbound_nodes]  # noqa: SLF001 - likewise


def _next_is_norm(node: Any) -> bool:  # noqa: ANN401
    readers = _readers(node)
    return len(readers) == 1 and type(readers[0]).__name__ == _NORMALIZED


def _ends(node: Any) -> bool:  # noqa: ANN401
    """Tell whether a file holds what a layer gives: activations and what they are fused with count once."""
    kind = type(node.operation).__name__
    if kind == _NORMALIZED:
        return not any(type(reader).__name__ in ("ReLU", "Activation") for reader in _readers(node))
    return kind in ("ReLU", "Activation", "Add") or (kind == "Conv2D" and _activated(node.operation))


def _activated(layer: Any) -> bool:  # noqa: ANN401
    return getattr(layer.activation, "__name__", "") == "relu"


def _kinds() -> tuple[Any, Any]:
    """Make the two kinds of layers; Keras is not there before it is asked for."""
    keras = load_keras()
    ops = keras.ops

    def straight(real: Any, rounded: Any) -> Any:  # noqa: ANN401 - tensors
        return real + ops.stop_gradient(rounded - real)

    class RoundedKernel(keras.layers.Layer):  # type: ignore[misc,name-defined] # a class made at run time
        """A convolution with its kernel rounded to a symmetric scale for each channel."""

        def __init__(self, convolution: Any, bits: int, **kwargs: Any) -> None:  # noqa: ANN401
            super().__init__(**kwargs)
            self.convolution = convolution
            self._largest = 2 ** (bits - 1) - 1

        def call(self, inputs: Any) -> Any:  # noqa: ANN401
            layer = self.convolution
            depthwise = type(layer).__name__ == "DepthwiseConv2D"
            axes = (0, 1, 3) if depthwise else (0, 1, 2)
            step = ops.maximum(ops.max(ops.abs(layer.kernel), axis=axes, keepdims=True), 1e-9) / self._largest
            kernel = straight(layer.kernel, ops.round(layer.kernel / step) * step)
            convolve = ops.depthwise_conv if depthwise else ops.conv
            result = convolve(
                inputs, kernel, strides=layer.strides, padding=layer.padding, dilation_rate=layer.dilation_rate
            )
            return result + layer.bias if layer.use_bias else result

    class RoundedMap(keras.layers.Layer):  # type: ignore[misc,name-defined] # likewise
        """A map rounded to the steps of its range, which holds 0."""

        def __init__(self, bits: int, **kwargs: Any) -> None:  # noqa: ANN401
            super().__init__(**kwargs)
            self._steps = 2**bits - 1

        def call(self, inputs: Any) -> Any:  # noqa: ANN401
            low = ops.minimum(ops.min(inputs), 0.0)
            high = ops.maximum(ops.max(inputs), 0.0)
            step = ops.maximum((high - low) / self._steps, 1e-9)
            zero = ops.round(-low / step)
            return straight(inputs, (ops.round(inputs / step + zero) - zero) * step)

    return RoundedKernel, RoundedMap
