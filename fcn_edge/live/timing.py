"""Stage times of any number of frames in memory that does not grow."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Fewest samples from which a percentile is given: MLPerf LoadGen's binomial bound (99 % confidence, 1 % margin).
FEWEST_FOR_P90 = 64
FEWEST_FOR_P99 = 662


@dataclass(frozen=True, slots=True)
class TimeStats:
    """Times of one stage over a run, in milliseconds; None where there are too few samples to say.

    Attributes:
        p50: Median.
        p90: None below 64 samples.
        p99: None below 662 samples.
        mean: Over all frames, so that the means of the stages add up.
        n: How many frames.
    """

    p50: float | None
    p90: float | None
    p99: float | None
    mean: float | None
    n: int


class StageTimes:
    """Times of the stages of each frame: exact means, and percentiles from a fair sample of the whole run.

    The sample is a reservoir (Vitter's algorithm R): each frame of the run is in it with the same probability, however
    long the run. A frame's stages are kept together.

    Args:
        stages: Their names.
        capacity: Frames in the sample; up to here it is no sample but all of them.
    """

    def __init__(self, stages: Sequence[str], *, capacity: int = 8192) -> None:
        self._stages = tuple(stages)
        self._rows = np.zeros((capacity, len(self._stages)), np.float32)
        self._sums = np.zeros(len(self._stages))
        self._seen = 0
        self._random = random.Random(0)  # noqa: S311 - a sample, not a secret

    @property
    def seen(self) -> int:
        """How many frames were added."""
        return self._seen

    @property
    def size_bytes(self) -> int:
        """Memory held for the samples."""
        return self._rows.nbytes

    def add(self, times_s: Sequence[float]) -> None:
        """Add one frame: seconds per stage, in the order of the names."""
        self._sums += times_s
        row = self._seen if self._seen < len(self._rows) else self._random.randrange(self._seen + 1)
        if row < len(self._rows):
            self._rows[row] = times_s
        self._seen += 1

    def stats(self) -> dict[str, TimeStats]:
        """Summarise each stage."""
        return {stage: self._summarise(self._sample()[:, i], self._sums[i]) for i, stage in enumerate(self._stages)}

    def total(self) -> TimeStats:
        """Summarise the sum over the stages of each frame."""
        return self._summarise(self._sample().sum(axis=1), float(self._sums.sum()))

    def _sample(self) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        return self._rows[: min(self._seen, len(self._rows))]

    def _summarise(self, sample_s: np.ndarray[tuple[int], np.dtype[np.float32]], sum_s: float) -> TimeStats:
        n = len(sample_s)
        if not n:
            return TimeStats(None, None, None, None, 0)

        def percentile(q: int, fewest: int) -> float | None:
            return round(1000 * float(np.percentile(sample_s, q)), 4) if n >= fewest else None

        mean = round(1000 * sum_s / self._seen, 4)
        return TimeStats(
            percentile(50, 1), percentile(90, FEWEST_FOR_P90), percentile(99, FEWEST_FOR_P99), mean, self._seen
        )


class Rate:
    """Events per second, from the first to the last: n events span n - 1 intervals."""

    def __init__(self) -> None:
        self._count = 0
        self._first_at = self._last_at = 0.0

    @property
    def count(self) -> int:
        """How many events there were."""
        return self._count

    def add(self, at: float) -> None:
        """Count an event at *at* seconds."""
        if not self._count:
            self._first_at = at
        self._last_at = at
        self._count += 1

    def per_second(self) -> float | None:
        """Give the rate; None before two events at different times."""
        span = self._last_at - self._first_at
        return round((self._count - 1) / span, 3) if span > 0 else None


# An event that is late by so many intervals may have been the last.
_LATE = 3.0


class RecentRate:
    """Events per second over the last few, for a display."""

    def __init__(self, window: int = 30) -> None:
        self._times = np.zeros(window)
        self._count = 0

    def add(self, at: float) -> None:
        """Count an event at *at* seconds."""
        self._times[self._count % len(self._times)] = at
        self._count += 1

    def per_second(self, now: float | None = None) -> float:
        """Give the rate; 0 before two events.

        Args:
            now: Seconds on the events' clock. If they have stopped coming, the rate falls from then on; None: as it was
                at the newest event.
        """
        kept = min(self._count, len(self._times))
        if kept < 2:  # noqa: PLR2004 - one interval needs two events
            return 0.0
        newest = self._times[(self._count - 1) % len(self._times)]
        oldest = self._times[0 if self._count <= kept else self._count % len(self._times)]
        if newest <= oldest:
            return 0.0
        rate = float((kept - 1) / (newest - oldest))
        silent_s = 0.0 if now is None else now - newest
        return rate if silent_s <= _LATE / rate else min(rate, 1 / silent_s)
