"""How certain accuracy is, given the images it was measured on: intervals of figures and of paired drops."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fcn_edge.measure.accuracy.bootstrap import Draws, Figure, Table, draw_images
from fcn_edge.measure.accuracy.detail import Interval
from fcn_edge.measure.accuracy.result import SampleAccuracy
from fcn_edge.metrics import intersection_over_union, mean_iou


@dataclass(frozen=True, slots=True)
class Certainty:
    """Intervals of several models' accuracy, all from the same draws of images.

    Attributes:
        draws: Pooled counts, by model hits, truth and prediction of each class; None for too few images.
        models: Names, in the order of the counts.
        classes: Number of classes.
    """

    draws: Draws | None
    models: tuple[str, ...]
    classes: int

    def miou(self, model: str) -> Interval | None:
        """Give the interval of a model's mIoU."""
        return self._interval(lambda counts: mean_iou(self._iou(counts, model)))

    def iou(self, model: str, class_id: int) -> Interval | None:
        """Give the interval of a model's IoU of one class."""
        return self._interval(lambda counts: self._iou(counts, model)[..., class_id])

    def drop(self, candidate: str, reference: str) -> Interval | None:
        """Give the interval of the points (0..100) of mIoU lost."""
        return self._interval(
            lambda counts: 100 * (mean_iou(self._iou(counts, reference)) - mean_iou(self._iou(counts, candidate)))
        )

    def class_drop(self, candidate: str, reference: str, class_id: int) -> Interval | None:
        """Give the interval of the points (0..100) of IoU that one class lost."""

        def lost(counts: Table) -> Table:
            return 100 * (self._iou(counts, reference) - self._iou(counts, candidate))[..., class_id]

        return self._interval(lost)

    def kept(self, candidate: str, reference: str) -> Interval | None:
        """Give the interval of the candidate's mIoU divided by the reference's."""

        def share(counts: Table) -> Table:
            whole, part = mean_iou(self._iou(counts, reference)), mean_iou(self._iou(counts, candidate))
            kept = np.full(whole.shape, np.nan)
            np.divide(part, whole, out=kept, where=whole > 0)
            return kept

        return self._interval(share)

    def _interval(self, figure: Figure) -> Interval | None:
        return None if self.draws is None else self.draws.interval(figure)

    def _iou(self, counts: Table, model: str) -> Table:
        first = 3 * self.classes * self.models.index(model)
        ends = [first + part * self.classes for part in range(4)]
        hits, truth, predicted = (counts[..., a:b] for a, b in itertools.pairwise(ends))
        return intersection_over_union(hits, truth, predicted)


def find_certainty(samples: Mapping[str, Sequence[SampleAccuracy]], *, classes: int, seed: int) -> Certainty:
    """Draw images for the intervals.

    Args:
        samples: By model, the counts of each image with a mask: the same images in the same order.
        classes: Number of classes.
        seed: Of the draws.
    """
    models = tuple(samples)
    images = len(samples[models[0]])
    rows = [[(s.hits, s.truth, s.predicted) for s in samples[model]] for model in models]
    table = np.array(rows, np.int64).reshape(len(models), images, 3 * classes)
    draws = draw_images(table.transpose(1, 0, 2).reshape(images, -1), seed=seed) if images else None
    return Certainty(draws, models, classes)
