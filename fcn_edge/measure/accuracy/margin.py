"""How sure a model is of each pixel, and percentiles of that over any number of images in little memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fcn_edge.measure.accuracy.detail import MarginPercentiles

Scores = NDArray[np.float32]
Margins = NDArray[np.float32]

# Of one image, for the margin at all pixels; neighbours are so alike that more would say no more.
_GRID_PIXELS = 1 << 14
# The upper half of a float32 grows with its value and tells it to half a percent: a histogram of these needs no range.
_BINS = 1 << 15
_LOWER_BITS = 16
_INFINITY = 0x7F80


@dataclass(slots=True)
class MarginCounts:
    """Counts margins by size.

    Attributes:
        step: What one unit of the scores is worth: the scale of quantised ones, else 1.
        counts: By the upper half of the margin as a float32, ``(32768,)``.
    """

    step: float = 1.0
    counts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros(_BINS, np.int64)

    def add(self, margins: Margins) -> None:
        """Count margins of 0 or more in the scores' own units, of any shape; what is not a number is left out."""
        real = np.ascontiguousarray(margins.ravel() * np.float32(self.step))
        keys = real.view(np.uint32) >> _LOWER_BITS
        # On a 32-bit board NumPy counts nothing wider than its own 32-bit signed integers.
        self.counts += np.bincount(keys[keys <= _INFINITY].astype(np.intp), minlength=_BINS)

    def percentiles(self) -> MarginPercentiles | None:
        """Give percentiles in real units; None where nothing was counted."""
        total = int(self.counts.sum())
        if not total:
            return None
        passed = np.cumsum(self.counts)
        keys = [int(np.searchsorted(passed, share * total)) for share in (0.1, 0.5, 0.9)]
        return MarginPercentiles(*(_middle(key) for key in keys))

    def share_up_to(self, margin: float) -> float:
        """Give the share of margins, 0..1, that are not above this one, in real units."""
        key = int(np.array([margin], np.float32).view(np.uint32)[0]) >> _LOWER_BITS
        return float(self.counts[: key + 1].sum() / max(1, self.counts.sum()))


def margins(scores: Scores, threshold: float | None) -> Margins:
    """Compute how sure each pixel is.

    Args:
        scores: ``(N, K)``.
        threshold: For ``K = 1``, in the scores' own units; None there means 0.

    Returns:
        ``(N,)`` float32: the difference of the two largest scores; for one score its distance from the threshold.
    """
    if scores.shape[1] == 1:
        return np.asarray(np.abs(scores[:, 0] - np.float32(threshold or 0.0)), np.float32)
    best = np.partition(scores, -2, axis=1)
    return np.asarray(best[:, -1] - best[:, -2], np.float32)


def grid_margins(scores: Scores, threshold: float | None) -> Margins:
    """Compute how sure the pixels of a grid are, some 16,000 at most, from scores ``(H, W, K)``; ``(n,)``."""
    height, width, channels = scores.shape
    every = max(1, math.ceil((height * width / _GRID_PIXELS) ** 0.5))
    return margins(np.ascontiguousarray(scores[::every, ::every]).reshape(-1, channels), threshold)


def _middle(key: int) -> float:
    """Give the value in the middle of a bin; 0 for the first, which holds zeros."""
    if key == 0 or key >= _INFINITY:
        return 0.0 if key == 0 else float("inf")
    bits = np.array([(key << _LOWER_BITS) | (1 << (_LOWER_BITS - 1))], np.uint32)
    return float(bits.view(np.float32)[0])
