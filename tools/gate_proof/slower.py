"""The shipped model with convolutions put in that change nothing but the time.

A 1x1 convolution of ones on the diagonal, with ReLU, behind a ReLU gives back what it got; wider than its input it adds
channels of zeros, which the next one takes away. The ReLU keeps the export from folding it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fcn_edge.errors import FcnEdgeError
from fcn_edge.model_file import read_card, write_card
from fcn_edge.networks.layers import load_keras

Tell = Callable[[str], None]

# Ratios are aimed at this closely.
TOLERANCE = 0.005
_TRIES = 6
_STEP = 16


@dataclass(frozen=True, slots=True)
class Extra:
    """Convolutions to put in.

    Attributes:
        behind: Name of the layer, whose output is not negative.
        widths: Channels between the convolutions that are put in, each at least those of the layer.
    """

    behind: str
    widths: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """Describe them."""
        between = ", ".join(map(str, self.widths))
        many = f"{len(self.widths) + 1} convolutions, {between} channels between" if self.widths else "one convolution"
        return f"{many}, behind {self.behind}"


@dataclass(frozen=True, slots=True)
class Sized:
    """Convolutions that were found to cost what is wanted, and what they cost: head time / base time."""

    extra: Extra
    ratio: float


def write_slower(source: Path, extra: Extra, target: Path) -> None:
    """Write the Keras model of *source* with *extra* in it, and its card."""
    keras = load_keras()
    model = keras.models.load_model(source, compile=False)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Keras objects
        output = layer(*args, **kwargs)
        return _convolved(output, extra.widths) if layer.name == extra.behind else output

    # The same layers, so the same weights.
    longer = keras.models.clone_model(model, call_function=call, clone_function=lambda layer: layer)
    longer.save(target)
    card = read_card(source)
    if card is not None:
        write_card(target, card)


def size_for(wanted: float, starts: Sequence[Extra], measure: Callable[[Extra], float], tell: Tell) -> Sized:
    """Find convolutions that make the whole take *wanted* times as long, to within 0.005.

    Args:
        wanted: Head time / base time.
        starts: To try; those with a width are widened or narrowed from there.
        measure: Makes the file and gives its ratio.
        tell: Takes a line for each try.

    Raises:
        FcnEdgeError: No size came near enough.
    """
    for start in starts:
        extra = start
        for _ in range(_TRIES if start.widths else 1):
            ratio = measure(extra)
            tell(f"{extra.words}: {ratio:.4f} times as long, wanted {wanted:.2f}")
            if abs(ratio - wanted) <= TOLERANCE:
                return Sized(extra, ratio)
            extra = _resized(extra, (wanted - 1) / max(ratio - 1, 0.001))
    raise FcnEdgeError(
        f"no convolutions were found that take {wanted - 1:.0%} of the time", hint="wait for a calmer machine"
    )


def _resized(extra: Extra, factor: float) -> Extra:
    # Time is about linear in the width, and kernels compute 16 channels at once.
    widths = tuple(_STEP * max(1, round(min(max(factor, 0.5), 2.0) * width / _STEP)) for width in extra.widths)
    return Extra(extra.behind, widths)


def _convolved(features: Any, widths: tuple[int, ...]) -> Any:  # noqa: ANN401 - tensors
    channels = int(features.shape[-1])
    for number, width in enumerate((*widths, channels)):
        kernel = np.eye(int(features.shape[-1]), width, dtype=np.float32)[None, None]
        convolution = load_keras().layers.Conv2D(width, 1, activation="relu", name=f"extra{number}")
        features = convolution(features)
        convolution.set_weights([kernel, np.zeros(width, np.float32)])
    return features
