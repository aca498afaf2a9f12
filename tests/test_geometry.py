"""How an image becomes an input, and scores go back onto the image."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn_edge import geometry
from fcn_edge.errors import UsageError

sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))
geometries = st.sampled_from(["stretch", "letterbox"])


@given(sizes, sizes, geometries)
def test_a_fitted_image_has_the_input_size_and_the_image_inside_its_box(source_hw, input_hw, kind):
    image = np.full((*source_hw, 3), 200, np.uint8)
    fitted = geometry.fit_image(image, input_hw, kind)
    x, y, width, height = geometry.placement(source_hw, input_hw, kind).box_xywh
    assert fitted.shape == (*input_hw, 3)
    assert (fitted[y : y + height, x : x + width] == 200).all()
    assert (fitted == 200).sum() == width * height * 3


@given(sizes, sizes, geometries, st.floats(-100, 100, width=32))
def test_constant_scores_stay_constant_there_and_back(source_hw, input_hw, kind, value):
    place = geometry.placement(source_hw, input_hw, kind)
    restored = geometry.restore_scores(np.full((*input_hw, 2), value, np.float32), place)
    assert restored.shape == (*source_hw, 2)
    np.testing.assert_allclose(restored, value, rtol=1e-6)


@given(sizes, sizes, st.integers(-128, 127))
def test_raw_int8_scores_are_restored_as_they_are(source_hw, input_hw, value):
    place = geometry.placement(source_hw, input_hw, "letterbox")
    restored = geometry.restore_scores(np.full((*input_hw, 1), value, np.int8), place)
    np.testing.assert_allclose(restored, value, rtol=1e-6)


@given(sizes, sizes)
def test_letterbox_keeps_the_aspect_ratio_to_the_pixel(source_hw, input_hw):
    _, _, width, height = geometry.placement(source_hw, input_hw, "letterbox").box_xywh
    scale = min(input_hw[0] / source_hw[0], input_hw[1] / source_hw[1])
    assert abs(height - source_hw[0] * scale) <= 1
    assert abs(width - source_hw[1] * scale) <= 1


def test_letterbox_there_and_back_brings_a_mask_home():
    mask = np.zeros((60, 120), np.uint8)
    mask[20:40, 30:90] = 1
    place = geometry.placement((60, 120), (128, 128), "letterbox")
    there = geometry.fit_mask(mask, (128, 128), "letterbox")
    back = geometry.restore_labels(there, place)
    assert (back != mask).mean() < 0.01


def test_letterbox_padding_of_a_mask_is_ignored():
    fitted = geometry.fit_mask(np.ones((10, 40), np.uint8), (40, 40), "letterbox")
    assert set(np.unique(fitted)) == {1, geometry.IGNORE}
    assert (fitted == 1).sum() == 400


@given(sizes, sizes)
def test_a_fitted_mask_invents_no_class(source_hw, input_hw):
    mask = np.random.default_rng(0).choice(np.array([0, 7, 255], np.uint8), source_hw)
    assert set(np.unique(geometry.fit_mask(mask, input_hw, "stretch"))) <= set(np.unique(mask))


def test_image_and_mask_shrink_onto_each_other_without_a_shift():
    """A centred disc stays centred in both: its two centroids agree to a twentieth of a pixel."""
    mask = np.zeros((256, 256), np.uint8)
    cv2.circle(mask, (128, 128), 60, 1, -1)
    small_mask = geometry.fit_mask(mask, (64, 64), "stretch")
    small_image = geometry.fit_image(cv2.merge([mask * 255] * 3), (64, 64), "stretch")[..., 0] / 255.0
    rows = np.arange(64)[:, None]
    centre = [(weights * rows).sum() / weights.sum() for weights in (small_mask.astype(float), small_image)]
    assert centre[0] == pytest.approx(centre[1], abs=0.13)


def test_shrinking_averages_and_growing_interpolates():
    checker = np.indices((64, 64)).sum(0).astype(np.uint8) % 2 * 255
    assert np.ptp(geometry.resize(checker, (16, 16)).astype(int)) <= 1
    grown = geometry.resize(np.array([[0, 100]], np.uint8), (1, 8))
    assert (np.diff(grown[0].astype(int)) >= 0).all()
    assert 0 < grown[0, 4] < 100


def test_an_unknown_geometry_is_refused():
    with pytest.raises(UsageError, match="'squeeze'"):
        geometry.placement((4, 4), (8, 8), "squeeze")


@pytest.mark.parametrize("channels", [1, 5, 128, 150, 255])
def test_every_number_of_classes_can_be_restored(channels):
    scores = np.random.default_rng(0).normal(size=(4, 6, channels)).astype(np.float32)
    place = geometry.placement((9, 14), (4, 6), "stretch")
    restored = geometry.restore_scores(scores, place)
    alone = [geometry.restore_scores(scores[..., k : k + 1], place) for k in range(channels)]
    np.testing.assert_allclose(restored, np.concatenate(alone, axis=2), atol=1e-5)
