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

# These change no weight: a run may be resumed with others.
_FREE = frozenset({"out", "fresh", "name", "data_name", "licence", "credit", "limits", "command"})


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A training run; the defaults train the classic FCN on about 500 images in under half an hour on two cores.

    Attributes:
        data: The data folder, with splits ``train`` and ``val``.
        out: The run folder: model, history, curves, samples and the checkpoint for resuming.
        architecture: A key of :data:`fcn_edge.networks.ARCHITECTURES`.
        size_hw: Height and width of the model's input.
        options: The architecture's options, such as ``filters``; see its builder.
        geometry: How images become the input; the card carries it to every device.
        epochs: Passes over the training split.
        batch_size: Images a step.
        learning_rate: Adam's, after the warm-up; it falls to zero as a cosine.
        warmup_epochs: Epochs (or a part of one) over which the learning rate rises.
        loss: Cross-entropy, soft Dice, or their sum.
        class_weights: Weights of the cross-entropy by class: ``none``, ``auto`` (median frequency) or one a class.
        augment: What is varied from epoch to epoch.
        patience: Stop after so many epochs without a better mIoU on ``val``; 0 never stops early.
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
    architecture: str = "fcn"
    size_hw: tuple[int, int] = (128, 128)
    options: Mapping[str, Any] = field(default_factory=dict)
    geometry: Geometry = "stretch"
    epochs: int = 20
    batch_size: int = 4
    learning_rate: float = 1e-3
    warmup_epochs: float = 1.0
    loss: Loss = "ce+dice"
    class_weights: ClassWeights = "none"
    augment: AugmentConfig = field(default_factory=AugmentConfig)
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
        for what in ("epochs", "batch_size", "learning_rate"):
            if getattr(self, what) <= 0:
                raise UsageError(f"{what} is {getattr(self, what)}, expected above 0", hint=f"give another {what}")
        for what in ("warmup_epochs", "patience", "seed"):
            if getattr(self, what) < 0:
                raise UsageError(f"{what} is {getattr(self, what)}, expected 0 or more", hint=f"give another {what}")

    @property
    def model_name(self) -> str:
        """The NAME of ``NAME.PRECISION.FORMAT``."""
        return self.name or self.out.resolve().name


def settings(config: TrainConfig) -> dict[str, Any]:
    """Give what decides the weights, as JSON values: two runs with equal settings may be one run resumed."""
    values = dataclasses.asdict(config) | {"data": str(config.data.resolve())}
    kept: dict[str, Any] = json.loads(json.dumps({key: value for key, value in values.items() if key not in _FREE}))
    return kept


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{what} {value!r} is unknown", hint=f"use one of {', '.join(allowed)}")
