"""Segmented frames for the tests of outputs."""

from __future__ import annotations

import numpy as np

from fcn_edge.live.frame import Frame
from fcn_edge.live.result import Result
from fcn_edge.scoring import class_shares


def segmented(labels: np.ndarray, *, number: int = 0, fps: float = 10.0, classes: int = 3) -> Result:
    """Give a frame with these ``(H, W)`` class ids."""
    labels = np.ascontiguousarray(labels, np.uint8)
    at = number / fps
    image = np.full((*labels.shape, 3), 4 * number % 256, np.uint8)
    frame = Frame(image, number, at, at + 0.001, at)
    return Result(frame, labels, (0.001, 0.002, 0.003, 0.03, 0.004), class_shares(labels, classes), fps)


def boxes(size_wh: tuple[int, int], *xywh_of_class: tuple[int, tuple[int, int, int, int]]) -> np.ndarray:
    """Draw boxes of classes onto background, ``(H, W)`` uint8."""
    labels = np.zeros(size_wh[::-1], np.uint8)
    for class_id, (x, y, width, height) in xywh_of_class:
        labels[y : y + height, x : x + width] = class_id
    return labels
