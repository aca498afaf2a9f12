"""Validation gives what scoring each image by itself gives, and the best threshold."""

import numpy as np
import pytest
from blobs import write_blobs
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn_edge.dataset import open_folder
from fcn_edge.geometry import placement, restore_scores
from fcn_edge.metrics import accuracy, confusion_matrix
from fcn_edge.scoring import labels_from_scores, raw_threshold
from fcn_edge.train.feed import ValidationStore
from fcn_edge.train.validation import THRESHOLDS, _Tally, validate

INPUT = (20, 24)


def no_loss(truths, logits):
    assert truths.shape == (*logits.shape[:3], 1)
    return 0.25


def brightness(channels):
    """A network in place of a trained one: bright is class 1; the batch's own content decides nothing else."""

    def predict(images):
        bright = (images.mean(axis=-1, keepdims=True) - 100) / 20
        return np.repeat(bright, channels, axis=-1) * np.linspace(1, -1, channels) if channels > 1 else bright

    return predict


def by_hand(store, predict, classes, geometry, threshold):
    counts = np.zeros((classes, classes), np.int64)
    for index in range(len(store)):
        fitted, truth = store[index]
        scores = predict(fitted[None].astype(np.float32))[0]
        restored = restore_scores(scores, placement(truth.shape, INPUT, geometry))
        raw = None if threshold is None else raw_threshold(threshold, "none")
        counts += confusion_matrix(truth, labels_from_scores(restored, raw), classes=classes)
    return accuracy(counts)


@pytest.mark.parametrize("geometry", ["stretch", "letterbox"])
@pytest.mark.parametrize("channels", [1, 3])
def test_scoring_is_that_of_single_images(tmp_path, geometry, channels):
    classes = max(2, channels)
    data = open_folder(write_blobs(tmp_path, train=1, val=5, classes=classes, size_hw=(50, 70)))
    store = ValidationStore(data.samples("val"), INPUT, geometry)
    predict = brightness(channels)
    stats = validate(predict, store, classes=classes, geometry=geometry, batch_size=2, loss=no_loss)
    assert stats.accuracy == by_hand(store, predict, classes, geometry, stats.threshold)
    assert (stats.loss, stats.images) == (0.25, 5)
    assert (stats.threshold is None) == (channels > 1)


def test_a_threshold_that_is_given_is_the_one_scored_at(tmp_path):
    data = open_folder(write_blobs(tmp_path, train=1, val=3, size_hw=(50, 70)))
    store = ValidationStore(data.samples("val"), INPUT, "stretch")
    predict = brightness(1)
    stats = validate(predict, store, classes=2, geometry="stretch", batch_size=2, loss=no_loss, threshold=0.9)
    assert stats.threshold == 0.9
    assert stats.accuracy == by_hand(store, predict, 2, "stretch", 0.9)


def test_a_scaled_store_shows_other_pixels_and_their_own_truth(tmp_path):
    data = open_folder(write_blobs(tmp_path, train=1, val=2, size_hw=(50, 70)))
    store = ValidationStore(data.samples("val"), INPUT, "stretch", scale=2)
    fitted, truth = store[0]
    assert (fitted.shape, truth.shape) == ((*INPUT, 3), (25, 35))
    predict = brightness(1)
    stats = validate(predict, store, classes=2, geometry="stretch", batch_size=2, loss=no_loss)
    assert stats.accuracy == by_hand(store, predict, 2, "stretch", stats.threshold)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32))
def test_the_best_threshold_is_that_of_trying_each(seed):
    rng = np.random.default_rng(seed)
    tally = _Tally(2)
    counts = {threshold: np.zeros((2, 2), np.int64) for threshold in THRESHOLDS}
    for _ in range(3):
        truth = rng.choice([0, 1, 255], (7, 9)).astype(np.uint8)
        # Some scores lie exactly on a threshold: only those above it are foreground.
        scores = rng.choice([*(raw_threshold(p, "none") for p in THRESHOLDS), -9, 9], (7, 9, 1)).astype(np.float32)
        tally.add(truth, scores)
        for threshold in THRESHOLDS:
            labels = labels_from_scores(scores, raw_threshold(threshold, "none"))
            counts[threshold] += confusion_matrix(truth, labels, classes=2)
    stats, threshold = tally.best()
    assert stats == accuracy(counts[threshold])
    assert stats.miou == max(accuracy(total).miou or 0 for total in counts.values())


def test_of_equally_good_thresholds_the_middle_one_is_taken():
    tally = _Tally(2)
    truth = np.array([[0, 1]], np.uint8)
    tally.add(truth, np.array([[[-9.0], [9.0]]], np.float32))
    stats, threshold = tally.best()
    assert (stats.miou, threshold) == (1.0, 0.5)
