"""How sure the reference is of what flips: margins, and percentiles from counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fcn_edge.measure.accuracy.margin import MarginCounts, grid_margins, margins

scores = arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(2, 6)), elements=st.floats(-50, 50, width=32))


@given(scores)
def test_a_margin_is_the_difference_of_the_two_largest_scores(values):
    ordered = np.sort(values, axis=1)

    np.testing.assert_array_equal(margins(values, None), ordered[:, -1] - ordered[:, -2])


def test_the_margin_of_one_score_is_its_distance_from_the_threshold():
    assert margins(np.array([[0.25], [0.75], [0.5]], np.float32), 0.5).tolist() == [0.25, 0.25, 0.0]


def test_a_single_score_without_a_threshold_is_held_to_zero():
    assert margins(np.array([[-2.0], [3.0]], np.float32), None).tolist() == [2.0, 3.0]


@given(arrays(np.float32, st.integers(1, 500), elements=st.floats(0, 2.0**20, width=32, allow_subnormal=False)))
def test_percentiles_from_counts_are_those_of_the_values_to_half_a_percent(values):
    counts = MarginCounts()
    counts.add(values)
    found = counts.percentiles()
    expected = np.quantile(values, (0.1, 0.5, 0.9), method="inverted_cdf")

    assert (found.p10, found.p50, found.p90) == pytest.approx(tuple(expected), rel=0.005, abs=1e-30)


def test_margins_of_quantised_scores_are_told_in_real_units():
    counts = MarginCounts(step=0.5)
    counts.add(np.full(9, 4.0, np.float32))

    assert counts.percentiles().p50 == pytest.approx(2.0, rel=0.005)


def test_the_share_up_to_a_margin_is_counted():
    counts = MarginCounts()
    counts.add(np.array([0.0, 1.0, 2.0, 8.0], np.float32))

    assert [counts.share_up_to(m) for m in (0.0, 1.5, 2.0, 100.0)] == [0.25, 0.5, 0.75, 1.0]


def test_scores_that_are_no_numbers_are_left_out():
    counts = MarginCounts()
    counts.add(np.array([np.nan, np.inf, 1.0], np.float32))

    assert counts.counts.sum() == 2


def test_nothing_counted_has_no_percentiles():
    assert MarginCounts().percentiles() is None


@pytest.mark.parametrize("size_hw", [(1, 1), (128, 128), (129, 128), (480, 640), (3000, 4000)])
def test_a_grid_of_any_picture_has_few_pixels_but_some(size_hw):
    found = grid_margins(np.ones((*size_hw, 1), np.float32), 0.0)

    assert 1 <= found.size <= 1 << 14
