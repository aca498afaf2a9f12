"""Which classes a candidate ruins, and on which images: a rare class can vanish with agreement hardly touched."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fcn_edge.measure.accuracy.detail import ClassLoss, ClassSample
from fcn_edge.measure.accuracy.result import AgreementReport, SampleAccuracy, VariantReport

MOST_CLASSES = 3
MOST_IMAGES = 3
# Less is no loss that a picture would show.
_LEAST_DROP_POINTS = 0.5
# Without masks the reference stands for the truth, against which rounding alone costs a class more.
_MOST_AGREEMENT = 0.95


def losses_by_masks(
    agreement: AgreementReport, candidate: VariantReport, reference: VariantReport, *, images: int = MOST_IMAGES
) -> tuple[ClassLoss, ...]:
    """Find the classes that lost at least half a point of IoU, most first, three at most.

    Args:
        agreement: With the drop of each class.
        candidate: With the counts of each image.
        reference: With the counts of the same images.
        images: How many to name for each class.
    """
    drops = {name: points for name, points in agreement.per_class_drop_points.items() if points is not None}
    names = [name for name in sorted(drops, key=lambda name: -drops[name]) if drops[name] >= _LEAST_DROP_POINTS]
    losses = []
    for name in names[:MOST_CLASSES]:
        class_id = list(agreement.per_class_drop_points).index(name)
        found = [_sample(own, other, class_id) for own, other in zip(candidate.samples, reference.samples, strict=True)]
        losses.append(ClassLoss(name, drops[name], _worst(found, images)))
    return tuple(losses)


def losses_by_agreement(
    agreement: AgreementReport,
    changed: Sequence[NDArray[np.int64]],
    sample_ids: Sequence[str],
    *,
    images: int = MOST_IMAGES,
) -> tuple[ClassLoss, ...]:
    """Find the classes whose pixels differ most from the reference's, where there are no masks; three at most.

    Args:
        agreement: With the agreement on each class.
        changed: By image, the pixels that leave or join each class, ``(K,)``.
        sample_ids: Of the images.
        images: How many to name for each class.
    """
    overlap = {name: share for name, share in agreement.per_class_agreement.items() if share is not None}
    names = [name for name in sorted(overlap, key=lambda name: overlap[name]) if overlap[name] < _MOST_AGREEMENT]
    losses = []
    for name in names[:MOST_CLASSES]:
        class_id = list(agreement.per_class_agreement).index(name)
        found = [ClassSample(i, int(counts[class_id])) for i, counts in zip(sample_ids, changed, strict=True)]
        losses.append(ClassLoss(name, None, _worst(found, images)))
    return tuple(losses)


def _sample(own: SampleAccuracy, other: SampleAccuracy, class_id: int) -> ClassSample:
    (wrong, iou), (wrong_before, iou_before) = _wrong(own, class_id), _wrong(other, class_id)
    return ClassSample(own.sample_id, wrong - wrong_before, iou, iou_before)


def _wrong(sample: SampleAccuracy, class_id: int) -> tuple[int, float | None]:
    """Count a class's pixels that were missed or invented, and compute its IoU on the image."""
    hits = sample.hits[class_id]
    union = sample.truth[class_id] + sample.predicted[class_id] - hits
    return union - hits, hits / union if union else None


def _worst(samples: Sequence[ClassSample], most: int) -> tuple[ClassSample, ...]:
    ranked = sorted((sample for sample in samples if sample.pixels > 0), key=lambda sample: -sample.pixels)
    return tuple(ranked[:most])
