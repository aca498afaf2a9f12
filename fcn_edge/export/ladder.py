"""The ladder: each rung of an export is held to the Keras model on real images, or the export fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import ModelCard, Precision, ScoreQuantization
from fcn_edge.dataset import Sample, read_mask
from fcn_edge.errors import DatasetError, LostRungError, ThresholdMissedError
from fcn_edge.export.parity import Tally
from fcn_edge.export.report import ParityStats, RungReport
from fcn_edge.geometry import IGNORE, Placement, fit_image, placement, restore_labels, restore_scores
from fcn_edge.image_file import read_image
from fcn_edge.metrics import AccuracyStats
from fcn_edge.runtime import Backend, open_backend
from fcn_edge.scoring import labels_from_scores, raw_threshold

# From pixels (1, H, W, 3) uint8 RGB to a raw output: scores (1, H, W, K) or class ids (1, H, W).
Run = Callable[[NDArray[np.uint8]], NDArray[np.generic]]

POINTS = 100

Values = TypeVar("Values", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a rung may differ by, and why."""

    min_agreement: float
    max_diff: float | None
    min_sqnr_db: float | None
    reason: str


TOLERANCES: dict[Precision, Tolerance] = {
    "fp32": Tolerance(
        0.999, 1e-3, None, "float32 sums in another order differ by about 1e-6 of the range; ties may flip"
    ),
    "fp16": Tolerance(0.995, 2e-2, None, "float16 has 11 bits; its roundings add up over the layers"),
    "int8": Tolerance(
        0.95,
        None,
        10.0,
        "256 steps a tensor; a broken layer falls far below both, and what is lost above them is judged by mIoU",
    ),
}
# Passes rewrite in float32 what was float32: as exact as another order of sums.
PASSES = Tolerance(0.999, 1e-4, None, "rewriting is exact; float32 sums in another order differ by about 1e-6")


@dataclass(frozen=True, slots=True)
class Climber:
    """One thing to hold to the reference.

    Attributes:
        name: For people: a file name, or ``prepared Keras model``.
        run: Runs it.
        card: Describes its output.
        tolerance: What it may differ by.
        path: The file, None for a model in memory.
    """

    name: str
    run: Run
    card: ModelCard
    tolerance: Tolerance
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Ladder:
    """What was measured.

    Attributes:
        rungs: A report for each rung, in order.
        keras_miou: Of the reference, decided as the files decide: from scores, or as class ids at input resolution.
        keras_score_miou: Of the reference, decided from its scores at the image's own size.
        keras_class_iou: The same for each class, in id order; None for a class that never occurs.
        accuracies: Of each rung, against the masks; all None without masks.
        judged_images: How many masks those are.
    """

    rungs: tuple[RungReport, ...]
    keras_miou: float | None
    keras_score_miou: float | None
    keras_class_iou: tuple[float | None, ...]
    accuracies: tuple[AccuracyStats, ...]
    judged_images: int


def open_file(path: Path, card: ModelCard) -> tuple[Climber, Backend]:
    """Open a written file in the runtime a device would run it with."""
    backend = open_backend(path, threads=None)
    return Climber(path.name, backend.infer, card, TOLERANCES[card.precision], path), backend


def climb(reference: Climber, climbers: Sequence[Climber], samples: Iterable[tuple[Sample, bool]]) -> Ladder:
    """Run reference and climbers on all samples, one image at a time.

    Args:
        reference: The Keras model.
        climbers: What is held to it.
        samples: Each with whether its mask counts for mIoU.

    Raises:
        DatasetError: A mask does not fit its image or has ids that are no class.
        ImageError: An image or mask cannot be decoded.
    """
    classes = len(reference.card.classes)
    own, own_scores = Tally(classes), Tally(classes)
    as_labels = any(climber.card.output == "labels" for climber in climbers)
    tallies = [Tally(classes) for _ in climbers]
    judged_images = 0
    for sample, judged in samples:
        image = read_image(sample.image_path)
        card = reference.card
        pixels = np.ascontiguousarray(fit_image(image, card.input_size_hw, card.geometry)[..., ::-1])[None]
        expected = reference.run(pixels)
        size_hw = (int(image.shape[0]), int(image.shape[1]))
        place = placement(size_hw, card.input_size_hw, card.geometry)
        truth = _read_truth(sample, size_hw, classes) if judged else None
        wanted = decide(expected, card)
        judged_images += truth is not None
        if truth is not None:
            from_scores = decide(expected, card, size_hw)
            own_scores.add_truth(truth, from_scores)
            own.add_truth(truth, _restored(wanted, card, size_hw) if as_labels else from_scores)
        for climber, tally in zip(climbers, tallies, strict=True):
            found = climber.run(pixels)
            if climber.card.output == "logits":
                real = real_scores(found, climber.card.score_quantization)
                tally.add_scores(_inside(expected, place).astype(np.float64), _inside(real, place))
            tally.add_labels(_inside(wanted[None], place), _inside(decide(found, climber.card)[None], place))
            if truth is not None:
                tally.add_truth(truth, decide(found, climber.card, size_hw))
    rungs = tuple(_report(climber, reference, tally) for climber, tally in zip(climbers, tallies, strict=True))
    return Ladder(
        rungs,
        own.accuracy.miou,
        own_scores.accuracy.miou,
        own_scores.accuracy.per_class_iou,
        tuple(tally.accuracy for tally in tallies),
        judged_images,
    )


def _inside(output: NDArray[Values], place: Placement) -> NDArray[Values]:
    """Cut an output ``(1, H, W, …)`` to where the image lies: what a letterbox holds beside it is never shown."""
    x, y, width, height = place.box_xywh
    return output[:, y : y + height, x : x + width]


def _read_truth(sample: Sample, size_hw: tuple[int, int], classes: int) -> NDArray[np.uint8] | None:
    if sample.mask_path is None:
        return None
    mask = read_mask(sample.mask_path)
    hint = "fcn-edge data check names every fault of a data folder"
    if mask.shape != size_hw:
        raise DatasetError(
            f"{sample.mask_path}: is {mask.shape[0]}x{mask.shape[1]} (height x width), "
            f"expected {size_hw[0]}x{size_hw[1]} "
            "as its image",
            hint=hint,
        )
    unknown = sorted({int(i) for i in np.unique(mask) if classes <= i < IGNORE})
    if unknown:
        raise DatasetError(
            f"{sample.mask_path}: has class ids {unknown}, expected 0 to {classes - 1} or 255", hint=hint
        )
    return mask


def decide(raw: NDArray[np.generic], card: ModelCard, size_hw: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Decide each pixel's class as a device does.

    Args:
        raw: A model's output, ``(1, H, W, K)`` scores or ``(1, H, W)`` class ids, as the file gives it.
        card: Describes the output.
        size_hw: The image's own size; None leaves input resolution.
    """
    if card.output == "labels":
        labels = raw[0].astype(np.uint8)
        return labels if size_hw is None else _restored(labels, card, size_hw)
    threshold = None
    if card.threshold is not None:
        threshold = raw_threshold(card.threshold, card.score_activation, card.score_quantization)
    if size_hw is None:
        return labels_from_scores(raw[0], threshold)
    place = placement(size_hw, card.input_size_hw, card.geometry)
    return labels_from_scores(restore_scores(raw[0], place), threshold)


def _restored(labels: NDArray[np.uint8], card: ModelCard, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    return restore_labels(labels, placement(size_hw, card.input_size_hw, card.geometry))


def real_scores(raw: NDArray[np.generic], quantization: ScoreQuantization | None) -> NDArray[np.float64]:
    """Dequantise scores; real ones stay as they are."""
    wide = raw.astype(np.float64)
    return wide if quantization is None else quantization.scale * (wide - quantization.zero_point)


def missed(parity: ParityStats, tolerance: Tolerance) -> str:
    """Say in words what of a tolerance was missed; empty where it holds."""
    if not parity.agreement >= tolerance.min_agreement:
        return f"agrees on {parity.agreement:.2%} of the pixels, expected at least {tolerance.min_agreement:.1%}"
    if tolerance.max_diff is not None and parity.max_diff is not None and not parity.max_diff <= tolerance.max_diff:
        return f"differs by up to {parity.max_diff:.2g} of the scores' range, expected at most {tolerance.max_diff:g}"
    noisy = parity.sqnr_db is not None and tolerance.min_sqnr_db is not None and parity.sqnr_db < tolerance.min_sqnr_db
    if noisy:
        return f"has {parity.sqnr_db:.1f} dB signal to noise, expected at least {tolerance.min_sqnr_db:g}"
    return ""


def check_rung(rung: RungReport, tolerance: Tolerance, guilty: Callable[[], str]) -> None:
    """Refuse a rung that missed its tolerance.

    Args:
        rung: What was measured.
        tolerance: What was allowed.
        guilty: Says which layer lost most, in words; called only when needed, because it takes time.

    Raises:
        LostRungError: It names the rung, what was missed and the guilty layer.
    """
    what = missed(rung.parity, tolerance)
    if what:
        raise LostRungError(
            f"{rung.name}: this rung of the ladder was lost: against {rung.against} it {what}; {guilty()}",
            hint="nothing was exported; leave this format out, or calibrate on more images: --calibration-images",
        )


def check_drop(rung: RungReport, keras_miou: float | None, max_drop: float, guilty: Callable[[], str]) -> None:
    """Refuse a file that loses more mIoU than allowed.

    Raises:
        ThresholdMissedError: It names both figures and the limit.
    """
    lost = drop(rung, keras_miou)
    if lost is not None and lost > max_drop:
        raise ThresholdMissedError(
            f"{rung.name}: loses {lost:.2f} points of mIoU against Keras ({keras_miou:.4f} to {rung.miou:.4f}), "
            f"at most {max_drop:g} were allowed; {guilty()}",
            hint="nothing was exported; calibrate on more images, export fp16, or allow more: --max-drop POINTS",
        )


def drop(rung: RungReport, keras_miou: float | None) -> float | None:
    """Give the points of mIoU (0..100) that a rung lost; None without masks."""
    return None if rung.miou is None or keras_miou is None else POINTS * (keras_miou - rung.miou)


def _report(climber: Climber, reference: Climber, tally: Tally) -> RungReport:
    allowed = climber.tolerance
    return RungReport(
        name=climber.name,
        against=reference.name,
        parity=tally.parity(),
        miou=tally.accuracy.miou,
        min_agreement=allowed.min_agreement,
        max_diff=allowed.max_diff,
        min_sqnr_db=allowed.min_sqnr_db,
        reason=allowed.reason,
    )
