"""The model card: what a model file says of itself.

The card travels inside the file (see :mod:`fcn_edge.model_file`) as JSON. Unknown keys are refused when a card is
written by hand and tolerated when one is read from a file, since a newer version may have written more.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fcn_edge.errors import ModelFileError

SCHEMA_VERSION = 1

Geometry = Literal["stretch", "letterbox"]
Precision = Literal["fp32", "fp16", "int8"]
OutputKind = Literal["logits", "labels"]
Activation = Literal["none", "sigmoid", "softmax"]

# Tableau-like colours (RGB) that stay apart on photographs and for most colour-blind people; class 0 is background.
DEFAULT_COLORS_RGB = (
    (0, 0, 0),
    (230, 97, 1),
    (31, 120, 180),
    (51, 160, 44),
    (227, 26, 28),
    (152, 78, 163),
    (255, 217, 47),
    (23, 190, 207),
    (247, 129, 191),
    (166, 86, 40),
    (140, 140, 140),
    (102, 194, 165),
    (188, 128, 189),
    (128, 128, 0),
    (0, 0, 160),
    (255, 160, 122),
    (0, 100, 0),
    (199, 21, 133),
    (112, 128, 144),
    (64, 224, 208),
    (255, 99, 71),
)


@dataclass(frozen=True, slots=True)
class ClassSpec:
    """One class: its name and its display colour (RGB, 0..255)."""

    name: str
    color_rgb: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class ScoreQuantization:
    """How raw quantised scores map to real ones: ``real = scale * (raw - zero_point)``."""

    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One measured figure: for example ``miou`` 0.91 on split ``val`` of 99 images."""

    name: str
    value: float
    split: str
    images: int


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """What the weights were made from, and what that obliges the user of the weights to."""

    data: str = ""
    licence: str = ""
    credit: str = ""
    images: int = 0
    seed: int | None = None
    command: str = ""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything a device needs to run a model and a person needs to judge it.

    Attributes:
        name: The NAME of ``NAME.PRECISION.FORMAT``.
        architecture: ``fcn``, ``fcn8s``, …; ``foreign`` for a model built elsewhere.
        classes: All classes in id order, background included. A model with one score channel has two.
        input_size_hw: Height and width of the model's input in pixels.
        geometry: How an image becomes the input: stretched, or letterboxed.
        precision: Of the weights and arithmetic.
        output: ``logits`` (N, H, W, K scores) or ``labels`` (N, H, W class ids).
        score_activation: What the scores already went through. ``none`` means logits, which is what we export.
        threshold: Probability from which a pixel is foreground; only for one score channel, else None.
        score_quantization: Set where the file gives raw integer scores.
        fingerprint: SHA-256 of the file without its card.
        options: The architecture's options, such as ``filters``.
        limits: In plain words: what the model was not made for.
    """

    name: str
    architecture: str
    classes: tuple[ClassSpec, ...]
    input_size_hw: tuple[int, int]
    geometry: Geometry = "stretch"
    precision: Precision = "fp32"
    output: OutputKind = "logits"
    score_activation: Activation = "none"
    threshold: float | None = None
    score_quantization: ScoreQuantization | None = None
    training: TrainingSpec = field(default_factory=TrainingSpec)
    metrics: tuple[MetricSpec, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    limits: str = ""
    fingerprint: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def score_channels(self) -> int:
        """K of the model's output: 1 for one foreground class, else the number of classes."""
        return 1 if self.threshold is not None else len(self.classes)


def class_specs(names: tuple[str, ...] | list[str]) -> tuple[ClassSpec, ...]:
    """Give each class name its default colour, in id order; colours repeat after 21 classes."""
    colors = DEFAULT_COLORS_RGB
    cycled = [colors[i] if i < len(colors) else colors[1 + (i - 1) % (len(colors) - 1)] for i in range(len(names))]
    return tuple(ClassSpec(name, color) for name, color in zip(names, cycled, strict=True))


def to_json(card: ModelCard) -> str:
    """Serialise a card; :func:`from_json` gives an equal one back."""
    return json.dumps(dataclasses.asdict(card), indent=1, ensure_ascii=False)


def from_json(text: str, *, where: str = "card") -> ModelCard:
    """Read a card from JSON.

    Raises:
        ModelFileError: The text is not a card, or its schema is of a newer major version.
    """
    hint = "export the model again with this version of fcn-edge"
    try:
        data = json.loads(text)
        version = data["schema_version"]
        if version > SCHEMA_VERSION:
            message = f"{where}: its card has schema version {version}, this fcn-edge reads up to {SCHEMA_VERSION}"
            raise ModelFileError(message, hint="pip install --upgrade fcn-edge")
        return _card(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"{where}: its model card cannot be read: {error!r}", hint=hint) from error


def _card(data: Mapping[str, Any]) -> ModelCard:
    known = {f.name for f in dataclasses.fields(ModelCard)}
    values = {key: value for key, value in data.items() if key in known}
    values["classes"] = tuple(ClassSpec(c["name"], tuple(c["color_rgb"])) for c in data["classes"])
    height, width = data["input_size_hw"]
    values["input_size_hw"] = (int(height), int(width))
    quantization = data.get("score_quantization")
    if quantization is not None:
        values["score_quantization"] = ScoreQuantization(float(quantization["scale"]), int(quantization["zero_point"]))
    values["training"] = TrainingSpec(**_only(TrainingSpec, data.get("training", {})))
    values["metrics"] = tuple(MetricSpec(**_only(MetricSpec, m)) for m in data.get("metrics", ()))
    return ModelCard(**values)


def _only(kind: type, data: Mapping[str, Any]) -> dict[str, Any]:
    known = {f.name for f in dataclasses.fields(kind)}
    return {key: value for key, value in data.items() if key in known}
