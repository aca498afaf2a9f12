"""How far a figure would move if other images of the same kind had been drawn.

The bootstrap over images (Efron and Tibshirani, 1993): images are drawn with replacement as often as there are images,
their counts pooled and the figure computed again, some thousand times. Pixels of one image belong together, so images
are what is drawn. All figures of all models come from the same draws: the difference of two models is then that of
pairs, in which easy and hard images cancel.

The interval is the bias-corrected and accelerated one (BCa, there chapter 14), as ``scipy.stats.bootstrap`` computes
it, here for a whole table of counts at once and without SciPy, which a board does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from fcn_edge.measure.accuracy.detail import Interval

Table = NDArray[np.float64]
# From pooled counts (..., C) to a figure (...); NaN where it has no value.
Figure = Callable[[Table], Table]

CONFIDENCE = 0.95
RESAMPLES = 2000
# With fewer, the images that happen to be there say too little of those that are not.
FEWEST_IMAGES = 50
# Numbers of images that are drawn at a time: 32 MB of them.
_BLOCK = 1 << 22
# A figure that has no value in more draws than this, as the IoU of a class of few images, has no interval either.
_MOST_WITHOUT_VALUE = 0.01
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Draws:
    """Pooled counts of the images as they are, of images drawn again, and of all images but one.

    Attributes:
        pooled: ``(C,)``.
        drawn: ``(resamples, C)``.
        without_one: ``(images, C)``.
    """

    pooled: Table
    drawn: Table
    without_one: Table

    def interval(self, figure: Figure, *, confidence: float = CONFIDENCE) -> Interval | None:
        """Give the interval of a figure; None where it has no value, or none in many of the draws."""
        observed = float(figure(self.pooled))
        drawn, without_one = figure(self.drawn), figure(self.without_one)
        valid = drawn[~np.isnan(drawn)]
        if np.isnan(observed) or np.isnan(without_one).any() or len(valid) < (1 - _MOST_WITHOUT_VALUE) * len(drawn):
            return None
        return bca_interval(observed, valid, without_one, confidence=confidence)


def draw_images(counts: NDArray[np.int64], *, seed: int, resamples: int = RESAMPLES) -> Draws | None:
    """Draw images with replacement and pool their counts.

    Args:
        counts: One row per image, ``(N, C)``.
        seed: The same seed draws the same images.
        resamples: How many times N images are drawn.

    Returns:
        None for fewer than 50 images.
    """
    images = len(counts)
    if images < FEWEST_IMAGES:
        return None
    table = counts.astype(np.float64)
    rng = np.random.default_rng(seed)
    rows = max(1, _BLOCK // images)
    blocks = [_times_drawn(rng, min(rows, resamples - first), images) @ table for first in range(0, resamples, rows)]
    pooled = table.sum(axis=0)
    return Draws(pooled, np.concatenate(blocks), pooled - table)


def bca_interval(
    observed: float, drawn: Table, without_one: Table, *, confidence: float = CONFIDENCE
) -> Interval | None:
    """Give the bias-corrected and accelerated interval of a figure.

    Args:
        observed: Its value on the images as they are.
        drawn: Its values on drawn images, ``(resamples,)``.
        without_one: Its values on all images but one, ``(images,)``: the jackknife.
        confidence: In (0, 1).

    Returns:
        Both ends. Where nearly all draws lie on one side of the observed value the correction has no value, and the
        plain percentiles are given.
    """
    tail = (1 - confidence) / 2
    below = (np.count_nonzero(drawn < observed) + np.count_nonzero(drawn <= observed)) / (2 * len(drawn))
    ends = [tail, 1 - tail]
    if 0 < below < 1:
        bias = _NORMAL.inv_cdf(below)
        acceleration = _acceleration(without_one)
        shifted = [bias + _NORMAL.inv_cdf(end) for end in ends]
        # Beyond this point the correction runs the wrong way round; only a few wild images lead there.
        if all(acceleration * shift < 1 for shift in shifted):
            ends = [_NORMAL.cdf(bias + shift / (1 - acceleration * shift)) for shift in shifted]
    low, high = np.quantile(drawn, ends)
    return float(low), float(high)


def _acceleration(without_one: Table) -> float:
    away = without_one.mean() - without_one
    spread = float(np.sum(away**2))
    # Images that all count the same leave a spread of rounding errors alone.
    if spread <= 0:
        return 0.0
    return float(np.sum(away**3) / (6 * spread**1.5))


def _times_drawn(rng: np.random.Generator, resamples: int, images: int) -> Table:
    """Draw; ``(resamples, images)``, how often each image came."""
    drawn = rng.integers(0, images, (resamples, images))
    drawn += images * np.arange(resamples)[:, np.newaxis]
    # On a 32-bit board NumPy counts nothing wider than its own 32-bit integers.
    times = np.bincount(drawn.ravel().astype(np.intp, copy=False), minlength=resamples * images)
    return times.reshape(resamples, images).astype(np.float64)
