"""How far two models give the same classes: counted image by image, no masks needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import UsageError
from fcn_edge.measure.accuracy.bootstrap import draw_images
from fcn_edge.measure.accuracy.margin import MarginCounts, Scores, margins
from fcn_edge.measure.accuracy.result import AgreementReport, FlipStats, SampleAgreement
from fcn_edge.metrics import (
    Counts,
    border_band,
    boundary_width,
    class_counts,
    confusion_matrix,
    intersection_over_union,
)

Labels = NDArray[np.uint8]

# Of the picture's diagonal, to each side of a border. Half of the width of Boundary IoU: with that, all of a small
# object would lie inside, and its loss would look like that of an outline.
BAND_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class ReferenceMap:
    """What the reference says of one image.

    Attributes:
        labels: Class ids, ``(H, W)`` uint8.
        band: Near a border between classes, ``(H, W)`` bool.
        band_px: How far the band reaches to each side.
        scores: ``(H, W, K)`` float32 in the model's own units; None where it gives class ids.
        threshold: What decides a single score.
    """

    labels: Labels
    band: NDArray[np.bool_]
    band_px: int
    scores: Scores | None
    threshold: float | None


def reference_map(labels: Labels, scores: Scores | None, threshold: float | None) -> ReferenceMap:
    """Find the borders in a map of class ids, ``(H, W)`` uint8, and keep what candidates are held against."""
    width = boundary_width((labels.shape[0], labels.shape[1]), BAND_SHARE)
    return ReferenceMap(labels, border_band(labels, width), width, scores, threshold)


@dataclass(frozen=True, slots=True)
class WorstSample:
    """An image with little agreement, with what both models said: labels ``(H, W)`` uint8."""

    index: int
    pixel: float
    reference: Labels
    candidate: Labels


@dataclass(slots=True)
class Agreement:
    """Counts the agreement of a candidate with a reference, one image after the other.

    Attributes:
        classes: Number of classes.
        keep: How many of the worst images to keep with their labels.
        step: What one unit of the reference's scores is worth.
        flips: Pixels that change their class: rows reference, columns candidate.
        flips_inside: Those of them within the band.
        reference_pixels: By class, all pixels of the reference.
        inside: Number of pixels within the band.
        pixels: By image, number of pixels.
        same: By image, number of pixels that keep their class.
        changed: By image and class, pixels that leave or join the class.
        flipped: Margins of the reference at flips.
        worst: The worst images so far, worst first.
    """

    classes: int
    keep: int = 0
    step: float = 1.0
    flips: Counts = field(init=False)
    flips_inside: Counts = field(init=False)
    reference_pixels: Counts = field(init=False)
    inside: int = field(init=False, default=0)
    pixels: list[int] = field(init=False, default_factory=list)
    same: list[int] = field(init=False, default_factory=list)
    changed: list[Counts] = field(init=False, default_factory=list)
    flipped: MarginCounts = field(init=False)
    worst: list[WorstSample] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.flips = np.zeros((self.classes, self.classes), np.int64)
        self.flips_inside = self.flips.copy()
        self.reference_pixels = np.zeros(self.classes, np.int64)
        self.flipped = MarginCounts(self.step)

    def add(self, reference: ReferenceMap, candidate: Labels) -> None:
        """Count one image; *candidate* is ``(H, W)`` uint8 class ids, kept where it is among the worst.

        Raises:
            UsageError: A class id is out of range.
        """
        where = np.flatnonzero(reference.labels != candidate)
        self.inside += int(np.count_nonzero(reference.band))
        self.reference_pixels += class_counts(reference.labels, self.classes)
        self._add_flips(reference, candidate, where)
        index = len(self.pixels)
        self.pixels.append(candidate.size)
        self.same.append(candidate.size - len(where))
        # An image without a single flip is not one of the worst, however few there are.
        if len(where) and self.keep:
            share = self.same[-1] / self.pixels[-1]
            self.worst.append(WorstSample(index, share, reference.labels, candidate))
            self.worst.sort(key=lambda sample: (sample.pixel, sample.index))
            del self.worst[self.keep :]

    def report(
        self,
        candidate: str,
        reference: str,
        class_names: Sequence[str],
        sample_ids: Sequence[str],
        *,
        seed: int = 0,
    ) -> AgreementReport:
        """Sum up.

        Raises:
            UsageError: No image was counted.
        """
        if not self.pixels:
            raise UsageError("there is no image to compare on", hint="raise --limit, or name another split")
        shares = [same / pixels for same, pixels in zip(self.same, self.pixels, strict=True)]
        samples = tuple(SampleAgreement(name, share) for name, share in zip(sample_ids, shares, strict=True))
        pairs = [(a, b) for a in range(self.classes) for b in range(self.classes) if a != b and self.flips[a, b]]
        pairs.sort(key=lambda pair: -int(self.flips[pair]))
        total, flips_inside = sum(self.pixels), int(self.flips_inside.sum())
        draws = draw_images(np.array([self.same, self.pixels]).T, seed=seed)
        return AgreementReport(
            candidate=candidate,
            reference=reference,
            pixel=sum(self.same) / total,
            images=len(samples),
            flips=tuple(
                FlipStats(class_names[a], class_names[b], int(self.flips[a, b]), int(self.flips_inside[a, b]))
                for a, b in pairs
            ),
            worst=tuple(samples[sample.index] for sample in self.worst),
            samples=samples,
            pixel_ci=None if draws is None else draws.interval(lambda counts: counts[..., 0] / counts[..., 1]),
            inside_boundary=_kept(flips_inside, self.inside),
            outside_boundary=_kept(int(self.flips.sum()) - flips_inside, total - self.inside),
            boundary_pixels=self.inside / total,
            per_class_agreement=dict(zip(class_names, self._overlap(), strict=True)),
        )

    def _add_flips(self, reference: ReferenceMap, candidate: Labels, where: NDArray[np.intp]) -> None:
        changed = np.zeros(self.classes, np.int64)
        if len(where):
            before, after = reference.labels.ravel()[where], candidate.ravel()[where]
            inside = reference.band.ravel()[where]
            counts = confusion_matrix(before, after, classes=self.classes)
            self.flips += counts
            if inside.any():
                self.flips_inside += confusion_matrix(before[inside], after[inside], classes=self.classes)
            changed += counts.sum(axis=0) + counts.sum(axis=1)
            if reference.scores is not None:
                scores = reference.scores.reshape(-1, reference.scores.shape[-1])
                self.flipped.add(margins(scores[where], reference.threshold))
        self.changed.append(changed)

    def _overlap(self) -> list[float | None]:
        left, joined = self.flips.sum(axis=1), self.flips.sum(axis=0)
        hits = self.reference_pixels - left
        iou = intersection_over_union(hits, self.reference_pixels, hits + joined)
        return [None if np.isnan(value) else float(value) for value in iou]


def _kept(flips: int, pixels: int) -> float | None:
    return 1 - flips / pixels if pixels else None
