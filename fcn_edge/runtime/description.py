"""What a segmenter has to know beyond the tensors: from the card, or from the user for a foreign model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn_edge.card import Activation, ClassSpec, Geometry, ModelCard, ScoreQuantization, class_specs
from fcn_edge.errors import ModelFileError, UsageError
from fcn_edge.runtime.backend import BackendInfo
from fcn_edge.runtime.contract import channels, image_hw
from fcn_edge.scoring import raw_threshold

_BACKGROUND = "background"
_BINARY = 2


@dataclass(frozen=True, slots=True)
class Description:
    """Classes in id order, the threshold in the scores' own units (None for argmax or class ids), and the geometry."""

    classes: tuple[ClassSpec, ...]
    threshold: float | None
    geometry: Geometry


def from_card(path: Path, card: ModelCard, info: BackendInfo, names: Sequence[str] | None) -> Description:
    """Take everything from the card, after checking that it describes this file.

    Raises:
        ModelFileError: Card and file disagree on the input's size, the number of scores or the kind of output.
        UsageError: *names* are not as many as the card's classes.
    """
    found, told = image_hw(info.input), card.input_size_hw
    if found != told:
        raise _disagree(path, f"a {_text(told)} input (height x width)", f"the model takes {_text(found)}", card)
    kind = "labels" if info.output.layout == "NHW" else "logits"
    if kind != card.output:
        raise _disagree(path, f"{card.output} as output", f"the model gives {kind}", card)
    if kind == "logits" and channels(info.output) != card.score_channels:
        message = f"the model gives {channels(info.output)}"
        raise _disagree(path, f"{card.score_channels} scores per pixel", message, card)
    classes = card.classes
    if names is not None:
        if len(names) != len(classes):
            raise UsageError(
                f"{path}: {len(names)} class names given, but its card has {len(classes)} classes",
                hint="leave --classes out; the card names them",
            )
        classes = class_specs(list(names))
    activation = info.score_activation or card.score_activation
    threshold = None
    if kind == "logits" and card.threshold is not None:
        threshold = raw_threshold(card.threshold, activation, _quantization(info) or card.score_quantization)
    return Description(classes, threshold, card.geometry)


def from_names(path: Path, info: BackendInfo, names: Sequence[str] | None, activation: Activation) -> Description:
    """Describe a foreign model, which has no card.

    Args:
        path: Of the model, for messages.
        info: What the runtime found.
        names: Class names in id order; for one score channel two, or the foreground's alone.
        activation: What the scores went through. For one score channel it decides between the thresholds 0.5
            (a probability) and 0 (a logit).

    Raises:
        UsageError: *names* are missing, or not as many as the model has scores.
    """
    if not names:
        hint = "name its classes in the order of their ids: --classes background,person"
        raise UsageError(f"{path}: it has no model card, so its classes are unknown", hint=hint)
    if info.output.layout == "NHW":
        return Description(class_specs(list(names)), None, "stretch")
    scores = channels(info.output)
    if scores == 1:
        full = [_BACKGROUND, *names] if len(names) == 1 else list(names)
        if len(full) != _BINARY:
            raise _wrong_count(path, names, "1 score, so 2 classes")
        threshold = raw_threshold(0.5, info.score_activation or activation, _quantization(info))
        return Description(class_specs(full), threshold, "stretch")
    if len(names) != scores:
        raise _wrong_count(path, names, f"{scores} scores, so {scores} classes")
    return Description(class_specs(list(names)), None, "stretch")


def _quantization(info: BackendInfo) -> ScoreQuantization | None:
    scale, zero_point = info.output.scale, info.output.zero_point
    return None if scale is None or zero_point is None else ScoreQuantization(scale, zero_point)


def _wrong_count(path: Path, names: Sequence[str], expected: str) -> UsageError:
    return UsageError(
        f"{path}: {len(names)} class names given, but the model gives {expected}",
        hint="name every class in the order of the ids, background first",
    )


def _disagree(path: Path, told: str, found: str, card: ModelCard) -> ModelFileError:
    suffix = path.suffix.lstrip(".")
    formats = f" --formats {suffix}-{card.precision}" if suffix != "keras" else ""
    command = f"fcn-edge export runs/{card.name}{formats} --out build"
    return ModelFileError(
        f"{path.name}: its card describes {told}, but {found}",
        hint=f"the file was changed after export; export it again: {command}",
    )


def _text(size_hw: tuple[int, int]) -> str:
    return f"{size_hw[0]}x{size_hw[1]}"
