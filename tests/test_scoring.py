"""From scores to class ids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fcn_edge import scoring
from fcn_edge.card import ScoreQuantization
from fcn_edge.scoring import class_shares, labels_from_scores, raw_threshold

raw_scores = arrays(np.int8, (5, 6, 3))
quantizations = st.builds(ScoreQuantization, st.floats(1e-4, 10), st.integers(-128, 127))


@given(raw_scores, quantizations)
def test_argmax_is_the_same_before_and_after_dequantising(raw, quantization):
    real = quantization.scale * (raw.astype(np.float64) - quantization.zero_point)
    np.testing.assert_array_equal(labels_from_scores(raw, None), labels_from_scores(real, None))


@given(arrays(np.int8, (5, 6, 1)), quantizations, st.floats(0.01, 0.99))
def test_a_probability_threshold_decides_raw_scores_as_it_decides_probabilities(raw, quantization, probability):
    logits = quantization.scale * (raw.astype(np.float64) - quantization.zero_point)
    threshold = raw_threshold(probability, "none", quantization)
    decided = labels_from_scores(raw, threshold)
    with np.errstate(over="ignore"):
        expected = (1 / (1 + np.exp(-logits)) > probability)[..., 0]
    # Exactly at the threshold the two roundings may differ.
    clear = np.abs(raw[..., 0] - threshold) > 1e-6 * max(1.0, abs(threshold))
    np.testing.assert_array_equal(decided[clear], expected[clear])


def test_a_half_is_zero_in_logits_and_itself_in_probabilities():
    assert raw_threshold(0.5, "none") == 0
    assert raw_threshold(0.5, "sigmoid") == 0.5


def test_the_lowest_class_wins_among_equals():
    assert labels_from_scores(np.zeros((1, 1, 4)), None) == 0


# Few different values make many equals; wide rows and small blocks make several blocks.
few_values = {
    "int8": st.integers(-2, 2),
    "uint8": st.integers(0, 3),
    "float32": st.sampled_from([-1.5, -0.0, 0.0, 2.0, float("inf"), float("-inf")]),
    "float16": st.sampled_from([-1.5, 0.0, 2.0]),
    "float64": st.sampled_from([-1.5, 0.0, 2.0]),
    "int64": st.integers(-2, 2),
}


@st.composite
def maps_of_scores(draw):
    dtype = draw(st.sampled_from(sorted(few_values)))
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 9)), draw(st.integers(2, 23)))
    scores = draw(arrays(dtype, shape, elements=few_values[dtype]))
    # As a model gives them: scores of a pixel side by side, planes, or a part of either.
    layout = draw(st.sampled_from(["pixels", "planes", "part"]))
    if layout == "planes":
        return np.ascontiguousarray(scores.transpose(2, 0, 1)).transpose(1, 2, 0)
    return scores[:, 1:] if layout == "part" and shape[1] > 1 else scores


@given(maps_of_scores(), st.sampled_from([1, 40, 1 << 19]))
def test_the_decision_is_that_of_argmax(scores, block_bytes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "_BLOCK_BYTES", block_bytes)
        np.testing.assert_array_equal(labels_from_scores(scores, None), scores.argmax(axis=-1))


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("classes", [2, 21, 150, 256])
def test_the_decision_is_that_of_argmax_for_a_whole_picture(dtype, classes):
    scores = np.random.default_rng(classes).integers(-128, 128, (67, 131, classes)).astype(dtype)
    np.testing.assert_array_equal(labels_from_scores(scores, None), scores.argmax(axis=-1))


def test_a_score_that_is_no_number_is_where_argmax_sees_it():
    scores = np.zeros((2, 3, 4), np.float32)
    scores[0, 1, 2] = scores[0, 1, 3] = np.nan
    scores[1, 2, 1] = 5
    np.testing.assert_array_equal(labels_from_scores(scores, None), scores.argmax(axis=-1))


@given(arrays(np.int8, (4, 5, 1)), st.floats(-400, 400))
@example(np.array([[[-128], [127]]], np.int8), -128.0)
@example(np.array([[[-128], [127]]], np.int8), -128.5)
@example(np.array([[[-128], [127]]], np.int8), 127.0)
@example(np.array([[[-128], [127]]], np.int8), 126.5)
@example(np.array([[[-128], [127]]], np.int8), float("inf"))
@example(np.array([[[-128], [127]]], np.int8), float("-inf"))
def test_raw_scores_are_compared_with_a_threshold_between_them_as_real_ones(raw, threshold):
    expected = raw[..., 0].astype(np.float64) > threshold
    np.testing.assert_array_equal(labels_from_scores(raw, threshold), expected)


@pytest.mark.parametrize(("threshold", "expected"), [(-1.0, [1, 1]), (0.0, [0, 1]), (254.5, [0, 1]), (255.0, [0, 0])])
def test_unsigned_raw_scores_are_compared_too(threshold, expected):
    assert labels_from_scores(np.array([[[0], [255]]], np.uint8), threshold).tolist() == [expected]


def test_labels_are_uint8_class_ids():
    labels = labels_from_scores(np.random.default_rng(0).normal(size=(3, 4, 21)), None)
    assert labels.shape == (3, 4)
    assert labels.dtype == np.uint8


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_a_threshold_at_the_end_of_the_range_is_finite(probability):
    assert np.isfinite(raw_threshold(probability, "none"))


def test_shares_of_classes_add_up_and_unknown_ids_count_for_none():
    labels = np.array([[0, 1, 1, 255], [0, 2, 2, 2]], np.uint8)
    assert class_shares(labels, 3).tolist() == [2 / 8, 2 / 8, 3 / 8]
