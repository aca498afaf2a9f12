"""Several networks as one, whose logits are the mean of theirs.

Lakshminarayanan, Pritzel and Blundell, "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles"
(NeurIPS 2017), here of logits, so that an export holds sums only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    scores = [_copy(member, f"net{number}", entry).outputs[0] for number, member in enumerate(members, start=1)]
    mean = keras.layers.Average(name="mean")(scores)
    x = keras.layers.Activation(head_activation(classes, logits=logits), name="head")(mean)
    return keras.Model(entry, x, name="ensemble")


def _copy(network: Any, prefix: str, entry: Any) -> Any:  # noqa: ANN401 - keras.Model
    def renamed(layer: Any) -> Any:  # noqa: ANN401
        config = layer.get_config()
        return type(layer).from_config(config | {"name": f"{prefix}_{config['name']}"})

    copy = load_keras().models.clone_model(network, clone_function=renamed, input_tensors=entry)
    copy.set_weights(network.get_weights())
    return copy
