"""Accuracy from one pooled confusion matrix, held to independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix
from sklearn.metrics import jaccard_score

from fcn_edge import metrics
from fcn_edge.errors import UsageError

CLASSES = 4
masks = arrays(np.uint8, (6, 7), elements=st.sampled_from([0, 1, 2, 3, 255]))
predictions = arrays(np.uint8, (6, 7), elements=st.integers(0, CLASSES - 1))


@given(masks, predictions)
def test_counts_are_those_of_scikit_learn(truth, predicted):
    kept = truth != 255
    if not kept.any():
        return
    expected = sklearn_confusion_matrix(truth[kept], predicted[kept], labels=range(CLASSES))
    np.testing.assert_array_equal(metrics.confusion_matrix(truth, predicted, classes=CLASSES), expected)


@given(predictions, predictions)
def test_iou_is_the_jaccard_score_of_scikit_learn(truth, predicted):
    stats = metrics.accuracy(metrics.confusion_matrix(truth, predicted, classes=CLASSES))
    present = [k for k, iou in enumerate(stats.per_class_iou) if iou is not None]
    expected = jaccard_score(truth.ravel(), predicted.ravel(), labels=present, average=None)
    np.testing.assert_allclose([stats.per_class_iou[k] for k in present], expected)


@given(masks, predictions, st.permutations(range(CLASSES)))
def test_miou_does_not_depend_on_the_order_of_classes(truth, predicted, order):
    lookup = np.array([*order, *range(CLASSES, 256)], np.uint8)
    first = metrics.accuracy(metrics.confusion_matrix(truth, predicted, classes=CLASSES))
    second = metrics.accuracy(metrics.confusion_matrix(lookup[truth], lookup[predicted], classes=CLASSES))
    assert first.pixel_accuracy == second.pixel_accuracy
    assert first.miou == pytest.approx(second.miou)


def test_miou_is_the_one_of_keras():
    keras = pytest.importorskip("keras")
    rng = np.random.default_rng(1)
    truth, predicted = rng.integers(0, CLASSES, (2, 40, 40), dtype=np.uint8)
    oracle = keras.metrics.MeanIoU(CLASSES)
    oracle.update_state(truth, predicted)
    stats = metrics.accuracy(metrics.confusion_matrix(truth, predicted, classes=CLASSES))
    assert stats.miou == pytest.approx(float(oracle.result()), abs=1e-6)


def test_a_class_that_occurs_nowhere_has_no_iou_and_does_not_count():
    truth = np.zeros((2, 2), np.uint8)
    stats = metrics.accuracy(metrics.confusion_matrix(truth, truth, classes=3))
    assert stats == metrics.AccuracyStats((1.0, None, None), 1.0, 1.0)


def test_nothing_but_ignored_pixels_gives_no_figures():
    truth = np.full((2, 2), 255, np.uint8)
    stats = metrics.accuracy(metrics.confusion_matrix(truth, np.zeros_like(truth), classes=2))
    assert stats == metrics.AccuracyStats((None, None), None, None)


@pytest.mark.parametrize(("truth", "predicted"), [(5, 0), (0, 5)])
def test_a_class_id_out_of_range_is_refused(truth, predicted):
    one = np.ones((1, 1), np.uint8)
    with pytest.raises(UsageError, match="not below 2"):
        metrics.confusion_matrix(one * truth, one * predicted, classes=2)


def test_different_shapes_are_refused():
    with pytest.raises(UsageError, match=r"\(2, 2\).*\(3, 2\)"):
        metrics.confusion_matrix(np.zeros((2, 2), np.uint8), np.zeros((3, 2), np.uint8), classes=2)


@given(predictions)
def test_class_counts_are_those_of_numpy(labels):
    assert metrics.class_counts(labels, CLASSES).tolist() == np.bincount(labels.ravel(), minlength=CLASSES).tolist()


def test_pixels_of_unknown_classes_count_for_none():
    assert metrics.class_counts(np.array([[0, 1, 255, 9]], np.uint8), 2).tolist() == [1, 1]


def test_counts_of_very_large_pictures_are_exact():
    # A float32, in which OpenCV counts, has no odd numbers from here on.
    labels = np.zeros((1 << 12, (1 << 12) + 1), np.uint8)
    labels[0, 0] = 1
    expected = [labels.size - 1, 1]

    assert metrics.class_counts(labels, 2).tolist() == expected
    assert np.diagonal(metrics.confusion_matrix(labels, labels, classes=2)).tolist() == expected


def test_many_classes_are_counted_in_pairs():
    truth, predicted = np.random.default_rng(0).integers(0, 254, (2, 300, 300), dtype=np.uint8)
    expected = sklearn_confusion_matrix(truth.ravel(), predicted.ravel(), labels=range(254))

    np.testing.assert_array_equal(metrics.confusion_matrix(truth, predicted, classes=254), expected)


def test_maps_of_any_number_of_axes_are_counted():
    truth, predicted = np.random.default_rng(0).integers(0, CLASSES, (2, 5, 6, 7), dtype=np.uint8)
    flat = metrics.confusion_matrix(truth.reshape(5, -1), predicted.reshape(5, -1), classes=CLASSES)

    np.testing.assert_array_equal(metrics.confusion_matrix(truth, predicted, classes=CLASSES), flat)


def test_the_mean_of_iou_leaves_absent_classes_out():
    nan = float("nan")
    found = metrics.mean_iou(np.array([[1.0, nan, 0.5], [nan, nan, nan]]))

    assert found[0] == 0.75
    assert np.isnan(found[1])
