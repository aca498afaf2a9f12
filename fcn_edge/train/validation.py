"""Scoring a network on the validation split exactly as devices and ``compare`` do.

Logits are resized to the mask's own size, then thresholded or compared, and one confusion matrix is pooled. For one
score channel every threshold of a grid is tried at once and the best by mIoU is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Geometry
from fcn_edge.geometry import fit_mask, placement, restore_scores
from fcn_edge.metrics import AccuracyStats, Counts, accuracy, confusion_matrix
from fcn_edge.scoring import labels_from_scores, raw_threshold
from fcn_edge.train.feed import ValidationStore
from fcn_edge.train.losses import LossFunction

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))


@dataclass(frozen=True, slots=True)
class ValidationStats:
    """Loss and accuracy on a split, with the threshold (a probability) they hold for where there is one."""

    loss: float
    accuracy: AccuracyStats
    threshold: float | None
    images: int

    @property
    def miou(self) -> float:
        """The mean IoU; 0 where no pixel is labelled."""
        return self.accuracy.miou or 0.0


def validate(
    predict: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    store: ValidationStore,
    *,
    classes: int,
    geometry: Geometry,
    batch_size: int,
    loss: LossFunction,
    threshold: float | None = None,
) -> ValidationStats:
    """Score *predict* on all of *store*.

    Args:
        predict: Logits ``(N, H, W, K)`` of images ``(N, H, W, 3)`` float32 RGB 0..255.
        store: The samples.
        classes: Number of classes, background included.
        geometry: How the images were fitted.
        batch_size: Images at a time.
        loss: From :func:`fcn_edge.train.losses.make_loss`.
        threshold: One of :data:`THRESHOLDS` to score at; the best of them by default.
    """
    tally = _Tally(classes)
    losses = []
    for start in range(0, len(store), batch_size):
        pairs = [store[index] for index in range(start, min(start + batch_size, len(store)))]
        images = np.stack([image for image, _ in pairs]).astype(np.float32)
        # The last batch is filled up and cut again: a new size would compile the prediction once more.
        filled = np.resize(images, (batch_size, *images.shape[1:]))
        logits = predict(filled)[: len(pairs)]
        input_hw = (images.shape[1], images.shape[2])
        truths = np.stack([fit_mask(mask, input_hw, geometry) for _, mask in pairs])[..., None]
        losses.append(float(loss(truths, logits)) * len(pairs))
        for scores, (_, mask) in zip(logits, pairs, strict=True):
            place = placement((mask.shape[0], mask.shape[1]), input_hw, geometry)
            tally.add(mask, restore_scores(scores, place))
    stats, used = tally.best(threshold)
    return ValidationStats(sum(losses) / len(store), stats, used, len(store))


class _Tally:
    """Pooled counts; for one score channel at every threshold of the grid."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._counts: Counts = np.zeros((classes, classes), np.int64)
        # Of pixels of each true class: how many have a score above exactly so many thresholds.
        self._above = np.zeros((2, len(THRESHOLDS) + 1), np.int64)
        self._raw = np.array([raw_threshold(p, "none") for p in THRESHOLDS], np.float32)
        self._binary = False

    def add(self, truth: NDArray[np.uint8], scores: NDArray[np.float32]) -> None:
        """Count one image: *truth* ``(H, W)`` and its logits ``(H, W, K)``."""
        if scores.shape[-1] > 1:
            self._counts += confusion_matrix(truth, labels_from_scores(scores, None), classes=self._classes)
            return
        self._binary = True
        above = np.searchsorted(self._raw, scores[..., 0], side="left")
        for class_id in (0, 1):
            self._above[class_id] += np.bincount(above[truth == class_id], minlength=len(THRESHOLDS) + 1)

    def best(self, threshold: float | None = None) -> tuple[AccuracyStats, float | None]:
        """Give the accuracy, and for one score channel the threshold: the one asked for, or that makes it largest."""
        if not self._binary:
            return accuracy(self._counts), None
        candidates: list[tuple[float, AccuracyStats, float]] = []
        for index, tried in enumerate(THRESHOLDS):
            if threshold not in (None, tried):
                continue
            background = self._above[:, : index + 1].sum(axis=1)
            foreground = self._above[:, index + 1 :].sum(axis=1)
            stats = accuracy(np.stack([background, foreground], axis=1))
            candidates.append((stats.miou or 0.0, stats, tried))
        # The middle of a plateau: a threshold at its edge would suit this split only.
        top = max(miou for miou, _, _ in candidates)
        plateau = [(stats, tried) for miou, stats, tried in candidates if miou == top]
        return plateau[len(plateau) // 2]


def as_arrays(model: Any) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:  # noqa: ANN401 - keras.Model
    """Give a Keras model's prediction of a batch as a function from array to array."""

    def predict(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(model.predict_on_batch(images), np.float32)

    return predict
