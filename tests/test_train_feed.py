"""Batches: every image, full, the same for the same seed and epoch."""

import dataclasses

import cv2
import numpy as np
import pytest
from blobs import draw_blobs, write_blobs

from fcn_edge.dataset import Sample, open_folder
from fcn_edge.errors import DatasetError
from fcn_edge.geometry import fit_image
from fcn_edge.train.augment import NO_AUGMENTATION, AugmentConfig
from fcn_edge.train.feed import TrainingStore, ValidationStore, pixel_weights, read_sample, training_batches

SIZE = (40, 48)


@pytest.fixture
def folder(tmp_path):
    return open_folder(write_blobs(tmp_path / "data", train=5, val=2))


def batches(store, *, epoch=1, config=NO_AUGMENTATION, batch_size=2, seed=0):
    feed = training_batches(store, SIZE, "stretch", config, batch_size=batch_size, seed=seed, epoch=epoch)
    return list(feed)


def test_every_batch_is_full_and_every_image_is_in_one(folder):
    store = TrainingStore(folder.samples("train"), SIZE)
    images = np.concatenate([images for images, _ in batches(store)])
    assert images.shape == (6, *SIZE, 3)
    assert len({image.tobytes() for image in images}) == 5


def test_a_batch_may_be_larger_than_the_split(folder):
    [(images, masks)] = batches(TrainingStore(folder.samples("train"), SIZE), batch_size=12)
    assert images.shape == (12, *SIZE, 3)
    assert masks.shape == (12, *SIZE, 1)


def test_images_are_rgb_and_raw_pixels(folder):
    [(images, masks)] = batches(TrainingStore(folder.samples("train")[:1], SIZE), batch_size=1)
    image_bgr, mask = draw_blobs(0)
    np.testing.assert_array_equal(images[0], image_bgr[..., ::-1].astype(np.float32))
    np.testing.assert_array_equal(masks[0, ..., 0], mask)


def test_masks_may_be_finer_than_images(folder):
    options = {"batch_size": 2, "seed": 0, "epoch": 1}
    store = TrainingStore(folder.samples("train"), (24, 32))
    coarse = next(training_batches(store, (24, 32), "stretch", AugmentConfig(), **options))
    fine = next(training_batches(store, (24, 32), "stretch", AugmentConfig(), **options, mask_scale=2))
    np.testing.assert_array_equal(fine[0], coarse[0])
    assert fine[1].shape == (2, 48, 64, 1)
    # Sampled between pixels of the coarse one: the same but along outlines.
    assert np.mean(fine[1][:, ::2, ::2] == coarse[1]) > 0.9


def test_a_large_image_is_drawn_as_often_as_its_pixels_count(tmp_path):
    folder = open_folder(write_blobs(tmp_path / "data", train=4, val=1))
    samples = folder.samples("train")
    large = np.repeat(np.repeat(cv2.imread(str(samples[0].image_path)), 2, axis=0), 2, axis=1)
    cv2.imwrite(str(samples[0].image_path), large)
    cv2.imwrite(str(samples[0].mask_path), np.zeros(large.shape[:2], np.uint8))
    weights = pixel_weights(samples)
    np.testing.assert_array_equal(weights / weights[1], [4, 1, 1, 1])
    store = TrainingStore(samples, SIZE)
    shown = []
    for epoch in range(70):
        for _, masks in training_batches(
            store, SIZE, "stretch", NO_AUGMENTATION, batch_size=2, seed=0, epoch=epoch, weights=weights
        ):
            shown += [not mask.any() for mask in masks]
    # 4 of 7 parts, in four draws each epoch: two or three of them.
    assert len(shown) == 280
    assert abs(np.mean(shown) - 4 / 7) < 0.03
    assert {sum(shown[i : i + 4]) for i in range(0, 280, 4)} == {2, 3}


def test_the_same_epoch_gives_the_same_batches(folder):
    for first, second in zip(
        batches(TrainingStore(folder.samples("train"), SIZE), config=AugmentConfig()),
        batches(TrainingStore(folder.samples("train"), SIZE), config=AugmentConfig()),
        strict=True,
    ):
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])


@pytest.mark.parametrize("other", [{"epoch": 2}, {"seed": 1}])
def test_another_epoch_or_seed_gives_other_batches(folder, other):
    store = TrainingStore(folder.samples("train"), SIZE)
    first, second = batches(store, config=AugmentConfig()), batches(store, config=AugmentConfig(), **other)
    assert any((a != b).any() for (a, _), (b, _) in zip(first, second, strict=True))


def test_samples_that_do_not_fit_into_memory_are_decoded_again(folder):
    kept, decoded = (TrainingStore(folder.samples("train"), SIZE, limit_bytes=limit) for limit in (10**9, 0))
    assert kept[0][0] is kept[0][0]
    assert decoded[0][0] is not decoded[0][0]
    np.testing.assert_array_equal(kept[1][0], decoded[1][0])


def test_large_images_are_kept_at_twice_the_input(tmp_path):
    data = open_folder(write_blobs(tmp_path / "large", train=1, val=1, size_hw=(400, 300)))
    image, mask = TrainingStore(data.samples("train"), (50, 60))[0]
    assert image.shape == (160, 120, 3)
    assert mask.shape == (160, 120)


def test_validation_keeps_masks_at_their_own_size(tmp_path):
    data = open_folder(write_blobs(tmp_path / "large", train=1, val=1, size_hw=(90, 70)))
    fitted, mask = ValidationStore(data.samples("val"), (32, 32), "letterbox")[0]
    image_bgr, truth = draw_blobs(1000, (90, 70))
    np.testing.assert_array_equal(fitted, fit_image(image_bgr, (32, 32), "letterbox")[..., ::-1])
    np.testing.assert_array_equal(mask, truth)


def test_a_sample_without_a_mask_is_refused(folder):
    with pytest.raises(DatasetError, match="has no mask"):
        read_sample(Sample("x", folder.samples("val")[0].image_path, None))


@pytest.mark.parametrize("mask_scale", [1, 2])
def test_mixed_samples_are_two_images_with_the_truth_of_each(folder, mask_scale):
    """Of samples all dark and of class 0, or all bright and of class 1, a mixed one has both, each with its truth."""
    store = TrainingStore(folder.samples("train"), (20, 24))
    for index in range(len(store)):
        store._kept[index] = (
            np.full((20, 24, 3), 200 * (index % 2), np.uint8),
            np.full((20, 24), index % 2, np.uint8),
        )
    config = dataclasses.replace(NO_AUGMENTATION, mix=1.0)
    options = {"batch_size": 4, "seed": 0, "epoch": 1, "mask_scale": mask_scale}
    mixed = 0
    for images, masks in training_batches(store, (20, 24), "stretch", config, **options):
        truths = masks[:, ::mask_scale, ::mask_scale, 0]
        np.testing.assert_array_equal(images[..., 0] == 200, truths == 1)
        shares = (truths == 1).mean(axis=(1, 2))
        covered = np.minimum(shares, 1 - shares)
        assert ((covered == 0) | ((covered > 0.05) & (covered < 0.5))).all()
        mixed += int((covered > 0).sum())
    assert mixed > 0
