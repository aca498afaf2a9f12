"""Percentiles and intervals, held to what SciPy says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom, binomtest, quantile_test

from fcn_edge.timing.intervals import (
    fewest_samples,
    latency_stats,
    median_interval,
    paired_ratio,
    percentile,
    sign_test_rank,
)

# Distinct values: on ties the sign test is undecided about what lies below.
series = st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=120, unique=True)
confidences = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])
times = st.integers(1, 60).flatmap(lambda n: st.tuples(*[arrays(np.float64, n, elements=st.floats(0.01, 1000))] * 2))


@given(series, confidences)
def test_the_interval_holds_the_medians_that_the_sign_test_does_not_refuse(values, confidence):
    interval = median_interval(np.array(values, np.float64), confidence=confidence)
    ordered = sorted(values)
    # One candidate between any two neighbours, and one beyond each end.
    candidates = [ordered[0] - 1, *((a + b) / 2 for a, b in itertools.pairwise(ordered)), ordered[-1] + 1]
    for median in candidates:
        below = sum(value < median for value in values)
        kept = binomtest(below, len(values)).pvalue > 1 - confidence
        assert kept == (interval is None or interval[0] < median < interval[1])


@given(series, confidences)
def test_the_interval_is_that_of_scipy(values, confidence):
    interval = median_interval(np.array(values, np.float64), confidence=confidence)
    theirs = quantile_test(values, p=0.5).confidence_interval(confidence)

    # SciPy says infinity, or nothing, where the whole range covers too little.
    if interval is not None and np.isfinite([theirs.low, theirs.high]).all():
        assert interval[0] <= theirs.low
        assert interval[1] >= theirs.high


@given(st.integers(1, 3000), confidences)
def test_the_rank_is_the_largest_that_covers_enough(n, confidence):
    rank = sign_test_rank(n, confidence)
    below = (1 - confidence) / 2

    assert rank is None or binom.cdf(rank - 1, n, 0.5) <= below * (1 + 1e-9)
    assert binom.cdf(rank or 0, n, 0.5) > below * (1 - 1e-9)


def test_six_pairs_are_the_fewest_with_an_interval():
    assert median_interval(np.arange(5.0)) is None
    assert median_interval(np.arange(6.0)) == (0.0, 5.0)


@pytest.mark.parametrize("draw", ["normal", "lognormal", "standard_cauchy"])
def test_the_interval_covers_the_truth_as_often_as_it_says_whatever_the_noise(draw):
    rng = np.random.default_rng(0)
    truth = 1.0 if draw == "lognormal" else 0.0
    intervals = [median_interval(getattr(rng, draw)(size=64)) for _ in range(2000)]
    covered = np.mean([low < truth < high for low, high in intervals])

    assert 0.94 < covered < 0.98


@given(times)
def test_swapping_candidate_and_reference_inverts_the_ratio(pair):
    there, back = paired_ratio(*pair), paired_ratio(*pair[::-1])

    assert there.ratio == pytest.approx(1 / back.ratio)
    if there.ci is not None:
        assert there.ci == pytest.approx((1 / back.ci[1], 1 / back.ci[0]))
        assert there.ci[0] <= there.ratio <= there.ci[1]


@given(times, st.floats(0.1, 10))
def test_what_slows_both_of_a_pair_cancels(pair, load):
    candidate, reference = pair
    loads = np.where(np.arange(len(candidate)) % 2, load, 1.0)

    assert paired_ratio(candidate * loads, reference * loads).ratio == pytest.approx(
        paired_ratio(candidate, reference).ratio
    )


@pytest.mark.parametrize(("share", "fewest"), [(0.5, 11), (0.9, 64), (0.95, 130), (0.99, 662)])
def test_a_percentile_needs_the_samples_of_loadgen(share, fewest):
    assert fewest_samples(share) == fewest
    assert percentile(np.arange(fewest - 1.0), share) is None
    assert percentile(np.arange(float(fewest)), share) == pytest.approx(share * (fewest - 1))


def test_times_are_summed_up_and_what_is_too_few_is_left_out():
    few, many = latency_stats(np.array([[3.0, 1.0], [2.0, 10.0]])), latency_stats(np.arange(1.0, 1002.0))

    assert (few.n, few.min, few.p50, few.p90, few.p99, few.mean) == (4, 1.0, 2.5, None, None, 4.0)
    assert (many.n, many.p50, many.p90, many.p99) == (1001, 501.0, 901.0, 991.0)
