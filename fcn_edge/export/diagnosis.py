"""What is asked and found out about a quantised file, layer by layer; the ``layers`` key of a comparison holds this."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fcn_edge.export.blame import LayerNoise
from fcn_edge.runtime.pixels import Preprocessing

# healthy: nothing to mend. calibration: the same layers quantised anew are fine. layers: named, and confirmed by
# leaving them in float. spread: no few layers win the loss back. unfollowed: no layer is found again in the file.
Verdict = Literal["healthy", "calibration", "layers", "spread", "unfollowed"]


@dataclass(frozen=True, slots=True)
class DiagnosisConfig:
    """How a diagnosis is made.

    Attributes:
        data: Data folder.
        split: Images to look at; with masks mIoU is measured as well.
        images: Most of them, evenly spaced.
        calibration_split: What the model is quantised anew on.
        calibration_images: Most of those.
        seed: Of their choice, as in an export.
        suspects: Most layers to leave in floating point in turn.
        always: Do that for a healthy file as well.
        preprocessing: What a foreign Keras model expects of its input.
    """

    data: Path
    split: str = "val"
    images: int = 24
    calibration_split: str = "train"
    calibration_images: int = 100
    seed: int = 0
    suspects: int = 3
    always: bool = False
    preprocessing: Preprocessing | None = None


@dataclass(frozen=True, slots=True)
class OutputStats:
    """How well a whole file follows the Keras model.

    Attributes:
        sqnr_db: Signal to noise of the scores, in decibel; None for class ids, and where nothing differs.
        agreement: Share of pixels, 0..1, that get the same class.
        miou: Against the masks, None without.
    """

    sqnr_db: float | None
    agreement: float
    miou: float | None


@dataclass(frozen=True, slots=True)
class FloatTrial:
    """The model quantised once more with some layers left in floating point.

    Attributes:
        layers: Those that were asked for.
        left: Those that compute in floating point in the file; some may have come along.
        output: What that gave.
        won: Share of the noise in the scores, up to 1, that went away against the same all in integers; negative
            where it grew. None for the one all in integers.
        macs_share: Share of the multiply-adds, 0..1, that is then in floating point.
        float_ops: Operations that read or write floating point, conversions between the two included.
    """

    layers: tuple[str, ...]
    left: tuple[str, ...]
    output: OutputStats
    won: float | None
    macs_share: float
    float_ops: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something seen that explains a loss.

    Attributes:
        kind: ``saturation``, ``unused_range``, ``channel_outlier``, ``value_outlier``, ``weight_outlier``,
            ``shared_scale``, ``border`` or ``leave_float``.
        layer: Where.
        seen: In words, with its figures.
        advice: What to do about it.
        figures: The same figures by name.
    """

    kind: str
    layer: str
    seen: str
    advice: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LayerDiagnosis:
    """Everything about one file.

    Attributes:
        candidate: File name.
        source: The Keras model it is held against.
        folded: Whether the file's layers are those of the folded model.
        split: Split of the images that were looked at.
        images: How many.
        calibration_images: How many the model was quantised anew on; 0 where that was not needed.
        keras_miou: Of the Keras model on these images, None without masks.
        output: Of the file.
        anew: Of the same model quantised anew, all in integers; None where that was not needed.
        verdict: What is at fault.
        guilty: Layers confirmed by leaving them in floating point, in the order of the network.
        text: The verdict in one sentence, with its figures.
        layers: In the order of the network; of the file.
        macs_share: Of each layer by name.
        trials: In the order tried.
        findings: What to do about it; empty for a healthy file.
        seconds: It took.
    """

    candidate: str
    source: str
    folded: bool
    split: str
    images: int
    calibration_images: int
    keras_miou: float | None
    output: OutputStats
    anew: OutputStats | None
    verdict: Verdict
    guilty: tuple[str, ...]
    text: str
    layers: tuple[LayerNoise, ...]
    macs_share: Mapping[str, float]
    trials: tuple[FloatTrial, ...]
    findings: tuple[Finding, ...]
    seconds: float


def to_json(diagnosis: LayerDiagnosis) -> dict[str, Any]:
    """Make one entry of the ``layers`` key, in plain JSON types."""
    content = dataclasses.asdict(diagnosis)
    shares = content.pop("macs_share")
    content["layers"] = [
        {
            "name": layer.name,
            "sqnr_db": layer.sqnr_db,
            "drop_db": layer.drop_db,
            "channel_db": layer.channel_db,
            "low": None if layer.range is None else layer.range.low,
            "high": None if layer.range is None else layer.range.high,
            "saturated": layer.saturated,
            "macs_share": shares.get(layer.name, 0.0),
        }
        for layer in diagnosis.layers
    ]
    return content
