"""Several networks as one, whose logits are the mean of theirs.

Lakshminarayanan, Pritzel and Blundell, "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles"
(NeurIPS 2017), here of logits, so that an export holds sums only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fcn_edge.networks.layers import head_activation, load_keras


def build_ensemble(members: Sequence[Any], *, classes: int, logits: bool = False) -> Any:  # noqa: ANN401 - keras.Model
    """Build a network with copies of others side by side.

    Args:
        members: Functional models of the same input shape, giving logits of the same shape.
        classes: As of their builders: 1, or the number of classes, background included.
        logits: Leave out the last sigmoid or softmax.

    Returns:
        A functional ``keras.Model`` with weights of its own: input and output as each member's.
    """
    keras = load_keras()
    entry = keras.Input(members[0].input_shape[1:], name="image")
    copies = [_copy(member, f"net{number}", entry) for number, member in enumerate(members, start=1)]
    heads = [copy.layers[-1] for copy in copies]
    activation = head_activation(classes, logits=logits)
    if all(_is_plain_head(copy, heads[0]) for copy in copies):
        x = _joint_head(heads, activation)
    else:
        x = keras.layers.Average(name="mean")([copy.outputs[0] for copy in copies])
        x = keras.layers.Activation(activation, name="head")(x)
    return keras.Model(entry, x, name="ensemble")


def _is_plain_head(network: Any, first: Any) -> bool:  # noqa: ANN401 - keras.Model, keras.Layer
    keras = load_keras()
    head = network.layers[-1]
    return (
        type(head) is keras.layers.Conv2D
        and head is network.outputs[0]._keras_history.operation  # noqa: SLF001 - no public way to a tensor's layer
        and (head.kernel_size, head.strides, head.groups, head.activation)
        == ((1, 1), (1, 1), 1, keras.activations.linear)
        and head.use_bias == first.use_bias
    )


def _joint_head(heads: Sequence[Any], activation: str | None) -> Any:  # noqa: ANN401 - tensors
    """Give the mean as one convolution over all last maps.

    An export folds it with what comes before to one sum of all members, where an average would be a sum and a
    multiplication of its own at full size.
    """
    layers = load_keras().layers
    maps = layers.Concatenate(name="maps")([head.input for head in heads])
    convolution = layers.Conv2D(heads[0].filters, 1, use_bias=heads[0].use_bias, activation=activation, name="head")
    scores = convolution(maps)
    kernels, *biases = zip(*(head.get_weights() for head in heads), strict=True)
    kernel = np.concatenate(kernels, axis=2) / len(heads)
    convolution.set_weights([kernel, *(np.mean(bias, axis=0) for bias in biases)])
    return scores


def _copy(network: Any, prefix: str, entry: Any) -> Any:  # noqa: ANN401 - keras.Model
    def renamed(layer: Any) -> Any:  # noqa: ANN401
        config = layer.get_config()
        return type(layer).from_config(config | {"name": f"{prefix}_{config['name']}"})

    copy = load_keras().models.clone_model(network, clone_function=renamed, input_tensors=entry)
    copy.set_weights(network.get_weights())
    return copy
