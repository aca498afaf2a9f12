"""When scores of two machines agree, and when they do not."""

from __future__ import annotations

import numpy as np
import pytest

from arm64.agreement import compare

SCORES = np.tile(np.arange(-8, 8, dtype=np.int8).reshape(1, 4, 4, 1), (1, 5, 5, 1))
LABELS = (SCORES[..., 0] > 0).astype(np.uint8)


def agreement(scores, labels=LABELS, here=SCORES):
    return compare("a.int8.tflite", "litert", "cortex-a72", (here, LABELS), (scores, labels), 0)


def changed(scores, by):
    other = scores.copy()
    other[0, 2, 0, 0] += by
    return other


def test_equal_scores_agree():
    found = agreement(SCORES)

    assert (found.scores_differ, found.largest_difference, found.labels_differ, found.faults) == (0, 0.0, 0, ())


def test_a_class_may_change_with_a_score_that_differs_by_one_step():
    other = changed(SCORES, 1)
    found = agreement(other, (other[..., 0] > 0).astype(np.uint8))

    assert (found.scores_differ, found.labels_differ, found.unexplained, found.faults) == (1, 1, 0, ())


@pytest.mark.parametrize(("noise", "faults"), [(0.16, 0), (0.14, 1)])
def test_tflite_runtime_may_differ_by_what_int8_differs_from_float(noise, faults):
    # One of 400 scores by three steps: a root of the mean square of 0.15.
    other = changed(SCORES, 3)
    labels = (other[..., 0] > 0).astype(np.uint8)
    found = compare("a.int8.tflite", "tflite-runtime", "cortex-a7", (SCORES, LABELS), (other, labels), None, noise)

    assert (found.rms_difference, len(found.faults)) == (pytest.approx(0.15), faults)


@pytest.mark.parametrize(("pixels", "faults"), [(6, ()), (7, ("7 of 400 pixels get another class",))])
def test_no_more_pixels_may_get_another_class_than_int8_may_cost(pixels, faults):
    zeros = np.flatnonzero(SCORES == 0)[:pixels]
    other = SCORES.copy()
    other.flat[zeros] = 1

    assert agreement(other, (other[..., 0] > 0).astype(np.uint8)).faults == faults


@pytest.mark.parametrize("steps", [2, -2])
def test_two_steps_are_too_many(steps):
    assert "up to 2 steps" in agreement(changed(SCORES, steps)).faults[0]


def test_another_class_for_equal_scores_is_a_fault():
    labels = LABELS.copy()
    labels[0, 0, 0] = 1

    assert agreement(SCORES, labels).faults == ("1 pixels have equal scores and another class",)


@pytest.mark.parametrize(("by", "faults"), [(1e-5, 0), (0.1, 1), (np.nan, 1)])
def test_floats_may_differ_by_rounding_only(by, faults):
    floats = SCORES.astype(np.float32)

    assert len(agreement(changed(floats, by), here=floats).faults) == faults


def test_other_shapes_are_not_compared():
    with pytest.raises(ValueError, match="there"):
        agreement(SCORES[:, :2])
