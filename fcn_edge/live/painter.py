"""Drawing a result for people: overlay, legend, frames a second and age of the frame."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import ClassSpec
from fcn_edge.live.frame import Clock
from fcn_edge.live.result import Result
from fcn_edge.overlay import draw_legend, draw_overlay, draw_text

OPACITY = 0.5


class Painter:
    """Draws results, into another array or onto the frames themselves.

    Args:
        classes: In id order.
        opacity: Of the colours, 0..1.
        clock: Monotonic seconds, the clock of the frames.
    """

    def __init__(
        self, classes: Sequence[ClassSpec], *, opacity: float = OPACITY, clock: Clock = time.monotonic
    ) -> None:
        self._classes = tuple(classes)
        self._opacity = opacity
        self._clock = clock

    def __call__(self, result: Result, out: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw a result into *out*, ``(H, W, 3)`` uint8 BGR of the frame's shape or the frame itself, and give it."""
        image = result.frame.image_bgr
        picture = draw_overlay(image, result.labels, self._classes, opacity=self._opacity, out=out)
        draw_legend(picture, self._classes)
        age_ms = 1000 * (self._clock() - result.frame.begun_at)
        height, width = picture.shape[:2]
        scale = max(0.35, 0.6 * min(height / 480, width / 640))
        text = f"{result.fps:.1f} FPS  {age_ms:.0f} ms" if result.fps else f"{age_ms:.0f} ms"
        return draw_text(picture, text, (round(16 * scale), round(36 * scale)), scale)
