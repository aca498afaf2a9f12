"""What two kinds of machines made of the same input tensors: counts of what differs, and whether that is too much."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge.runtime.backend import TensorInfo
from fcn_edge.runtime.segmenter import Segmenter
from fcn_edge.scoring import labels_from_scores

# Kernels of different processors add in another order, and round to a neighbouring step where a sum lies between two.
# LiteRT's convolutions and ONNX Runtime's were found equal on x86-64 and arm64, and an export chooses scales with which
# ONNX Runtime's sums are; a step is what one rounding may cost.
_STEPS_ALLOWED = 1
# tflite-runtime 2.14 rounds otherwise on 32-bit ARM than on x86-64 from the first convolutions on, and steps add up
# with depth: of a network of 60 layers the third differed in 0.1 % of its values, the last in half of them. Its
# machines may lie apart, as a root of the mean square, by what int8 itself lies from float on one machine: then the
# processor is not what costs accuracy.
_ROUNDS_IN_EVERY_LAYER = "tflite-runtime"
# Of the pixels may get another class, on any runtime: the least agreement that is asked of int8 with float is 0.985.
_CLASSES_ALLOWED = 0.015
# Floats: as a share of the largest score. Rounding of some hundred sums leaves about a millionth.
_SHARE_ALLOWED = 1e-4


@dataclass(frozen=True, slots=True)
class Agreement:
    """One model file on two machines.

    Attributes:
        file: Its name.
        runtime: On the other machine.
        cpu: The processor that was emulated.
        integer: The scores are raw integers.
        scores: How many were compared.
        scores_differ: How many are not equal.
        largest_difference: In steps of the raw integers, or in the scores' own units.
        largest_score: Magnitude, in the same units, on this machine.
        rms_difference: Root of the mean square of the differences, likewise.
        rms_to_float: The same of an int8 file to the fp32 file on this machine, in steps; None where there is none.
        labels: How many pixels were decided on, at the model's size.
        labels_differ: How many got another class.
        unexplained: Pixels with equal scores and another class.
        pixels_differ: Values of the input tensors that OpenCV made otherwise there; None where it is not installed.
        foreground: Share of pixels that are not background on this machine, 0..1.
    """

    file: str
    runtime: str
    cpu: str
    integer: bool
    scores: int
    scores_differ: int
    largest_difference: float
    largest_score: float
    rms_difference: float
    rms_to_float: float | None
    labels: int
    labels_differ: int
    unexplained: int
    pixels_differ: int | None
    foreground: float

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong, in words; empty where the machines agree."""
        found = []
        if self.integer and self.runtime == _ROUNDS_IN_EVERY_LAYER and self.rms_to_float is not None:
            if not self.rms_difference <= self.rms_to_float:
                apart = f"{self.rms_difference:.3g} steps (rms)"
                found.append(f"scores differ by {apart}, more than int8 differs from float: {self.rms_to_float:.3g}")
        elif self.integer and self.largest_difference > _STEPS_ALLOWED:
            found.append(f"scores differ by up to {self.largest_difference:g} steps, not {_STEPS_ALLOWED}")
        if not self.integer and not self.largest_difference <= _SHARE_ALLOWED * self.largest_score:
            found.append(f"scores differ by up to {self.largest_difference:g}, of {self.largest_score:g}")
        if self.labels_differ > _CLASSES_ALLOWED * self.labels:
            found.append(f"{self.labels_differ} of {self.labels} pixels get another class")
        if self.unexplained:
            found.append(f"{self.unexplained} pixels have equal scores and another class")
        return tuple(found)


def compare_files(here: Path, there: Path, models: Path, *, cpu: str, tflite: str) -> list[Agreement]:
    """Compare all model files that ran on the other machine.

    Args:
        here: What ``run_models.py`` wrote on this machine, a ``.npz``.
        there: The same of the other machine.
        models: The folder of the shipped models.
        cpu: Name of the emulated processor.
        tflite: Which runtime runs ``.tflite`` there.
    """
    ours, theirs = np.load(here), np.load(there)
    files = [key.removesuffix(".scores") for key in theirs.files if key.endswith(".scores")]
    found = []
    for file in files:
        runtime = "onnxruntime" if file.endswith(".onnx") else tflite
        with Segmenter.open(models / file.split(".")[0] / file) as segmenter:
            threshold, output = segmenter.threshold, segmenter.backend.info.output
        scores, other = ours[f"{file}.scores"], theirs[f"{file}.scores"]
        # Without OpenCV a machine cannot decide; then its scores are decided on here.
        told = f"{file}.labels" in theirs.files
        labels = ours[f"{file}.labels"] if f"{file}.labels" in ours.files else _decide(scores, threshold)
        other_labels = theirs[f"{file}.labels"] if told else _decide(other, threshold)
        pixels = int((ours[f"{file}.pixels"] != theirs[f"{file}.pixels"]).sum()) if told else None
        # ONNX Runtime does not tell a file's scale, and needs none here: its machines agree to the step.
        floats = ours.get(f"{file.replace('.int8.', '.fp32.')}.scores") if file.endswith(".int8.tflite") else None
        noise = None if floats is None else _rms_to_float(scores, floats, output)
        found.append(compare(file, runtime, cpu, (scores, labels), (other, other_labels), pixels, noise))
    return found


def compare(
    file: str,
    runtime: str,
    cpu: str,
    here: tuple[NDArray[np.generic], NDArray[np.uint8]],
    there: tuple[NDArray[np.generic], NDArray[np.uint8]],
    pixels_differ: int | None,
    rms_to_float: float | None = None,
) -> Agreement:
    """Count what differs between two machines' scores, ``(N, H, W, K)``, and class ids, ``(N, H, W)``."""
    (scores, labels), (other, other_labels) = here, there
    if scores.dtype != other.dtype or scores.shape != other.shape:
        raise ValueError(f"{file}: {scores.dtype} {scores.shape} here, {other.dtype} {other.shape} there")
    differs = scores != other
    steps = np.abs(scores.astype(np.float64) - other.astype(np.float64))
    changed = labels != other_labels
    return Agreement(
        file=file,
        runtime=runtime,
        cpu=cpu,
        integer=scores.dtype.kind in "iu",
        scores=scores.size,
        scores_differ=int(differs.sum()),
        largest_difference=float(steps.max()),
        largest_score=float(np.abs(scores.astype(np.float64)).max()),
        rms_difference=_rms(steps),
        rms_to_float=rms_to_float,
        labels=labels.size,
        labels_differ=int(changed.sum()),
        unexplained=int((changed & ~differs.any(axis=-1)).sum()),
        pixels_differ=pixels_differ,
        foreground=round(float((labels > 0).mean()), 4),
    )


def _rms_to_float(scores: NDArray[np.generic], floats: NDArray[np.generic], output: TensorInfo) -> float:
    """Tell how far raw integers lie from float scores, in steps; of fewer pictures there are floats."""
    if output.scale is None or output.zero_point is None:
        raise ValueError(f"the scores of an int8 file have scale {output.scale} and zero point {output.zero_point}")
    every = len(scores) // len(floats)
    steps = floats.astype(np.float64) / output.scale + output.zero_point
    limits = np.iinfo(np.dtype(output.dtype))
    return _rms(scores[::every].astype(np.float64) - np.clip(steps, limits.min, limits.max))


def _rms(differences: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(differences**2)))


def _decide(scores: NDArray[np.generic], threshold: float | None) -> NDArray[np.uint8]:
    return np.stack([labels_from_scores(score, threshold) for score in scores])
