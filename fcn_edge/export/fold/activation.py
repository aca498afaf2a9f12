"""Convolutions with an activation inside, taken apart into a linear convolution and an activation."""

from __future__ import annotations

from typing import Any

from fcn_edge.export.fold.region import describe_node
from fcn_edge.export.graph import Model, Operation, called_once, names, nodes_of, producer, rewrite


def split_activations(model: Model) -> Model:
    """Take activations out of the convolutions that read what a linear layer may have made, so that both can be folded.

    Converters put them together again.
    """
    naming = names(model)
    once = called_once(model)
    chosen = {id(node.operation) for node in nodes_of(model) if _hides_linear(node) and id(node.operation) in once}

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

    return rewrite(model, change) if chosen else model


def _hides_linear(node: Any) -> bool:  # noqa: ANN401 - Keras has no types
    import keras

    operation = node.operation
    if node.is_input or type(operation) not in (keras.layers.Conv2D, keras.layers.Conv2DTranspose):
        return False
    special = getattr(operation, "quantization_mode", None) is not None or getattr(operation, "lora_enabled", False)
    if operation.activation is keras.activations.linear or special:
        return False
    made = producer(node.input_tensors[0])
    return made is not None and describe_node(made[1]) is not None
