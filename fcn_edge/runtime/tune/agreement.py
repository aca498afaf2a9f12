"""Whether a candidate gives the masks that the reference gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]

# A class of fewer pixels than this share is as likely noise.
_SMALLEST_SHARE = 1e-3
# Of a class's pixels that must be found again, or it counts as vanished, however few they are among all.
_LEAST_FOUND = 0.5


@dataclass(frozen=True, slots=True)
class Agreement:
    """How alike two series of masks are.

    Attributes:
        pixel: Share of pixels with the same class, 0 to 1.
        vanished: Classes of the reference of which the candidate finds less than half.
    """

    pixel: float
    vanished: tuple[int, ...]


def compare_masks(expected: Sequence[Mask], found: Sequence[Mask], *, classes: int) -> Agreement:
    """Compare masks, ``(H, W)`` uint8 class ids, picture by picture.

    Args:
        expected: The reference's.
        found: The candidate's of the same pictures.
        classes: How many there are.
    """
    total = sum(mask.size for mask in expected)
    both, truth = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    for one, other in zip(expected, found, strict=True):
        truth += np.bincount(one.ravel(), minlength=classes)[:classes]
        both += np.bincount(one[one == other], minlength=classes)[:classes]
    vanished = [i for i in range(classes) if truth[i] > _SMALLEST_SHARE * total and both[i] < _LEAST_FOUND * truth[i]]
    return Agreement(float(both.sum() / total), tuple(vanished))


def shares(masks: Sequence[Mask], *, classes: int) -> tuple[float, ...]:
    """Measure what share of all pixels each class has."""
    counts = sum(np.bincount(mask.ravel(), minlength=classes)[:classes] for mask in masks)
    return tuple(float(count) for count in np.asarray(counts) / sum(mask.size for mask in masks))
