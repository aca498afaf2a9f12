"""Augmentation: image and mask move together, the same seed gives the same picture."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn_edge.geometry import IGNORE, fit_image, fit_mask
from fcn_edge.train.augment import NO_AUGMENTATION, AugmentConfig, augment, zoom_middle

STRONG = AugmentConfig(top_down=True, zoom=2.0, stretch=0.3, soften=0.5, tilt=20.0, cutout=0.5)
MOVES_ONLY = dataclasses.replace(
    STRONG, contrast=0.0, brightness=0.0, color=0.0, saturation=0.0, soften=0.0, cutout=0.0
)


def half_bright(height, width, seed=0):
    """An image that is white exactly where its mask is 1: the area right of a slanting line."""
    rows, columns = np.mgrid[0:height, 0:width]
    mask = (columns - width / 2 > (rows - height / 2) * (0.3 + 0.1 * seed % 3)).astype(np.uint8)
    return np.repeat(mask[..., None] * np.uint8(255), 3, axis=2), mask


def varied(image, mask, config, seed, input_hw=(32, 48), geometry="stretch"):
    return augment(image, mask, input_hw, geometry, config, np.random.default_rng(seed))


def test_the_same_seed_gives_the_same_sample():
    image, mask = half_bright(60, 80)
    first, second = varied(image, mask, STRONG, [1, 2, 3]), varied(image, mask, STRONG, [1, 2, 3])
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_another_seed_gives_another_sample():
    image, mask = half_bright(60, 80)
    assert (varied(image, mask, STRONG, 1)[0] != varied(image, mask, STRONG, 2)[0]).any()


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    size_hw=st.tuples(st.integers(30, 90), st.integers(30, 90)),
    geometry=st.sampled_from(["stretch", "letterbox"]),
)
def test_image_and_mask_move_together(seed, size_hw, geometry):
    """Where the varied image is bright, the varied mask says 1, and elsewhere 0."""
    image, mask = half_bright(*size_hw, seed)
    moved, truth = varied(image, mask, MOVES_ONLY, seed, geometry=geometry)
    labelled = truth != 255
    assert labelled.any()
    agreeing = (moved[..., 0] > 127) == (truth == 1)
    # Along the edge, nearest pixel and area may fall on different sides; anything moved apart disagrees far more.
    assert agreeing[labelled].mean() > 0.93


def test_what_lies_outside_the_image_is_ignored():
    """Shrunk by two at most, a sample of only class 1 has ignored pixels at the rim and no other class."""
    image, mask = np.full((50, 50, 3), 200, np.uint8), np.ones((50, 50), np.uint8)
    config = dataclasses.replace(MOVES_ONLY, zoom=2.0)
    seen = set()
    for seed in range(20):
        moved, truth = varied(image, mask, config, seed)
        seen |= set(np.unique(truth).tolist())
        # Reflected, not black: the network meets no artificial edge.
        assert (moved == 200).all()
    assert seen == {1, 255}


@pytest.mark.parametrize("scale", [0.3, 0.5, 1, 1.6, 40])
def test_the_middle_is_shown_so_many_times_as_large(scale):
    image, mask = zoom_middle(*half_bright(40, 60), scale)
    wanted = max(1, round(40 / scale)), max(1, round(60 / scale))
    assert (image.shape, mask.shape) == ((*wanted, 3), wanted)


def test_enlarged_the_middle_stays_in_the_middle():
    image = np.zeros((41, 61, 3), np.uint8)
    image[20, 30] = 255
    enlarged, _ = zoom_middle(image, image[..., 0], 2)
    assert np.argwhere(enlarged[..., 0] == 255).tolist() == [[10, 15]]


def test_shrunk_what_lies_outside_is_ignored_and_all_inside_is_there():
    image, mask = half_bright(40, 60)
    _, shrunk = zoom_middle(image, mask, 0.5)
    np.testing.assert_array_equal(shrunk[20:60, 30:90], mask)
    assert (shrunk == IGNORE).sum() == 80 * 120 - 40 * 60


def test_no_augmentation_is_the_fit_a_device_does():
    image, mask = half_bright(60, 80)
    plain, truth = varied(image, mask, NO_AUGMENTATION, 5, geometry="letterbox")
    np.testing.assert_array_equal(plain, fit_image(image, (32, 48), "letterbox"))
    np.testing.assert_array_equal(truth, fit_mask(mask, (32, 48), "letterbox"))


def test_colours_leave_the_mask_alone():
    image, mask = half_bright(32, 48)
    config = dataclasses.replace(NO_AUGMENTATION, contrast=0.3, brightness=0.2, color=0.1, soften=1.0)
    colored, truth = varied(image, mask, config, 0)
    np.testing.assert_array_equal(truth, mask)
    assert (colored != image).any()


def test_saturation_leaves_grey_pictures_alone():
    image, mask = half_bright(32, 48)
    config = dataclasses.replace(NO_AUGMENTATION, saturation=0.9)
    for seed in range(5):
        np.testing.assert_allclose(varied(image, mask, config, seed)[0].astype(int), image, atol=1)


def test_saturation_moves_colours_to_their_grey_and_away_from_it():
    image = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    config = dataclasses.replace(NO_AUGMENTATION, saturation=0.9)
    spreads = [int(np.ptp(varied(image, np.zeros((8, 8), np.uint8), config, s)[0][0, 0])) for s in range(20)]
    assert min(spreads) < 150 < max(spreads)


def test_a_cutout_paints_one_box_and_leaves_the_truth():
    image, mask = np.full((32, 48, 3), 7, np.uint8), np.ones((32, 48), np.uint8)
    covered, truth = varied(image, mask, dataclasses.replace(NO_AUGMENTATION, cutout=1.0), 3)
    rows, columns = np.nonzero((covered != 7).any(-1))
    box = covered[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert (box == box[0, 0]).all()
    assert 0.01 <= box[..., 0].size / mask.size <= 0.17
    np.testing.assert_array_equal(truth, mask)


def test_flips_mirror_left_and_right_only():
    image, mask = half_bright(32, 48)
    config = dataclasses.replace(NO_AUGMENTATION, flip=True)
    for seed in range(8):
        truth = varied(image, mask, config, seed)[1]
        assert (truth == mask).all() or (truth == mask[:, ::-1]).all()


def test_top_down_turns_by_quarters():
    image = np.zeros((32, 32, 3), np.uint8)
    mask = np.arange(1024, dtype=np.uint16).reshape(32, 32).astype(np.uint8) // 2
    config = dataclasses.replace(NO_AUGMENTATION, top_down=True)
    turned = {varied(image, mask, config, seed, (32, 32))[1].tobytes() for seed in range(40)}
    assert turned == {np.rot90(mask, quarter).tobytes() for quarter in range(4)}


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 40), (2, 3)])
def test_tiny_images_can_be_varied(size_hw):
    image, mask = np.full((*size_hw, 3), 9, np.uint8), np.ones(size_hw, np.uint8)
    for seed in range(10):
        moved, truth = varied(image, mask, STRONG, seed)
        assert moved.shape == (32, 48, 3)
        assert truth.shape == (32, 48)


def test_gamma_keeps_black_and_white_and_the_order_of_values():
    image = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    config = dataclasses.replace(NO_AUGMENTATION, gamma=2.0)
    seen = set()
    for seed in range(20):
        varied, _ = augment(image, image[..., 0], (1, 256), "stretch", config, np.random.default_rng(seed))
        row = varied[0, :, 0].astype(int)
        assert (row[0], row[-1]) == (0, 255)
        assert (np.diff(row) >= 0).all()
        assert 255 * 0.5**2 - 2 <= row[128] <= 255 * 0.5**0.5 + 2
        seen.add(row[128])
    assert len(seen) > 10
