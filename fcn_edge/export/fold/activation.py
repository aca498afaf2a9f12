"""Convolutions with an activation inside, taken apart into a linear convolution and an activation."""

from __future__ import annotations

from typing import Any

from fcn_edge.export.graph import Model, Operation, names, producer, rewrite

_LINEAR_INPUTS = (
    "Add",
    "BatchNormalization",
    "Concatenate",
    "Conv2D",
    "Conv2DTranspose",
    "DepthwiseConv2D",
    "UpSampling2D",
    "ZeroPadding2D",
)


def split_activations(model: Model) -> Model:
    """Take activations out of the convolutions that read what a linear layer may have made, so that both can be folded.

    Converters put them together again.
    """
    naming = names(model)
    split = [node.operation for depth in model._nodes_by_depth.values() for node in depth if _hides_linear(node)]  # noqa: SLF001 - see graph
    chosen = {id(operation) for operation in split}

    def change(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - tensors
        if id(operation) not in chosen:
            return operation(*args, **kwargs)
        import keras

        config = {**operation.get_config(), "activation": "linear", "name": naming(f"{operation.name}_linear")}
        linear = type(operation).from_config(config)
        linear.build(tuple(args[0].shape))
        linear.set_weights(operation.get_weights())
        name, dtype = naming(f"{operation.name}_activation"), operation.dtype_policy
        return keras.layers.Activation(operation.activation, dtype=dtype, name=name)(linear(args[0]))

    return rewrite(model, change) if split else model


def _hides_linear(node: Any) -> bool:  # noqa: ANN401 - Keras has no types
    import keras

    operation = node.operation
    if node.is_input or type(operation) not in (keras.layers.Conv2D, keras.layers.Conv2DTranspose):
        return False
    if operation.activation is keras.activations.linear or getattr(operation, "quantization_mode", None) is not None:
        return False
    made = producer(node.input_tensors[0])
    # A convolution with an activation of its own gives no linear map.
    return made is not None and type(made[0]).__name__ in _LINEAR_INPUTS and _is_linear(made[0])


def _is_linear(operation: Operation) -> bool:
    import keras

    return getattr(operation, "activation", keras.activations.linear) is keras.activations.linear
