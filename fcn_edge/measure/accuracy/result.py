"""What a comparison found: frozen data, and its JSON."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn_edge.machine.environment import EnvironmentInfo


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


@dataclass(frozen=True, slots=True)
class FlipStats:
    """How many pixels the reference gives one class and the candidate another."""

    from_class: str
    to_class: str
    pixels: int


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
    """

    candidate: str
    reference: str
    pixel: float
    images: int
    flips: tuple[FlipStats, ...]
    worst: tuple[SampleAgreement, ...]
    samples: tuple[SampleAgreement, ...]


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
            {"from": flip["from_class"], "to": flip["to_class"], "pixels": flip["pixels"]}
            for flip in agreement["flips"]
        ]
        agreement["worst"] = [_sample(sample, beside) for sample in agreement["worst"]]
        agreement["samples"] = [{"id": s["sample_id"], "pixel": s["pixel"]} for s in agreement["samples"]]
    for variant in content["variants"]:
        variant["samples"] = [{"id": sample.pop("sample_id"), **sample} for sample in variant["samples"]]
    return content


def _sample(sample: Mapping[str, Any], beside: Path | None) -> dict[str, Any]:
    picture = sample["picture"]
    if picture is not None and beside is not None:
        picture = os.path.relpath(picture, beside)
    named = {"id": sample["sample_id"], "pixel": sample["pixel"]}
    return named if picture is None else {**named, "picture": str(picture)}
