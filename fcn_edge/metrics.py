"""Accuracy of segmentation from one confusion matrix, pooled over a whole set.

Everything follows from the counts: intersection over union (Jaccard index) per class, their mean (mIoU) and pixel
accuracy; see Long, Shelhamer and Darrell (CVPR 2015), section 5. A class that occurs neither in the truth nor in the
prediction has no IoU: it is None, not zero, and mIoU leaves it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import MetricSpec
from fcn_edge.errors import UsageError
from fcn_edge.geometry import IGNORE

Counts = NDArray[np.int64]


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
    pairs = truth[kept].astype(np.int64) * classes + predicted[kept]
    if pairs.size and (int(truth[kept].max()) >= classes or int(predicted[kept].max()) >= classes):
        raise UsageError(
            f"a class id is not below {classes}, the number of classes", hint="check the masks and classes.txt"
        )
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


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


def metric_specs(
    stats: AccuracyStats, class_names: Sequence[str], *, split: str, images: int
) -> tuple[MetricSpec, ...]:
    """Put accuracy into the form a model card keeps: ``miou``, ``pixel_accuracy`` and ``iou.CLASS``; none for None."""
    figures = {"miou": stats.miou, "pixel_accuracy": stats.pixel_accuracy}
    figures |= {f"iou.{name}": iou for name, iou in zip(class_names, stats.per_class_iou, strict=True)}
    return tuple(
        MetricSpec(name, round(value, 6), split, images) for name, value in figures.items() if value is not None
    )
