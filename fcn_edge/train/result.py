"""The result of a training as a file: ``model.keras`` with the best weights and the card inside."""

from __future__ import annotations

import importlib.metadata
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fcn_edge
from fcn_edge.atomic import replacing
from fcn_edge.card import ModelCard, TrainingSpec, class_specs
from fcn_edge.errors import UsageError
from fcn_edge.metrics import AccuracyStats, metric_specs
from fcn_edge.model_file import write_card
from fcn_edge.networks import ARCHITECTURES
from fcn_edge.train.config import TrainConfig
from fcn_edge.train.history import EpochStats
from fcn_edge.train.portable import make_portable

FILE_NAME = "model.keras"
_FIXED_BY_TRAINING = frozenset({"input_shape", "classes", "rescale", "logits"})


def score_channels(class_names: Sequence[str]) -> int:
    """Tell K for a data folder's classes: background and one more share one channel."""
    return 1 if len(class_names) == 2 else len(class_names)  # noqa: PLR2004 - background and one foreground


def build_network(config: TrainConfig, class_names: Sequence[str], *, logits: bool) -> Any:  # noqa: ANN401 - keras.Model
    """Build the network of *config* for raw pixels (0..255)."""
    builder = ARCHITECTURES[config.architecture]
    shape = (*config.size_hw, 3)
    options = network_options(config)
    return builder(shape, classes=score_channels(class_names), rescale=True, logits=logits, **options)


def network_options(config: TrainConfig) -> dict[str, Any]:
    """Give all options of the architecture, defaults included.

    Raises:
        UsageError: The architecture has no such option.
    """
    parameters = inspect.signature(ARCHITECTURES[config.architecture]).parameters.values()
    known = {p.name: p.default for p in parameters if p.name not in _FIXED_BY_TRAINING}
    unknown = sorted(set(config.options) - set(known))
    if unknown:
        raise UsageError(
            f"{config.architecture} has no option {', '.join(unknown)}", hint=f"its options: {', '.join(known)}"
        )
    if "initializer" in known:
        # With the reference's Glorot initialisation the signal fades through the ReLUs, and the first epochs are lost:
        # after one epoch on the nuclei pack an IoU of 0.11 instead of 0.52.
        known["initializer"] = "he_normal"
    return known | dict(config.options)


def write_model(
    config: TrainConfig,
    class_names: tuple[str, ...],
    weights: Sequence[Any],
    best: EpochStats,
    *,
    train_images: int,
    val_images: int,
) -> Path:
    """Write ``model.keras`` into the run folder, whole or not at all.

    It is a functional model without optimizer state: ``(N, H, W, 3)`` float32 RGB 0..255 to probabilities.

    Args:
        config: The run.
        class_names: In id order.
        weights: As ``model.get_weights()`` of the logits network gave them.
        best: The epoch they are of.
        train_images: Images of the training split.
        val_images: Images of the validation split.
    """
    model = build_network(config, class_names, logits=False)
    model.set_weights(weights)
    path = config.out / FILE_NAME
    card = make_card(config, class_names, best, train_images=train_images, val_images=val_images)
    with replacing(path) as temporary:
        model.save(temporary, include_optimizer=False)
        make_portable(temporary)
        write_card(temporary, card)
    return path


def make_card(
    config: TrainConfig, class_names: tuple[str, ...], best: EpochStats, *, train_images: int, val_images: int
) -> ModelCard:
    """Describe the best epoch's model."""
    stats = AccuracyStats(tuple(best.val_per_class_iou.values()), best.val_miou, best.val_pixel_accuracy)
    return ModelCard(
        name=config.model_name,
        architecture=config.architecture,
        classes=class_specs(class_names),
        input_size_hw=config.size_hw,
        geometry=config.geometry,
        score_activation="sigmoid" if score_channels(class_names) == 1 else "softmax",
        threshold=best.threshold,
        training=TrainingSpec(
            data=config.data_name or config.data.resolve().name,
            licence=config.licence,
            credit=config.credit,
            images=train_images,
            seed=config.seed,
            command=config.command,
        ),
        metrics=metric_specs(stats, tuple(best.val_per_class_iou), split="val", images=val_images),
        tools={"fcn-edge": fcn_edge.__version__}
        | {package: importlib.metadata.version(package) for package in ("keras", "tensorflow")},
        options=network_options(config),
        limits=config.limits,
    )
