"""Boundary IoU and border bands, held to loops over pixels, to SciPy, and to masks eroded one by one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import distance_transform_cdt

from fcn_edge import metrics

CLASSES = 3
VOID = 255
shapes = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)
labels = arrays(np.uint8, shapes, elements=st.integers(0, CLASSES - 1))
pairs = shapes.flatmap(
    lambda shape: st.tuples(
        arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, VOID])),
        arrays(np.uint8, shape, elements=st.integers(0, CLASSES - 1)),
    )
)
widths = st.integers(1, 4)


def _edge(mask: np.ndarray, width: int) -> np.ndarray:
    """The mask's pixels within *width* (chessboard) of what is not the mask; outside the picture is not the mask."""
    padded = np.pad(mask, width)
    return mask & (distance_transform_cdt(padded, "chessboard")[width:-width, width:-width] <= width)


def _looped_edge(mask: np.ndarray, width: int) -> np.ndarray:
    edge = np.zeros_like(mask)
    height, length = mask.shape
    for y, x in np.argwhere(mask):
        around = [(y + i, x + j) for i in range(-width, width + 1) for j in range(-width, width + 1)]
        edge[y, x] = not all(0 <= v < height and 0 <= u < length and mask[v, u] for v, u in around)
    return edge


def _boundary_of_the_paper(mask: np.ndarray, width: int) -> np.ndarray:
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)
    return mask & (eroded[1:-1, 1:-1] == 0)


@given(labels, widths)
def test_the_boundary_of_each_class_is_what_loops_over_its_pixels_find(ids, width):
    found = metrics.boundary_labels(ids, width)

    for class_id in range(CLASSES):
        np.testing.assert_array_equal(found == class_id, _looped_edge(ids == class_id, width))


@given(labels, widths)
def test_the_boundary_of_each_class_is_that_of_a_mask_eroded_on_its_own(ids, width):
    found = metrics.boundary_labels(ids, width)

    for class_id in range(CLASSES):
        np.testing.assert_array_equal(found == class_id, _boundary_of_the_paper(ids == class_id, width))


@given(pairs, widths)
def test_boundary_counts_are_those_of_distance_transforms(maps, width):
    truth, predicted = maps
    counts = metrics.boundary_counts(truth, predicted, classes=CLASSES, width_px=width)

    for class_id in range(CLASSES):
        true_edge = _edge(truth == class_id, width)
        edge = _edge((predicted == class_id) & (truth != VOID), width)
        assert counts[:, class_id].tolist() == [(true_edge & edge).sum(), true_edge.sum(), edge.sum()]


@given(pairs, widths)
def test_a_prediction_that_is_right_wherever_there_is_truth_has_a_boundary_iou_of_one(maps, width):
    truth, predicted = maps
    right = np.where(truth == VOID, predicted, truth)
    iou = metrics.intersection_over_union(*metrics.boundary_counts(truth, right, classes=CLASSES, width_px=width))

    assert set(iou[~np.isnan(iou)]) <= {1.0}


@given(labels)
def test_a_band_as_wide_as_the_picture_gives_plain_iou(ids):
    other = ids[::-1].copy()
    counts = metrics.boundary_counts(ids, other, classes=CLASSES, width_px=max(ids.shape))
    plain = metrics.accuracy(metrics.confusion_matrix(ids, other, classes=CLASSES))

    iou = metrics.intersection_over_union(*counts)
    assert [None if np.isnan(v) else v for v in iou] == list(plain.per_class_iou)


@given(labels, widths)
def test_the_band_holds_the_pixels_near_another_class_and_no_others(ids, width):
    band = metrics.border_band(ids, width)

    for (y, x), marked in np.ndenumerate(band):
        window = ids[max(0, y - width) : y + width + 1, max(0, x - width) : x + width + 1]
        assert marked == (len(np.unique(window)) > 1)


def test_one_class_everywhere_has_no_band():
    assert not metrics.border_band(np.ones((20, 30), np.uint8), 3).any()


@pytest.mark.parametrize(("size_hw", "width"), [((1, 1), 1), ((30, 40), 1), ((480, 640), 16), ((1024, 2048), 46)])
def test_the_width_is_two_hundredths_of_the_diagonal_and_at_least_a_pixel(size_hw, width):
    assert metrics.boundary_width(size_hw) == width


def test_frayed_outlines_of_a_large_object_cost_boundary_iou_more_than_iou():
    truth = np.zeros((200, 200), np.uint8)
    truth[20:180, 20:180] = 1
    frayed = truth.copy()
    frayed[20:180:2, 20:24] = 0
    plain = metrics.accuracy(metrics.confusion_matrix(truth, frayed, classes=2)).per_class_iou[1]
    boundary = metrics.intersection_over_union(*metrics.boundary_counts(truth, frayed, classes=2))[1]

    assert plain > 0.98
    assert boundary < 0.92
