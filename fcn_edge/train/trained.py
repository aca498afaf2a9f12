"""Opening networks that were trained before, to learn from them or to join them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fcn_edge.card import ModelCard
from fcn_edge.errors import ModelFileError
from fcn_edge.model_file import read_card, resolve
from fcn_edge.networks.layers import load_keras


def load_trained(model: str | Path, *, role: str) -> tuple[Any, ModelCard]:
    """Load a trained ``.keras`` model as a network that gives logits.

    Args:
        model: A run folder, a ``.keras`` file with its card, or the file name of a shipped one.
        role: What it is wanted as, for errors, such as ``a teacher``.

    Returns:
        The network, ``(N, H, W, 3)`` float32 RGB 0..255 to logits ``(N, H, W, K)``, and its card.

    Raises:
        UsageError: It does not exist.
        ModelFileError: It is no ``.keras`` file with a card, or cannot be loaded.
    """
    path = resolve(model)
    card = read_card(path)
    if path.suffix != ".keras" or card is None:
        raise ModelFileError(f"{path}: {role} is a .keras file that fcn-edge train made", hint="name its run folder")
    keras = load_keras()
    try:
        network = keras.models.load_model(path, compile=False)
    except Exception as error:
        raise ModelFileError(f"{path}: Keras cannot load it: {error}", hint="train it again") from error
    last = network.outputs[0]._keras_history.operation  # noqa: SLF001 - Keras has no public way to a tensor's layer
    last.activation = keras.activations.linear
    return network, card
