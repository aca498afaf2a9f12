"""What a converter is given, and what is found in what it made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import OutputKind, ScoreQuantization
from fcn_edge.export.graph import Model
from fcn_edge.export.ranges import Method


@dataclass(frozen=True, slots=True)
class Conversion:
    """One model to convert, the same for every format.

    Attributes:
        model: Flat (see :mod:`fcn_edge.export.graph`); scores out.
        output: ``logits``, or ``labels`` decided in the graph.
        threshold: For one score channel, in the unit of the scores; used for ``labels``.
        calibration: ``(N, H, W, 3)`` uint8 RGB; only int8 converters look at it. It holds a 0 and a 255, so that the
            quantised input is the pixel itself.
        rewrite: Operations may be replaced by others that compute the same and run faster in the format's runtimes.
            False where the graph is to be left alone.
        symmetric: int8 ONNX with symmetric int8 activations, as TensorRT wants it.
        float_layers: Names of layers that int8 converters leave in floating point.
        ranges: How int8 converters find the ranges of activations on the calibration images.
    """

    model: Model
    output: OutputKind
    threshold: float
    calibration: NDArray[np.uint8]
    rewrite: bool = True
    symmetric: bool = False
    float_layers: tuple[str, ...] = ()
    ranges: Method = "min-max"


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a converted file holds.

    Attributes:
        ops: Number of operations of each kind, the most frequent first.
        float_ops: Operations that compute in floating point.
        quantization: Of the scores; None where they are real, or class ids.
    """

    ops: Mapping[str, int]
    float_ops: int
    quantization: ScoreQuantization | None
