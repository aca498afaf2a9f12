"""From a model's raw scores to class ids at a picture's own size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.geometry import Placement, resize_plane
from fcn_edge.scoring import above_threshold, labels_from_scores, planes_of


class LabelDoor:
    """Resizes scores and decides, in memory that is used again for every frame; not safe to share between threads.

    The same class ids as :func:`fcn_edge.scoring.labels_from_scores` of :func:`fcn_edge.geometry.restore_scores`,
    sooner where there are many classes, and in the memory of two however many there are: the scores of one class after
    the other are resized and held against the best so far.

    Args:
        threshold: For one score channel: scores above it are class 1, in the scores' own units. None: the largest.
    """

    def __init__(self, threshold: float | None) -> None:
        self._threshold = threshold
        self._best = self._plane = np.empty((0, 0), np.float32)
        self._small = np.empty((0, 0), np.float32)
        self._found = np.empty((0, 0), np.uint8)

    def __call__(
        self, scores: NDArray[np.generic], place: Placement, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Decide each pixel's class.

        Args:
            scores: ``(h, w, K)``, real or raw quantised, at the model's resolution.
            place: Where the picture lies in them.
            out: ``(H, W)`` uint8, where to write the class ids; None for a new array.

        Returns:
            ``(H, W)`` uint8 class ids at the picture's size.
        """
        x, y, width, height = place.box_xywh
        inside = scores[y : y + height, x : x + width]
        labels = np.empty(place.source_hw, np.uint8) if out is None else out
        if (height, width) == place.source_hw:
            # Nothing to resize, so raw scores decide as they are: to widen them would take longer than to decide.
            labels_from_scores(inside, self._threshold, out=labels)
            return labels
        self._make_room(place.source_hw, (height, width))
        if scores.shape[2] == 1:
            self._restore(inside[..., 0], self._best)
            return above_threshold(self._best, self._threshold or 0.0, out=labels)
        self._largest(planes_of(inside), labels)
        return labels

    def _largest(self, planes: NDArray[np.generic], labels: NDArray[np.uint8]) -> None:
        self._restore(planes[0], self._best)
        labels.fill(0)
        for class_id in range(1, len(planes)):
            self._restore(planes[class_id], self._plane)
            # 255 where this class is above all before it. Ids rise, so the larger id is the later decision.
            cv2.compare(self._plane, self._best, cv2.CMP_GT, dst=self._found)
            np.bitwise_and(self._found, class_id, out=self._found)
            np.maximum(labels, self._found, out=labels)
            if class_id < len(planes) - 1:
                np.maximum(self._best, self._plane, out=self._best)

    def _restore(self, plane: NDArray[np.generic], out: NDArray[np.float32]) -> None:
        np.copyto(self._small, plane, casting="unsafe")
        resize_plane(self._small, out)

    def _make_room(self, source_hw: tuple[int, int], box_hw: tuple[int, int]) -> None:
        if self._best.shape != source_hw:
            self._best, self._plane = np.empty(source_hw, np.float32), np.empty(source_hw, np.float32)
            self._found = np.empty(source_hw, np.uint8)
        if self._small.shape != box_hw:
            self._small = np.empty(box_hw, np.float32)
