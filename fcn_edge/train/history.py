"""What happened in each epoch, and what a training gives back."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fcn_edge.atomic import write_report
from fcn_edge.train.validation import ValidationStats

FILE_NAME = "history.json"


@dataclass(frozen=True, slots=True)
class EpochStats:
    """One epoch: the loss while training, and what validation said after it.

    Attributes:
        epoch: From 1.
        loss: Mean over the epoch's batches.
        val_loss: Mean over the validation split.
        val_miou: At ``threshold``, scores brought to each mask's own size.
        val_pixel_accuracy: Likewise.
        val_per_class_iou: By class name; None for a class that does not occur.
        threshold: The best probability threshold; None for more than one score channel.
        learning_rate: At the epoch's end.
        seconds: Wall time of training and validation.
        val_scales: mIoU on validation with objects so many times as large, at the same threshold, by the factor.
    """

    epoch: int
    loss: float
    val_loss: float
    val_miou: float
    val_pixel_accuracy: float
    val_per_class_iou: Mapping[str, float | None]
    threshold: float | None
    learning_rate: float
    seconds: float
    val_scales: Mapping[str, float] = field(default_factory=dict)

    @property
    def deciding_miou(self) -> float:
        """The mean of all scales, by which the best epoch is chosen."""
        return statistics.fmean((self.val_miou, *self.val_scales.values()))


@dataclass(frozen=True, slots=True)
class TrainReport:
    """A finished training.

    Attributes:
        model_path: ``model.keras`` with the best epoch's weights and its card.
        out: The run folder.
        epochs: All epochs, resumed ones included.
        best: The one whose weights were kept.
        stopped_early: Whether patience ended it.
        train_images: Images of the training split.
        val_images: Images of the validation split.
    """

    model_path: Path
    out: Path
    epochs: tuple[EpochStats, ...]
    best: EpochStats
    stopped_early: bool
    train_images: int
    val_images: int


def epoch_stats(
    epoch: int,
    loss: float,
    stats: ValidationStats,
    *,
    class_names: Sequence[str],
    learning_rate: float,
    seconds: float,
    scaled: Mapping[str, float],
) -> EpochStats:
    """Put an epoch's figures together."""
    return EpochStats(
        epoch=epoch,
        loss=loss,
        val_loss=stats.loss,
        val_miou=stats.miou,
        val_pixel_accuracy=stats.accuracy.pixel_accuracy or 0.0,
        val_per_class_iou=dict(zip(class_names, stats.accuracy.per_class_iou, strict=True)),
        threshold=stats.threshold,
        learning_rate=learning_rate,
        seconds=seconds,
        val_scales=scaled,
    )


def best_epoch(epochs: Sequence[EpochStats]) -> EpochStats:
    """Give the epoch with the largest mIoU on validation, as the mean of all scales; the first of equals."""
    return max(epochs, key=lambda stats: stats.deciding_miou)


def write_history(folder: Path, epochs: Sequence[EpochStats], settings: Mapping[str, Any]) -> None:
    """Write ``history.json`` into *folder*, whole or not at all; *epochs* may be empty."""
    content = {
        "settings": dict(settings),
        "best_epoch": best_epoch(epochs).epoch if epochs else None,
        "epochs": [dataclasses.asdict(stats) for stats in epochs],
    }
    write_report(folder / FILE_NAME, "history", content)
