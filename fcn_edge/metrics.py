"""Accuracy of segmentation from one confusion matrix, pooled over a whole set.

Everything follows from the counts: intersection over union (Jaccard index) per class, their mean (mIoU) and pixel
accuracy; see Long, Shelhamer and Darrell (CVPR 2015), section 5. A class that occurs neither in the truth nor in the
prediction has no IoU: it is None, not zero, and mIoU leaves it out.

Boundary IoU (Cheng, Girshick, Dollár, Berg and Kirillov, CVPR 2021) is the same figure of each class's outline alone:
the pixels of a mask within a distance of its contour. It sees frayed outlines of large objects, which IoU hardly does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import MetricSpec
from fcn_edge.errors import UsageError
from fcn_edge.geometry import IGNORE

Counts = NDArray[np.int64]
Labels = NDArray[np.uint8]

# Of the picture's diagonal: the paper's choice.
BOUNDARY_SHARE = 0.02
# OpenCV gives a histogram as float32, which counts no further without gaps.
_EXACT_COUNTS = 1 << 24


@dataclass(frozen=True, slots=True)
class AccuracyStats:
    """Accuracy over a set: per-class IoU in id order (None where absent), their mean, and pixel accuracy."""

    per_class_iou: tuple[float | None, ...]
    miou: float | None
    pixel_accuracy: float | None


def confusion_matrix(
    truth: NDArray[np.uint8], predicted: NDArray[np.uint8], *, classes: int, ignore_id: int = IGNORE
) -> Counts:
    """Count pixels by true and predicted class.

    Args:
        truth: Class ids, ``(H, W)`` uint8.
        predicted: Class ids, same shape as *truth*.
        classes: Number of classes; ids run from 0 to ``classes - 1``.
        ignore_id: True id whose pixels are left out.

    Returns:
        ``(classes, classes)`` int64; rows are truth, columns are predictions.

    Raises:
        UsageError: The shapes differ, or an id is out of range.
    """
    if truth.shape != predicted.shape:
        raise UsageError(
            f"truth is {truth.shape} but the prediction is {predicted.shape}",
            hint="resize the scores to the mask's size",
        )
    kept = truth != ignore_id
    if bool((kept & ((truth >= classes) | (predicted >= classes))).any()):
        raise UsageError(
            f"a class id is not below {classes}, the number of classes", hint="check the masks and classes.txt"
        )
    # Two ids of a byte each make a pair of 16 bits.
    pairs = truth.astype(np.uint16) * np.uint16(classes) + predicted
    return _histogram(pairs, classes * classes, kept).reshape(classes, classes)


def class_counts(labels: Labels, classes: int) -> Counts:
    """Count the pixels of each class.

    Args:
        labels: Class ids, ``(H, W)`` uint8; ids from *classes* on are left out.
        classes: Number of classes.

    Returns:
        ``(classes,)`` int64.
    """
    return _histogram(labels, classes, None)


def accuracy(counts: Counts) -> AccuracyStats:
    """Compute IoU per class, mIoU and pixel accuracy from pooled counts (rows truth, columns predictions)."""
    hits = np.diagonal(counts)
    union = counts.sum(axis=0) + counts.sum(axis=1) - hits
    iou = tuple(float(h / u) if u else None for h, u in zip(hits, union, strict=True))
    present = [value for value in iou if value is not None]
    total = int(counts.sum())
    return AccuracyStats(
        per_class_iou=iou,
        miou=float(np.mean(present)) if present else None,
        pixel_accuracy=float(hits.sum() / total) if total else None,
    )


def boundary_width(size_hw: tuple[int, int], share: float = BOUNDARY_SHARE) -> int:
    """Give the width in pixels, at least 1, of a boundary band in a picture of this height and width.

    Args:
        size_hw: Height and width.
        share: Of the diagonal.
    """
    return max(1, round(share * float(np.hypot(*size_hw))))


def boundary_labels(labels: Labels, width_px: int, *, ignore_id: int = IGNORE) -> Labels:
    """Keep of each class only the pixels near its contour, inside it.

    A pixel is near when the square that reaches *width_px* to each side of it holds another class, a pixel to ignore,
    or lies partly outside the picture (the paper's code pads the mask with zeros before it erodes it). One erosion and
    one dilation of the ids do for all classes what the paper's code does mask by mask.

    Args:
        labels: Class ids, ``(H, W)`` uint8, below *ignore_id* where they are not to be ignored.
        width_px: At least 1.
        ignore_id: Largest id; it never counts as a class.

    Returns:
        ``(H, W)`` uint8: the id near the contour, *ignore_id* elsewhere.
    """
    least, most = _window_extremes(labels, width_px, outside=ignore_id)
    return np.where((least != labels) | (most != labels), labels, np.uint8(ignore_id))


def border_band(labels: Labels, width_px: int) -> NDArray[np.bool_]:
    """Mark the pixels on both sides of the borders between classes.

    Args:
        labels: Class ids, ``(H, W)`` uint8.
        width_px: How far from a pixel of another class, in rows and columns, a pixel may be to be marked; at least 1.

    Returns:
        ``(H, W)`` bool. The picture's own border is no border between classes.
    """
    least, most = _window_extremes(labels, width_px, outside=None)
    return np.asarray(least != most)


def boundary_counts(
    truth: Labels,
    predicted: Labels,
    *,
    classes: int,
    width_px: int | None = None,
    ignore_id: int = IGNORE,
    true_edge: Labels | None = None,
) -> Counts:
    """Count what Boundary IoU is made of, on one image; counts of images add up.

    Pixels to ignore are cut out of both maps before their contours are drawn, so a prediction that is right wherever
    there is truth scores 1.

    Args:
        truth: Class ids, ``(H, W)`` uint8.
        predicted: Class ids, same shape as *truth*.
        classes: Number of classes; ids run from 0 to ``classes - 1``.
        width_px: Of the band; None for 2 % of the diagonal.
        ignore_id: True id whose pixels are left out; the largest id.
        true_edge: :func:`boundary_labels` of *truth*, where many predictions are held against it.

    Returns:
        ``(3, classes)`` int64: boundary pixels of the class in both maps at once, in truth, in the prediction.
    """
    if width_px is None:
        width_px = boundary_width((truth.shape[0], truth.shape[1]))
    ignored = truth == ignore_id
    if bool(ignored.any()):
        predicted = np.where(ignored, np.uint8(ignore_id), predicted)
    if true_edge is None:
        true_edge = boundary_labels(truth, width_px, ignore_id=ignore_id)
    edge = boundary_labels(predicted, width_px, ignore_id=ignore_id)
    both = np.where(true_edge == edge, edge, np.uint8(ignore_id))
    return np.stack([class_counts(ids, classes) for ids in (both, true_edge, edge)])


def intersection_over_union(
    hits: NDArray[np.number], truth: NDArray[np.number], predicted: NDArray[np.number]
) -> NDArray[np.float64]:
    """Compute IoU from counts.

    Args:
        hits: Pixels that truth and prediction both give the class; any shape.
        truth: Pixels of the class in truth, same shape.
        predicted: Pixels of the class in the prediction, same shape.

    Returns:
        Same shape, 0..1; NaN where the class occurs in neither.
    """
    union = np.asarray(truth + predicted - hits, np.float64)
    iou = np.full(union.shape, np.nan)
    np.divide(hits, union, out=iou, where=union > 0)
    return iou


def mean_iou(iou: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over the last axis without NaN, which is a class that does not occur; NaN where none does."""
    present = ~np.isnan(iou)
    count = np.asarray(present.sum(axis=-1))
    mean = np.full(count.shape, np.nan)
    np.divide(np.where(present, iou, 0.0).sum(axis=-1), count, out=mean, where=count > 0)
    return mean


def _window_extremes(labels: Labels, width_px: int, *, outside: int | None) -> tuple[Labels, Labels]:
    """Give the smallest and the largest id in the square around each pixel; outside the picture lies *outside*."""
    kernel = np.ones((2 * width_px + 1, 2 * width_px + 1), np.uint8)
    if outside is None:
        # OpenCV's own border values take no part in either.
        return np.asarray(cv2.erode(labels, kernel), np.uint8), np.asarray(cv2.dilate(labels, kernel), np.uint8)
    border = cv2.BORDER_CONSTANT
    least = cv2.erode(labels, kernel, borderType=border, borderValue=outside)
    most = cv2.dilate(labels, kernel, borderType=border, borderValue=outside)
    return np.asarray(least, np.uint8), np.asarray(most, np.uint8)


def _histogram(ids: NDArray[np.uint8] | NDArray[np.uint16], bins: int, kept: NDArray[np.bool_] | None) -> Counts:
    """Count ids below *bins*, ``(bins,)`` int64: as np.bincount, which first widens every id to eight bytes."""
    if ids.size >= _EXACT_COUNTS:
        chosen = ids.ravel() if kept is None else ids[kept]
        return np.bincount(chosen[chosen < bins], minlength=bins).astype(np.int64)
    # As one column, since OpenCV takes a third axis for channels.
    mask = None if kept is None else kept.reshape(-1, 1).view(np.uint8)
    counts = cv2.calcHist([ids.reshape(-1, 1)], [0], mask, [bins], [0, bins])
    # (bins, 1) before OpenCV 5, then (bins,).
    return np.asarray(counts).ravel().astype(np.int64)


def metric_specs(
    stats: AccuracyStats, class_names: Sequence[str], *, split: str, images: int
) -> tuple[MetricSpec, ...]:
    """Put accuracy into the form a model card keeps: ``miou``, ``pixel_accuracy`` and ``iou.CLASS``; none for None."""
    figures = {"miou": stats.miou, "pixel_accuracy": stats.pixel_accuracy}
    figures |= {f"iou.{name}": iou for name, iou in zip(class_names, stats.per_class_iou, strict=True)}
    return tuple(
        MetricSpec(name, round(value, 6), split, images) for name, value in figures.items() if value is not None
    )
