"""A running mean of scores against flicker."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn_edge.live.smoothing import Smoother


def _scores(value, dtype=np.int8):
    return np.full((1, 4, 5, 2), value, dtype)


def test_the_first_frame_is_as_it_is():
    assert (Smoother(1.0)(_scores(7), 0.0) == 7).all()


@pytest.mark.parametrize("frames", [10, 100])
def test_a_change_shows_by_time_and_not_by_the_number_of_frames(frames):
    smoother = Smoother(0.5)
    smoother(_scores(0), 0.0)
    for i in range(1, frames + 1):
        mean = smoother(_scores(100), 0.5 * i / frames)
    np.testing.assert_allclose(mean, 100 * (1 - math.exp(-1)), rtol=1e-4)


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=20))
def test_it_never_leaves_the_range_of_what_it_has_seen(values):
    smoother = Smoother(0.3)
    for i, value in enumerate(values):
        mean = smoother(_scores(value), i / 30)
    assert min(values) - 1e-3 <= mean.min()
    assert mean.max() <= max(values) + 1e-3


@pytest.mark.parametrize("then", [100.0, -1.0])
def test_after_a_long_pause_or_a_film_that_begins_again_it_begins_anew(then):
    smoother = Smoother(0.5)
    smoother(_scores(0), 0.0)
    assert (smoother(_scores(100), then) == 100).all()


def test_scores_of_another_shape_begin_anew():
    smoother = Smoother(0.5)
    smoother(_scores(0), 0.0)
    assert (smoother(np.full((1, 2, 2, 2), 9, np.float32), 0.01) == 9).all()


def test_it_tells_what_it_costs():
    ticks = iter(range(100))
    smoother = Smoother(0.5, clock=lambda: next(ticks) / 1000)
    smoother(_scores(0), 0.0)
    smoother(_scores(0), 0.1)
    assert (smoother.cost_ms().p50, smoother.cost_ms().n) == (1.0, 2)
