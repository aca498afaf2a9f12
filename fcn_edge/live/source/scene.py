"""``test``: a moving scene drawn here, for trying a model, a page or a recording without a camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fcn_edge.live.frame import WELL, Clock, Frame, SourceHealth, SourceInfo

SIZE_WH = (640, 480)
FPS = 30.0
SEED = 3
# How far the view wanders in x and y, and how fast. There and back takes 67 frames in x and 106 in y, which have no
# common divisor: the path repeats only after four minutes.
RIM_XY_PX = (67, 53)
STEP_XY_PX = (2, 1)


class Scene:
    """A still field of nuclei over which the view moves: frame *n* is the same picture in every run.

    Drawing each frame anew would take longer than many a model; a view costs one copy.

    Args:
        size_wh: Width and height of a frame, each at least 16.
    """

    def __init__(self, size_wh: tuple[int, int] = SIZE_WH) -> None:
        # The generator brings what data folders need along; a run on a camera starts without it.
        from fcn_edge.scenes import SceneConfig, draw_scene

        width, height = size_wh
        self._size_wh = size_wh
        field_hw = (height + RIM_XY_PX[1], width + RIM_XY_PX[0])
        rng = np.random.default_rng((SEED, width, height))
        # In colour, so that exchanged channels are seen.
        self._field, self._mask = draw_scene(rng, field_hw, config=SceneConfig(stain="purple"))

    def picture(self, number: int) -> NDArray[np.uint8]:
        """Give frame *number*, ``(H, W, 3)`` uint8 BGR: a view that must not be written to."""
        return self._field[self._window(number)]

    def truth(self, number: int) -> NDArray[np.uint8]:
        """Give what is there in frame *number*, ``(H, W)`` uint8: 1 inside a nucleus, else 0; not to be written to."""
        return self._mask[self._window(number)]

    def _window(self, number: int) -> tuple[slice, slice]:
        width, height = self._size_wh
        left, top = (_to_and_fro(number * step, rim) for step, rim in zip(STEP_XY_PX, RIM_XY_PX, strict=True))
        return slice(top, top + height), slice(left, left + width)


class SceneSource:
    """A live source of :class:`Scene`: frames come at their rate, and who reads late gets the next one late.

    Args:
        size_wh: Width and height.
        rate_fps: Frames a second.
        clock: Monotonic seconds.
        wait: Waits for seconds; True ends reading. An :meth:`interrupt` ends it too.
    """

    def __init__(
        self,
        *,
        size_wh: tuple[int, int] = SIZE_WH,
        rate_fps: float = FPS,
        clock: Clock = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._scene = Scene(size_wh)
        self._info = SourceInfo("test", "scene", live=True, rate_fps=rate_fps, size_wh=size_wh, starts_at="read_return")
        self._stop = threading.Event()
        self._clock = clock
        self._wait = wait or self._stop.wait
        self._due = clock()
        self._first_at = 0.0
        self._delivered = 0

    @property
    def info(self) -> SourceInfo:
        """Its size and rate."""
        return self._info

    @property
    def health(self) -> SourceHealth:
        """Always well."""
        return WELL

    def read(self, spare: NDArray[np.uint8] | None = None) -> Frame | None:
        """Wait until the next frame is due and give it; None after :meth:`interrupt`.

        Args:
            spare: Memory for the picture, used where its size fits.
        """
        now = self._clock()
        if self._stop.is_set() or (self._due > now and self._wait(self._due - now)):
            return None
        begun_at = self._clock()
        picture = self._scene.picture(self._delivered)
        fits = spare is not None and spare.shape == picture.shape
        image = spare if fits and spare is not None else np.empty_like(picture, order="C")
        np.copyto(image, picture)
        # Late by more than a frame, a camera has dropped frames; it does not hurry afterwards.
        interval_s = 1 / self._info.rate_fps
        self._due = max(self._due, begun_at - interval_s) + interval_s
        self._first_at = self._first_at if self._delivered else begun_at
        frame = Frame(image, self._delivered, begun_at, self._clock(), begun_at - self._first_at)
        self._delivered += 1
        return frame

    def interrupt(self) -> None:
        """End reading."""
        self._stop.set()

    def close(self) -> None:
        """Nothing is held open."""


def _to_and_fro(way: int, length: int) -> int:
    """Give the place after *way* steps between 0 and *length* and back."""
    return length - abs(way % (2 * length) - length)
