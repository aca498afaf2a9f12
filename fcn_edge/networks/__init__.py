"""The networks, as functions from an input shape to a Keras model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fcn_edge.networks.fcn import build_fcn
from fcn_edge.networks.fcn_mobile import build_fcn_light, build_fcn_lite0
from fcn_edge.networks.fcn_vgg import build_fcn8s, build_fcn16s, build_fcn32s

# Name of --arch: builder. Each takes (input_shape, *, classes, rescale, logits, **options) and gives a keras.Model.
ARCHITECTURES: dict[str, Callable[..., Any]] = {
    "fcn": build_fcn,
    "fcn32s": build_fcn32s,
    "fcn16s": build_fcn16s,
    "fcn8s": build_fcn8s,
    "fcn_lite0": build_fcn_lite0,
    "fcn_light": build_fcn_light,
}

__all__ = [
    "ARCHITECTURES",
    "build_fcn",
    "build_fcn8s",
    "build_fcn16s",
    "build_fcn32s",
    "build_fcn_light",
    "build_fcn_lite0",
]
