"""Whether a run stays as fast as it began: its first minute against its last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MINUTE_S = 60.0
# Of the last minute at most so many frames are kept; above 270 frames a second they are less than a minute.
_CAPACITY = 1 << 14
_AT, _INFERENCE, _TOTAL = range(3)


@dataclass(frozen=True, slots=True)
class MinuteStats:
    """One minute of a run.

    Attributes:
        begins_s: When it began, in seconds from the first mask.
        frames: How many became a mask.
        fps: Frames a second.
        inference_ms: Median.
        capture_to_result_ms: Median.
    """

    begins_s: float
    frames: int
    fps: float
    inference_ms: float
    capture_to_result_ms: float


@dataclass(frozen=True, slots=True)
class SustainedStats:
    """The first minute of a run and its last; the last is what it can do for long."""

    first_minute: MinuteStats
    last_minute: MinuteStats


class SustainedTimes:
    """Keeps the times of the first and of the last minute, in memory that does not grow.

    Args:
        minute_s: How long a minute is; less in tests.
    """

    def __init__(self, *, minute_s: float = MINUTE_S) -> None:
        self._minute_s = minute_s
        self._first = np.zeros((_CAPACITY, 3))
        self._last = np.zeros((_CAPACITY, 3))
        self._in_first = self._count = 0
        self._began_at = 0.0

    def add(self, at: float, inference_s: float, total_s: float) -> None:
        """Add a frame whose mask was there at *at* seconds."""
        if not self._count:
            self._began_at = at
        row = (at, inference_s, total_s)
        if at - self._began_at < self._minute_s and self._in_first < _CAPACITY:
            self._first[self._in_first] = row
            self._in_first += 1
        self._last[self._count % _CAPACITY] = row
        self._count += 1

    def stats(self) -> SustainedStats | None:
        """Compare the two; None for a run of less than two minutes, in which they would overlap."""
        if not self._count:
            return None
        ends_at = self._last[(self._count - 1) % _CAPACITY, _AT]
        if ends_at - self._began_at < 2 * self._minute_s:
            return None
        kept = self._last[: min(self._count, _CAPACITY)]
        last = kept[kept[:, _AT] > ends_at - self._minute_s]
        first = self._first[: self._in_first]
        return SustainedStats(self._summarise(first), self._summarise(last))

    def _summarise(self, rows: NDArray[np.float64]) -> MinuteStats:
        begins, ends = float(rows[:, _AT].min()), float(rows[:, _AT].max())
        # n frames span n - 1 intervals.
        fps = (len(rows) - 1) / (ends - begins) if ends > begins else 0.0
        return MinuteStats(
            begins_s=round(begins - self._began_at, 3),
            frames=len(rows),
            fps=round(fps, 3),
            inference_ms=round(1000 * float(np.median(rows[:, _INFERENCE])), 4),
            capture_to_result_ms=round(1000 * float(np.median(rows[:, _TOTAL])), 4),
        )
