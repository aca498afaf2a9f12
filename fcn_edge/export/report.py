"""What an export found and made; ``export.json`` is this."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn_edge.export.fold import RegionReport
from fcn_edge.runtime.delegation import DelegationInfo


@dataclass(frozen=True, slots=True)
class ParityStats:
    """How close one rung of the ladder is to the Keras model, over all samples.

    Attributes:
        samples: Number of images.
        max_diff: Largest difference of a score, as a part of the scores' range; None where class ids are compared.
        sqnr_db: Signal to noise of the scores in decibel; None for class ids, and where nothing differs at all.
        agreement: Share of pixels, 0..1, that get the same class.
    """

    samples: int
    max_diff: float | None
    sqnr_db: float | None
    agreement: float


@dataclass(frozen=True, slots=True)
class RepairReport:
    """How an int8 file that lost too much was mended: layers left in floating point.

    Attributes:
        layers: Those that were chosen.
        left: All that compute in floating point in the file; some may have come along.
        images: That the choice was made on.
        miou_before: On these, all in integers; None without masks.
        miou_after: With the layers in floating point.
        agreement_before: Share of pixels, 0..1, as the Keras model decides them, all in integers.
        agreement_after: With the layers in floating point.
        macs_share: Share of the multiply-adds, 0..1, that is now in floating point.
        time_ratio: Time of one inference against the same file all in integers, on this machine, one thread.
        time_ratio_ci: Interval of that, 95 %.
    """

    layers: tuple[str, ...]
    left: tuple[str, ...]
    images: int
    miou_before: float | None
    miou_after: float | None
    agreement_before: float
    agreement_after: float
    macs_share: float
    time_ratio: float
    time_ratio_ci: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class FileReport:
    """One exported file.

    Attributes:
        path: File name inside the output folder.
        precision: ``fp32``, ``fp16`` or ``int8``.
        format: ``tflite`` or ``onnx``.
        bytes: Size with the card.
        parity: Against the Keras model.
        float_ops: Operations that compute in floating point; 0 in an int8 file.
        ops: Number of operations of each kind, the most frequent first.
        delegation: Which of them XNNPACK takes; None for other formats, and where LiteRT does not tell.
        miou: Against the masks of the split, None without masks.
        miou_drop: Points of mIoU (0..100) below the Keras model; negative where the file is better.
        fingerprint: SHA-256 of the file without its card.
        repair: How it was mended; None where that was not needed.
    """

    path: str
    precision: str
    format: str
    bytes: int
    parity: ParityStats
    float_ops: int
    ops: Mapping[str, int]
    delegation: DelegationInfo | None
    miou: float | None
    miou_drop: float | None
    fingerprint: str
    repair: RepairReport | None = None


@dataclass(frozen=True, slots=True)
class RungReport:
    """One rung of the ladder: what was compared with what, what was allowed and why."""

    name: str
    against: str
    parity: ParityStats
    miou: float | None
    min_agreement: float
    max_diff: float | None
    min_sqnr_db: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class FoldingReport:
    """Whether linear layers were folded.

    Attributes:
        applied: Whether any were.
        macs_before: Multiply-adds of one image through the whole model as it came.
        macs_after: The same after folding.
        regions: Linear regions of the model, and how each is computed now.
        batch_norms: Batch normalisations that went into the convolution before them.
    """

    applied: bool
    macs_before: int
    macs_after: int
    regions: tuple[RegionReport, ...] = ()
    batch_norms: int = 0


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """The images that int8 ranges were measured on.

    Attributes:
        split: Where they come from.
        count: How many.
        seed: Of the choice.
        sample_ids: Their names.
        class_images: By class name, how many of them show it; empty without masks.
        low: Smallest pixel value of all of them, 0..255.
        high: Largest pixel value of all of them, 0..255.
        method: How the ranges of activations were found on them.
    """

    split: str
    count: int
    seed: int
    sample_ids: tuple[str, ...]
    class_images: Mapping[str, int]
    low: int
    high: int
    method: str = "min-max"


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What was exported.

    Attributes:
        path: As it was given.
        kind: ``keras``, ``h5`` or ``saved_model``.
        fingerprint: SHA-256 of the model without its card.
        head: What became of the last activation: ``sigmoid stripped``, ``softmax kept``, ``none``, …
        input_size_hw: Input height and width.
        score_channels: K.
    """

    path: str
    kind: str
    fingerprint: str
    head: str
    input_size_hw: tuple[int, int]
    score_channels: int


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Everything about one export; :func:`to_json` is the content of ``export.json``.

    ``float_layers`` names the layers that its int8 files were to compute in floating point.
    """

    name: str
    out: Path
    output: str
    source: SourceReport
    files: tuple[FileReport, ...]
    folding: FoldingReport
    calibration: CalibrationReport | None
    ladder: tuple[RungReport, ...]
    split: str
    keras_miou: float | None
    max_drop: float
    tools: Mapping[str, str]
    warnings: tuple[str, ...]
    seconds: float
    float_layers: tuple[str, ...] = ()

    def path_of(self, precision: str, file_format: str) -> Path:
        """Give the path of one exported file.

        Raises:
            KeyError: No such file was exported.
        """
        for file in self.files:
            if (file.precision, file.format) == (precision, file_format):
                return self.out / file.path
        raise KeyError(f"{precision} {file_format}")


def to_json(report: ExportReport) -> dict[str, Any]:
    """Make the content of ``export.json``, in plain JSON types."""
    content = dataclasses.asdict(report)
    content["out"] = str(report.out)
    return content
