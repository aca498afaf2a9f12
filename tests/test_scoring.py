"""From scores to class ids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

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
