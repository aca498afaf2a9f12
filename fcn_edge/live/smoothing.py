"""A running mean of scores over time, against classes that flicker at their edges."""

from __future__ import annotations

import math
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.live.frame import Clock
from fcn_edge.live.timing import StageTimes, TimeStats

# After a pause longer than so many times the constant, what was seen before says nothing about now.
_FORGOTTEN_AFTER = 5.0


class Smoother:
    """Averages scores exponentially, by time and not by frame, so that it looks the same at any frame rate.

    ``mean += (1 - exp(-dt / seconds)) * (scores - mean)``, at the model's own resolution, before anything is decided.

    Args:
        seconds: Time constant: after so long a sudden change shows for 63 %.
        clock: Monotonic seconds, for what it costs.
    """

    def __init__(self, seconds: float, *, clock: Clock = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._mean: NDArray[np.float32] | None = None
        self._wide = np.empty(0, np.float32)
        self._last_at = 0.0
        self._costs = StageTimes(("smooth",))

    def __call__(self, raw: NDArray[np.generic], at: float) -> NDArray[np.float32]:
        """Take the scores of one frame.

        Args:
            raw: Of any shape, real or raw quantised.
            at: When the frame was taken, in seconds; rising.

        Returns:
            The mean, of *raw*'s shape; memory that the next call overwrites.
        """
        begun_at = self._clock()
        passed_s = at - self._last_at
        self._last_at = at
        if self._mean is None or self._mean.shape != raw.shape or not 0 <= passed_s <= _FORGOTTEN_AFTER * self._seconds:
            self._mean = raw.astype(np.float32)
        else:
            if self._wide.shape != raw.shape:
                self._wide = np.empty(raw.shape, np.float32)
            np.copyto(self._wide, raw, casting="unsafe")
            weight = 1 - math.exp(-passed_s / self._seconds)
            # As one long row: OpenCV takes no arrays of four axes here.
            cv2.accumulateWeighted(self._wide.reshape(1, -1), self._mean.reshape(1, -1), weight)
        self._costs.add((self._clock() - begun_at,))
        return self._mean

    def cost_ms(self) -> TimeStats:
        """Sum up what it took for each frame; a part of the postprocess stage."""
        return self._costs.stats()["smooth"]
