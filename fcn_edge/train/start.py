"""What a run begins with: the weights of another, or a head that knows how frequent the classes are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

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


def start_from_frequencies(network: Any, frequencies: Sequence[float]) -> None:  # noqa: ANN401 - keras.Model
    """Let the head begin at the classes' frequencies, so that no step is spent on learning them.

    As the prior of Lin et al., "Focal Loss for Dense Object Detection" (ICCV 2017), section 4.1. The heads of the
    paper's networks start at zero instead.
    """
    head = network.get_layer("head")
    if not hasattr(head, "bias"):
        return
    shares = np.clip(np.asarray(frequencies, np.float64), 1e-3, 1 - 1e-3)
    logs = np.log(shares)
    head.bias.assign([logs[1] - logs[0]] if head.bias.shape[0] == 1 else logs - logs.mean())
