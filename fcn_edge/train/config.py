"""What a training is asked for."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from fcn_edge.card import Geometry
from fcn_edge.errors import UsageError
from fcn_edge.networks import ARCHITECTURES
from fcn_edge.train.augment import AugmentConfig

Loss = Literal["ce", "dice", "ce+dice"]
ClassWeights = Literal["none", "auto"] | tuple[float, ...]

# Objects ten times as large, or ten times as small, are no longer what was learned.
_MOST_SCALED = 10
# These change no weight: a run may be resumed with others.
_FREE = frozenset({"out", "fresh", "name", "data_name", "licence", "credit", "limits", "command"})


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A training run; the defaults train the classic FCN on about 500 images in under half an hour on two cores.

    Attributes:
        data: The data folder, with splits ``train`` and ``val``.
        more_data: Further data folders with the same classes, whose splits are joined to those of *data*.
        out: The run folder: model, history, curves, samples and the checkpoint for resuming.
        architecture: A key of :data:`fcn_edge.networks.ARCHITECTURES`.
        size_hw: Height and width of the model's input.
        options: The architecture's options, such as ``filters``; see its builder.
        geometry: How images become the input; the card carries it to every device.
        epochs: Passes over the training split.
        batch_size: Images a step.
        learning_rate: Adam's, after the warm-up; it falls to zero as a cosine.
        warmup_epochs: Epochs (or a part of one) over which the learning rate rises.
        weight_decay: Share of each kernel that a step of learning rate 1 would take away: Loshchilov and Hutter,
            "Decoupled Weight Decay Regularization" (ICLR 2019). Biases and normalisations are left alone.
        average: Decay of the moving average of all weights that is validated and kept: 0.998 looks back over about
            500 steps. 0 keeps the weights as they are. In the first steps it looks back less.
        loss: Cross-entropy, soft Dice, or their sum.
        class_weights: Weights of the cross-entropy by class: ``none``, ``auto`` (median frequency) or one a class.
        start: A trained model of the same architecture and options whose weights the run begins with; empty for none.
        int8: Learn with the roundings of int8 (:mod:`fcn_edge.networks.quantized`), for a few epochs from *start*.
        teacher: Trained models of the same classes, the mean of whose scores is learned beside the masks.
        teacher_share: Of the loss, 0..1, what the teachers decide.
        mask_scale: The loss compares with masks of so many times the input's size, to which scores are resized as for
            scoring: outlines finer than a pixel of the input.
        by_pixels: Draw images as often as they have pixels, as the pooled IoU counts them; else each once an epoch.
        augment: What is varied from epoch to epoch.
        val_scales: Validate also with objects so many times as large or small, and keep the epoch that is best in the
            mean of all scales, 1 included: for cameras whose distance is not known. The card's figures are at 1.
        patience: Stop after so many epochs without a better mIoU on ``val``, in the mean of all scales; 0 never stops
            early.
        seed: Of weights, order and augmentation.
        fresh: Begin anew where the run folder holds a checkpoint; otherwise the run is resumed.
        name: The model's name; the run folder's by default.
        data_name: What the card says of the data; the data folder's name by default.
        licence: Of the data, for the card.
        credit: Whom users of the weights must name, for the card.
        limits: In plain words what the model is not made for, for the card.
        command: The command line, for the card.
    """

    data: Path
    out: Path
    more_data: tuple[Path, ...] = ()
    architecture: str = "fcn"
    size_hw: tuple[int, int] = (128, 128)
    options: Mapping[str, Any] = field(default_factory=dict)
    geometry: Geometry = "stretch"
    epochs: int = 20
    batch_size: int = 4
    learning_rate: float = 1e-3
    warmup_epochs: float = 1.0
    weight_decay: float = 0.0
    average: float = 0.0
    loss: Loss = "ce+dice"
    class_weights: ClassWeights = "none"
    start: str = ""
    int8: bool = False
    teacher: tuple[str, ...] = ()
    teacher_share: float = 0.5
    mask_scale: int = 1
    by_pixels: bool = False
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    val_scales: tuple[float, ...] = ()
    patience: int = 10
    seed: int = 0
    fresh: bool = False
    name: str = ""
    data_name: str = ""
    licence: str = ""
    credit: str = ""
    limits: str = ""
    command: str = ""

    def __post_init__(self) -> None:
        _one_of("architecture", self.architecture, tuple(ARCHITECTURES))
        _one_of("geometry", self.geometry, get_args(Geometry))
        _one_of("loss", self.loss, get_args(Loss))
        for what in ("epochs", "batch_size", "learning_rate", "mask_scale"):
            if getattr(self, what) <= 0:
                raise UsageError(f"{what} is {getattr(self, what)}, expected above 0", hint=f"give another {what}")
        for what in ("warmup_epochs", "patience", "seed", "weight_decay", "average"):
            if getattr(self, what) < 0:
                raise UsageError(f"{what} is {getattr(self, what)}, expected 0 or more", hint=f"give another {what}")

        if not all(1 / _MOST_SCALED <= scale <= _MOST_SCALED and scale != 1 for scale in self.val_scales):
            raise UsageError(
                f"val_scales are {self.val_scales}, expected from {1 / _MOST_SCALED:g} to {_MOST_SCALED}, and not 1",
                hint="give such as 0.7,1.4; 1 is always there",
            )
        if not 0 <= self.teacher_share <= 1:
            raise UsageError(f"teacher_share is {self.teacher_share}, expected 0 to 1", hint="give 0.5")
        if self.average >= 1:
            raise UsageError(f"average is {self.average}, expected below 1", hint="give 0.998, or 0 for none")

    @property
    def model_name(self) -> str:
        """The NAME of ``NAME.PRECISION.FORMAT``."""
        return self.name or self.out.resolve().name


def settings(config: TrainConfig) -> dict[str, Any]:
    """Give what decides the weights, as JSON values: two runs with equal settings may be one run resumed."""
    more = [str(path.resolve()) for path in config.more_data]
    values = dataclasses.asdict(config) | {"data": str(config.data.resolve()), "more_data": more}
    kept: dict[str, Any] = json.loads(json.dumps({key: value for key, value in values.items() if key not in _FREE}))
    return kept


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{what} {value!r} is unknown", hint=f"use one of {', '.join(allowed)}")
