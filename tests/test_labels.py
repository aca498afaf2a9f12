"""Resizing and deciding at once gives what resizing and then deciding gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn_edge.geometry import placement, restore_scores
from fcn_edge.runtime.labels import LabelDoor
from fcn_edge.scoring import labels_from_scores, planes_of

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))
DTYPES = st.sampled_from([np.int8, np.float32])


def _scores(hw, classes, dtype, seed):
    # Few different values, so that equal scores of two classes are common.
    return np.random.default_rng(seed).integers(-6, 7, (*hw, classes)).astype(dtype)


@given(
    SIZES, SIZES, st.integers(1, 7), st.sampled_from(["stretch", "letterbox"]), st.sampled_from([np.int8, np.float32])
)
def test_it_decides_as_whole_score_maps_do(source_hw, input_hw, classes, geometry, dtype):
    scores = _scores(input_hw, classes, dtype, sum(source_hw) + classes)
    threshold = 0.5 if classes == 1 else None
    place = placement(source_hw, input_hw, geometry)
    expected = labels_from_scores(restore_scores(scores, place), threshold)
    np.testing.assert_array_equal(LabelDoor(threshold)(scores, place), expected)


@pytest.mark.parametrize("classes", [1, 4])
def test_frames_of_changing_size_do_not_leave_anything_behind(classes):
    door = LabelDoor(0.0 if classes == 1 else None)
    for seed, (source_hw, input_hw) in enumerate([((30, 40), (16, 16)), ((16, 16), (16, 16)), ((9, 50), (16, 24))]):
        scores = _scores(input_hw, classes, np.int8, seed)
        place = placement(source_hw, input_hw, "stretch")
        expected = labels_from_scores(restore_scores(scores, place), 0.0 if classes == 1 else None)
        np.testing.assert_array_equal(door(scores, place), expected)


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("source_hw", [(20, 30), (12, 10)])
def test_it_writes_where_it_is_told(classes, source_hw):
    scores = _scores((12, 10), classes, np.int8, 5)
    out = np.full(source_hw, 77, np.uint8)
    door = LabelDoor(0.0 if classes == 1 else None)
    assert door(scores, placement(source_hw, (12, 10), "stretch"), out) is out
    assert out.max() < max(2, classes)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.float16, np.float32])
def test_planes_are_the_scores_with_the_classes_first(dtype):
    scores = _scores((5, 7), 3, dtype, 1)
    np.testing.assert_array_equal(planes_of(scores), np.moveaxis(scores, -1, 0))
    planar = np.moveaxis(np.ascontiguousarray(np.moveaxis(scores, -1, 0)), 0, -1)
    assert np.shares_memory(planes_of(planar), planar)
