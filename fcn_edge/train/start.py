"""Beginning a run with the weights of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fcn_edge.errors import ModelFileError, UsageError
from fcn_edge.model_file import resolve
from fcn_edge.networks.layers import load_keras


def start_from(network: Any, model: str | Path) -> None:  # noqa: ANN401 - keras.Model
    """Put the weights of a trained ``.keras`` model into *network*.

    Raises:
        UsageError: It does not exist, or is of another architecture, other options or other classes.
        ModelFileError: It cannot be loaded.
    """
    path = resolve(model)
    try:
        trained = load_keras().models.load_model(path, compile=False)
    except Exception as error:
        raise ModelFileError(f"{path}: Keras cannot load it: {error}", hint="name a run folder of train") from error
    here, there = ([tuple(weight.shape) for weight in one.weights] for one in (network, trained))
    if here != there:
        raise UsageError(
            f"{path}: has {len(there)} weights that do not fit the {len(here)} of this network",
            hint="give the architecture and options that it was trained with; its card tells them: fcn-edge info",
        )
    network.set_weights(trained.get_weights())
