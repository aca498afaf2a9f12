"""Pictures of a training: its curves, and predictions beside the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.atomic import replacing, write_bytes
from fcn_edge.card import class_specs
from fcn_edge.geometry import placement, restore_scores
from fcn_edge.image_file import read_image
from fcn_edge.optional import load
from fcn_edge.overlay import colorize
from fcn_edge.scoring import labels_from_scores, raw_threshold
from fcn_edge.train.config import TrainConfig
from fcn_edge.train.feed import ValidationStore
from fcn_edge.train.history import EpochStats, best_epoch

Pixels = NDArray[np.uint8]

PANEL_HEIGHT = 320
GAP = 8


def draw_curves(path: Path, epochs: Sequence[EpochStats], *, title: str) -> None:
    """Draw loss and IoU over the epochs as a PNG.

    Raises:
        MissingPackageError: matplotlib is not installed.
        OutputError: *path* cannot be written.
    """
    feature = {"feature": "drawing curves", "extra": "train"}
    figures = load("matplotlib.figure", **feature)
    ticker = load("matplotlib.ticker", **feature)
    # A Figure of its own, not pyplot: no window, no state that outlives the call.
    figure = figures.Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    numbers = [stats.epoch for stats in epochs]
    left.plot(numbers, [stats.loss for stats in epochs], marker=".", label="train")
    left.plot(numbers, [stats.val_loss for stats in epochs], marker=".", label="val")
    top = max(max(stats.loss, stats.val_loss) for stats in epochs)
    left.set(title=f"{title}: loss", ylabel="loss", ylim=(0, top * 1.05))
    right.plot(numbers, [stats.val_miou for stats in epochs], marker=".", color="black", linewidth=2, label="mean")
    for spec in class_specs(tuple(epochs[-1].val_per_class_iou)):
        # The background's own black is taken by the mean.
        color = [value / 255 for value in spec.color_rgb] if any(spec.color_rgb) else "grey"
        values = [_number(stats.val_per_class_iou[spec.name]) for stats in epochs]
        right.plot(numbers, values, marker=".", linewidth=1, color=color, label=spec.name)
    best = best_epoch(epochs)
    right.axvline(best.epoch, color="grey", linestyle=":", label=f"best: epoch {best.epoch}, mIoU {best.val_miou:.3f}")
    right.set(title=f"{title}: IoU on val", ylabel="IoU", ylim=(0, 1))
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        # Below the axes, where a legend of many classes hides no curve.
        axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)


def draw_samples(
    folder: Path,
    store: ValidationStore,
    predict: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    threshold: float | None,
    config: TrainConfig,
    class_names: tuple[str, ...],
    *,
    count: int,
) -> None:
    """Write image, truth and prediction side by side for samples spread over the validation split.

    Args:
        folder: Gets one PNG a sample, named after it.
        store: The validation samples.
        predict: Logits of a batch, see :func:`fcn_edge.train.validation.validate`.
        threshold: Probability for one score channel, else None.
        config: The run.
        class_names: In id order.
        count: How many samples at most.
    """
    classes = class_specs(class_names)
    raw = None if threshold is None else raw_threshold(threshold, "none")
    for index in np.unique(np.linspace(0, len(store) - 1, min(count, len(store))).round().astype(int)):
        sample = store.samples[index]
        fitted, truth = store[int(index)]
        place = placement((truth.shape[0], truth.shape[1]), config.size_hw, config.geometry)
        scores = predict(fitted[None].astype(np.float32))[0]
        labels = labels_from_scores(restore_scores(scores, place), raw)
        panels = [read_image(sample.image_path), colorize(truth, classes), colorize(labels, classes)]
        done, data = cv2.imencode(".png", _beside(panels))
        if done:
            write_bytes(folder / f"{sample.sample_id}.png", data.tobytes())


def _number(value: Any) -> float:  # noqa: ANN401 - a float or None
    return float("nan") if value is None else float(value)


def _beside(panels: Sequence[Pixels]) -> Pixels:
    scale = PANEL_HEIGHT / panels[0].shape[0]
    size_wh = (max(1, round(panels[0].shape[1] * scale)), PANEL_HEIGHT)
    row = []
    for index, panel in enumerate(panels):
        interpolation = cv2.INTER_AREA if index == 0 and scale < 1 else cv2.INTER_NEAREST_EXACT
        row += [cv2.resize(panel, size_wh, interpolation=interpolation), np.full((PANEL_HEIGHT, GAP, 3), 255, np.uint8)]
    return np.asarray(np.hstack(row[:-1]), np.uint8)
