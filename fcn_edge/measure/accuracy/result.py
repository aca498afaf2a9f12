"""What a comparison found: frozen data, and its JSON."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fcn_edge.machine.environment import EnvironmentInfo
from fcn_edge.measure.accuracy.detail import ClassLoss, Finding, Interval, MarginStats


@dataclass(frozen=True, slots=True)
class SampleAccuracy:
    """One image's counts, enough to compute any pooled figure or an interval over images again.

    Attributes:
        sample_id: Of the data folder.
        hits: By class id, pixels of that class that were found.
        truth: By class id, pixels that truly are of it.
        predicted: By class id, pixels that were said to be of it.
    """

    sample_id: str
    hits: tuple[int, ...]
    truth: tuple[int, ...]
    predicted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VariantReport:
    """One model's accuracy, pooled over the images that have masks.

    Attributes:
        name: File name, or the path where two files share a name.
        path: Of the model file.
        format: ``tflite``, ``onnx`` or ``keras``.
        precision: ``fp32``, ``fp16``, ``int8``; None where neither card nor name tells.
        bytes: Size of the file.
        runtime: What ran it, with version.
        input_size_hw: Height and width of its input.
        fingerprint: SHA-256 of the file without its card.
        images: Number of images with masks.
        miou: Mean of the IoU of the classes that occur, 0..1; None without masks.
        pixel_accuracy: 0..1; None without masks.
        per_class_iou: By class name, 0..1; None for a class that occurs neither in truth nor in prediction.
        confusion: Pooled counts, rows truth, columns prediction.
        samples: The counts of each image.
        boundary_iou: Mean of the boundary IoU of the classes that occur, 0..1; None without masks.
        per_class_boundary_iou: By class name, 0..1: IoU of the pixels near the outline alone.
        miou_ci: Interval of ``miou``; None for fewer than 50 images with masks.
        per_class_iou_ci: By class name, interval of ``per_class_iou``; None also for a class of very few images.
    """

    name: str
    path: str
    format: str
    precision: str | None
    bytes: int
    runtime: str
    input_size_hw: tuple[int, int]
    fingerprint: str
    images: int
    miou: float | None
    pixel_accuracy: float | None
    per_class_iou: Mapping[str, float | None]
    confusion: tuple[tuple[int, ...], ...]
    samples: tuple[SampleAccuracy, ...]
    boundary_iou: float | None = None
    per_class_boundary_iou: Mapping[str, float | None] = field(default_factory=dict)
    miou_ci: Interval | None = None
    per_class_iou_ci: Mapping[str, Interval | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FlipStats:
    """How many pixels the reference gives one class and the candidate another, and how many of them near a border."""

    from_class: str
    to_class: str
    pixels: int
    inside_boundary: int = 0


@dataclass(frozen=True, slots=True)
class SampleAgreement:
    """How far candidate and reference agree on one image: share of pixels, 0..1."""

    sample_id: str
    pixel: float
    picture: Path | None = None


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """How far a candidate gives the same classes as the reference; needs no masks.

    Attributes:
        candidate: Name of a variant.
        reference: Name of the variant it is held against.
        pixel: Share of all pixels with the same class, 0..1.
        images: Number of images.
        flips: Most frequent first; classes that stay the same are left out.
        worst: The images with the least agreement, worst first.
        samples: Agreement on every image, in the order of the data folder.
        pixel_ci: Interval of ``pixel``; None for fewer than 50 images.
        inside_boundary: Agreement within the band around the reference's class borders, 0..1; None where it has none.
        outside_boundary: Agreement elsewhere; None where there is no elsewhere.
        boundary_pixels: Share of all pixels that lie within the band, 0..1.
        per_class_agreement: By class name, IoU of the candidate's with the reference's pixels of the class, 0..1; needs
            no masks. None for a class that neither gives.
        margin: How sure the reference is of what flips; None where nothing does, or it gives no scores.
        drop_points: Points of mIoU (0..100) lost against the reference; negative for a gain; None without masks.
        drop_ci: Its interval, from pairs.
        miou_kept: mIoU divided by the reference's; None without masks.
        miou_kept_ci: Its interval, from pairs.
        per_class_drop_points: By class name, points of IoU lost.
        per_class_drop_ci: By class name, intervals from pairs.
        worst_by_class: The classes that lost most, each with the images that lost most of it.
    """

    candidate: str
    reference: str
    pixel: float
    images: int
    flips: tuple[FlipStats, ...]
    worst: tuple[SampleAgreement, ...]
    samples: tuple[SampleAgreement, ...]
    pixel_ci: Interval | None = None
    inside_boundary: float | None = None
    outside_boundary: float | None = None
    boundary_pixels: float = 0.0
    per_class_agreement: Mapping[str, float | None] = field(default_factory=dict)
    margin: MarginStats | None = None
    drop_points: float | None = None
    drop_ci: Interval | None = None
    miou_kept: float | None = None
    miou_kept_ci: Interval | None = None
    per_class_drop_points: Mapping[str, float | None] = field(default_factory=dict)
    per_class_drop_ci: Mapping[str, Interval | None] = field(default_factory=dict)
    worst_by_class: tuple[ClassLoss, ...] = ()


@dataclass(frozen=True, slots=True)
class CompareReport:
    """A comparison of models on one split.

    Attributes:
        data: The data folder.
        split: Its part.
        classes: Class names in id order.
        images: Number of images that were segmented.
        reference: Name of the variant that the others are held against.
        tiled: Large images were segmented in tiles.
        variants: In the order they were given.
        agreement: One for each variant but the reference.
        env: Where it ran.
        boundary_band_px: How far the band of ``inside_boundary`` reaches to each side of a border, in pixels of the
            original image; the median where images differ in size.
        seed: Of the intervals.
        findings: Warnings first.
    """

    data: str
    split: str
    classes: tuple[str, ...]
    images: int
    reference: str
    tiled: bool
    variants: tuple[VariantReport, ...]
    agreement: tuple[AgreementReport, ...]
    env: EnvironmentInfo
    boundary_band_px: int | None = None
    seed: int = 0
    findings: tuple[Finding, ...] = ()

    def variant(self, name: str) -> VariantReport:
        """Give the variant called *name*.

        Raises:
            KeyError: There is none.
        """
        for variant in self.variants:
            if variant.name == name:
                return variant
        raise KeyError(name)

    def drop(self, name: str) -> float | None:
        """Points of mIoU (0..100) that the variant lost against the reference; None without masks."""
        reference, own = self.variant(self.reference).miou, self.variant(name).miou
        return None if reference is None or own is None else 100 * (reference - own)


def to_json(report: CompareReport, *, beside: Path | None = None) -> dict[str, Any]:
    """Make plain JSON types of a comparison.

    Args:
        report: The comparison.
        beside: The folder the JSON goes to; paths of pictures are written relative to it, so that both can be moved
            together.
    """
    content = dataclasses.asdict(report)
    for agreement in content["agreement"]:
        agreement["flips"] = [
            {"from": flip.pop("from_class"), "to": flip.pop("to_class"), **flip} for flip in agreement["flips"]
        ]
        agreement["worst"] = [_sample(sample, beside) for sample in agreement["worst"]]
        agreement["samples"] = [{"id": s["sample_id"], "pixel": s["pixel"]} for s in agreement["samples"]]
        agreement["worst_by_class"] = [
            {
                "class": loss["class_name"],
                "drop_points": loss["drop_points"],
                "images": [_sample(sample, beside) for sample in loss["images"]],
            }
            for loss in agreement["worst_by_class"]
        ]
    for variant in content["variants"]:
        variant["samples"] = [{"id": sample.pop("sample_id"), **sample} for sample in variant["samples"]]
    return content


def _sample(sample: Mapping[str, Any], beside: Path | None) -> dict[str, Any]:
    named = {"id": sample["sample_id"]}
    named |= {key: value for key, value in sample.items() if key not in ("sample_id", "picture")}
    picture = sample["picture"]
    if picture is None:
        return named
    return {**named, "picture": str(picture if beside is None else os.path.relpath(picture, beside))}
