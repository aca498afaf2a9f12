"""What a series of times allows one to say: percentiles, and how much faster with which certainty.

Counting and order statistics only: they assume nothing of the noise, which on a shared machine has long tails and no
known shape. The interval of the median is that of the sign test, exact for any distribution and any number of pairs.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
# Ten standard deviations where the noise is normal: 1.4826 MAD are one.
OUTLIER_MADS = 14.826
# Of MLPerf LoadGen's early stopping, where the numbers of samples a percentile needs come from.
_PERCENTILE_CONFIDENCE = 0.99


@dataclass(frozen=True, slots=True)
class LatencyStats:
    """Times of single calls in milliseconds; a percentile that too few calls carry is None, not guessed.

    Attributes:
        n: How many calls.
        min: Shortest.
        p50: Median.
        p90: None below 64 calls.
        p95: None below 130 calls.
        p99: None below 662 calls.
        mean: Arithmetic.
        mad: Median absolute deviation from the median.
        outliers: Calls further than 14.826 times that from the median; counted, never dropped.
    """

    n: int
    min: float
    p50: float
    p90: float | None
    p95: float | None
    p99: float | None
    mean: float
    mad: float
    outliers: int


@dataclass(frozen=True, slots=True)
class RatioStats:
    """How long one takes compared with another.

    Attributes:
        ratio: Median over the pairs of candidate time / reference time; below 1 the candidate is faster.
        ci: Interval that holds the true median ratio with at least the confidence asked for; None where there are too
            few pairs for that (below 6 at 95 %).
        pairs: How many.
    """

    ratio: float
    ci: tuple[float, float] | None
    pairs: int


def latency_stats(times_ms: NDArray[np.float64]) -> LatencyStats:
    """Sum up times in milliseconds, of any shape, at least one."""
    times = np.ravel(times_ms)
    deviations = np.abs(times - np.median(times))
    mad = float(np.median(deviations))
    return LatencyStats(
        n=len(times),
        min=float(times.min()),
        p50=float(np.median(times)),
        p90=percentile(times, 0.90),
        p95=percentile(times, 0.95),
        p99=percentile(times, 0.99),
        mean=float(times.mean()),
        mad=mad,
        outliers=int((deviations > OUTLIER_MADS * mad).sum()),
    )


def percentile(values: NDArray[np.float64], share: float) -> float | None:
    """Give the value that *share* (0..1) of ``(n,)`` *values* do not exceed; None where n is too small to tell."""
    return float(np.quantile(values, share)) if len(values) >= fewest_samples(share) else None


@functools.cache
def fewest_samples(share: float) -> int:
    """Count the samples a percentile needs: so many that with 99 % confidence two at least lie above it.

    This is the smallest number of queries with which MLPerf LoadGen stops early: 64 for 90 %, 130 for 95 %, 662 for
    99 %.
    """
    n = 2
    while share**n + n * (1 - share) * share ** (n - 1) > 1 - _PERCENTILE_CONFIDENCE:
        n += 1
    return n


def paired_ratio(
    candidate_ms: NDArray[np.float64], reference_ms: NDArray[np.float64], *, confidence: float = CONFIDENCE
) -> RatioStats:
    """Compare two series of times that were taken in pairs.

    What disturbs both times of a pair cancels in their ratio, so this holds on a noisy machine, where a ratio of
    medians does not. The logarithm makes the result the same whichever of the two is called the reference.

    Args:
        candidate_ms: Times, ``(n,)``, above 0.
        reference_ms: Times, ``(n,)``; each was taken beside the candidate's of the same index.
        confidence: Of the interval, in (0, 1).
    """
    logs = np.log(candidate_ms) - np.log(reference_ms)
    interval = median_interval(logs, confidence=confidence)
    ci = None if interval is None else (math.exp(interval[0]), math.exp(interval[1]))
    return RatioStats(math.exp(float(np.median(logs))), ci, len(logs))


def median_interval(values: NDArray[np.float64], *, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Give the interval of the medians that a two-sided sign test on ``(n,)`` *values* does not refuse.

    Its ends are order statistics, so the true coverage is *confidence* or a little more. None where even the whole
    range of the values covers less.
    """
    rank = sign_test_rank(len(values), confidence)
    if rank is None:
        return None
    ordered = np.sort(values)
    return float(ordered[rank - 1]), float(ordered[-rank])


@functools.cache
def sign_test_rank(n: int, confidence: float) -> int | None:
    """Give the largest k with which the k-th smallest and the k-th largest of *n* values enclose the median.

    Each value lies below the true median with probability 1/2, whatever their distribution; the chance that fewer than
    k do is a sum of binomial coefficients, which is computed exactly.

    Returns:
        k from 1, None where k = 1 is not enough for *confidence*.
    """
    # In whole numbers: 2 ** n overflows a float from n = 1024 on.
    allowed = math.floor((1 - confidence) / 2 * 2**53) * 2**n >> 53
    below, k = 1, 0
    while below <= allowed:
        k += 1
        below += math.comb(n, k)
    return k or None
