"""One pass over the images: what every model says of each, counted against the mask and against the reference."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fcn_edge.dataset import Sample, read_mask
from fcn_edge.errors import DatasetError
from fcn_edge.geometry import IGNORE
from fcn_edge.image_file import read_image
from fcn_edge.measure.accuracy.agreement import Agreement, ReferenceMap, reference_map
from fcn_edge.measure.accuracy.certainty import Certainty, find_certainty
from fcn_edge.measure.accuracy.detail import MarginStats
from fcn_edge.measure.accuracy.loss import MOST_IMAGES, losses_by_agreement, losses_by_masks
from fcn_edge.measure.accuracy.margin import MarginCounts, grid_margins
from fcn_edge.measure.accuracy.pictures import write_pictures
from fcn_edge.measure.accuracy.result import AgreementReport, VariantReport
from fcn_edge.measure.accuracy.variant import Variant, truth_map

Labels = NDArray[np.uint8]


@dataclass(slots=True)
class Counting:
    """Models on their way through the images.

    Attributes:
        variants: All models.
        reference: The one of them that the others are held against.
        class_names: Of the data.
        tile: Segment large images in tiles.
        worst: How many images with the least agreement to name.
        tallies: By candidate.
        everywhere: Margins of the reference at all pixels.
        bands: By image, how far the band around borders reaches.
    """

    variants: tuple[Variant, ...]
    reference: Variant
    class_names: tuple[str, ...]
    tile: bool
    worst: int
    tallies: dict[str, Agreement] = field(init=False)
    everywhere: MarginCounts = field(init=False)
    bands: list[int] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        step, classes = self.reference.step, len(self.class_names)
        self.tallies = {
            v.name: Agreement(classes, keep=self.worst, step=step) for v in self.variants if v is not self.reference
        }
        self.everywhere = MarginCounts(step)

    def add(self, sample: Sample) -> None:
        """Segment an image with every model and count.

        Raises:
            DatasetError: The mask does not fit the image or the classes.
            ImageError: The image cannot be decoded.
        """
        image_bgr = read_image(sample.image_path)
        labels: dict[str, Labels] = {}
        if self.tallies:
            seen = self._look(image_bgr)
            labels[self.reference.name] = seen.labels
        for variant in self.variants:
            if variant.name not in labels:
                labels[variant.name] = variant.labels(image_bgr, tile=self.tile)
        for name, tally in self.tallies.items():
            tally.add(seen, labels[name])
        if sample.mask_path is not None:
            truth = truth_map(_read_truth(sample.mask_path, image_bgr, self.class_names))
            for variant in self.variants:
                variant.count(sample.sample_id, truth, labels[variant.name])

    @property
    def band_px(self) -> int | None:
        """How far the band around borders reaches in the image of median size; None where nothing was compared."""
        return statistics.median_low(self.bands) if self.bands else None

    def reports(
        self, samples: Sequence[Sample], *, seed: int, pictures: Path | None
    ) -> tuple[tuple[VariantReport, ...], tuple[AgreementReport, ...]]:
        """Sum up, and draw the pictures where a folder for them is given.

        Raises:
            UsageError: No image was counted.
            OutputError: A picture cannot be written.
        """
        by_model = {variant.name: variant.samples for variant in self.variants}
        certainty = find_certainty(by_model, classes=len(self.class_names), seed=seed)
        accuracy = {v.name: v.report(self.class_names, certainty) for v in self.variants}
        agreement = []
        for variant in self.variants:
            if variant is self.reference:
                continue
            tally = self.tallies[variant.name]
            sample_ids = [sample.sample_id for sample in samples]
            found = tally.report(variant.name, self.reference.name, self.class_names, sample_ids, seed=seed)
            found = dataclasses.replace(found, margin=self._margin(tally))
            found = with_accuracy(found, accuracy[variant.name], accuracy[self.reference.name], certainty)
            most = min(self.worst, MOST_IMAGES)
            if accuracy[variant.name].images:
                losses = losses_by_masks(found, accuracy[variant.name], accuracy[self.reference.name], images=most)
            else:
                losses = losses_by_agreement(found, tally.changed, sample_ids, images=most)
            found = dataclasses.replace(found, worst_by_class=losses)
            agreement.append(found if pictures is None else self._draw(found, variant, samples, pictures))
        return tuple(accuracy.values()), tuple(agreement)

    def _look(self, image_bgr: NDArray[np.uint8]) -> ReferenceMap:
        labels, scores = self.reference.look(image_bgr, tile=self.tile)
        seen = reference_map(labels, scores, self.reference.segmenter.threshold)
        self.bands.append(seen.band_px)
        if scores is not None:
            self.everywhere.add(grid_margins(scores, seen.threshold))
        return seen

    def _margin(self, tally: Agreement) -> MarginStats | None:
        flipped, everywhere = tally.flipped.percentiles(), self.everywhere.percentiles()
        if flipped is None or everywhere is None:
            return None
        unit: Literal["logit", "probability"] = "logit" if self.reference.activation == "none" else "probability"
        return MarginStats(unit, flipped, everywhere, self.everywhere.share_up_to(flipped.p90))

    def _draw(
        self, report: AgreementReport, candidate: Variant, samples: Sequence[Sample], folder: Path
    ) -> AgreementReport:
        kept = {w.index: (w.reference, w.candidate) for w in self.tallies[candidate.name].worst}

        def labels_of(index: int) -> tuple[Labels, Labels]:
            if index in kept:
                return kept[index]
            # Which classes lose most is known at the end only: to segment a few images again is cheaper than to keep
            # all of them.
            image_bgr = read_image(samples[index].image_path)
            return self.reference.labels(image_bgr, tile=self.tile), candidate.labels(image_bgr, tile=self.tile)

        return write_pictures(report, labels_of, samples, self.reference.segmenter.classes, folder)


def with_accuracy(
    report: AgreementReport, candidate: VariantReport, reference: VariantReport, certainty: Certainty
) -> AgreementReport:
    """Add what the candidate lost against the masks, with its intervals."""
    drops = {name: _drop(reference.per_class_iou[name], iou) for name, iou in candidate.per_class_iou.items()}
    kept = candidate.miou / reference.miou if candidate.miou is not None and reference.miou else None
    return dataclasses.replace(
        report,
        drop_points=_drop(reference.miou, candidate.miou),
        drop_ci=certainty.drop(report.candidate, report.reference),
        miou_kept=kept,
        miou_kept_ci=certainty.kept(report.candidate, report.reference),
        per_class_drop_points=drops,
        per_class_drop_ci={
            name: certainty.class_drop(report.candidate, report.reference, index) for index, name in enumerate(drops)
        },
    )


def _drop(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else 100 * (before - after)


def _read_truth(path: Path, image_bgr: NDArray[np.uint8], class_names: Sequence[str]) -> Labels:
    hint = "check the whole folder: fcn-edge data check DATA"
    mask = read_mask(path)
    if mask.shape != image_bgr.shape[:2]:
        sizes = f"{mask.shape[0]}x{mask.shape[1]}, its image {image_bgr.shape[0]}x{image_bgr.shape[1]}"
        raise DatasetError(f"{path}: the mask is {sizes} (height x width)", hint=hint)
    ids = mask[mask != IGNORE]
    if ids.size and int(ids.max()) >= len(class_names):
        message = f"{path}: class id {int(ids.max())}, expected 0 to {len(class_names) - 1} or 255 (ignore)"
        raise DatasetError(message, hint=hint)
    return mask
