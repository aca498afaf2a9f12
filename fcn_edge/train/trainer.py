"""Training: epochs of steps and validation, a checkpoint after each, the best weights as the result."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import TrainingError, UsageError
from fcn_edge.networks.layers import load_keras
from fcn_edge.networks.quantized import quantized_twin
from fcn_edge.progress import track
from fcn_edge.train.alone import writing_alone
from fcn_edge.train.checkpoint import FILE_NAME as CHECKPOINT_NAME
from fcn_edge.train.checkpoint import Checkpoint, assign, read_checkpoint, require_same_settings, write_checkpoint
from fcn_edge.train.config import TrainConfig, settings
from fcn_edge.train.data import TrainingData, open_data
from fcn_edge.train.feed import (
    TrainingStore,
    ValidationStore,
    pixel_weights,
    steps_per_epoch,
    training_batches,
    validation_stores,
)
from fcn_edge.train.history import EpochStats, TrainReport, best_epoch, epoch_stats, write_history
from fcn_edge.train.losses import LossFunction, balanced_weights, make_loss
from fcn_edge.train.optimizer import make_optimizer
from fcn_edge.train.pictures import draw_curves, draw_samples
from fcn_edge.train.result import FILE_NAME as MODEL_NAME
from fcn_edge.train.result import build_network, network_options, write_model
from fcn_edge.train.start import start_from, start_from_frequencies
from fcn_edge.train.step import Learner
from fcn_edge.train.teacher import Scores, load_teachers
from fcn_edge.train.validation import as_arrays, validate
from fcn_edge.train.workers import Workers, find_workers

SAMPLES = 6


@dataclass(slots=True)
class _Run:
    """A training under way."""

    config: TrainConfig
    class_names: tuple[str, ...]
    train: TrainingStore
    val: ValidationStore
    scaled: dict[str, ValidationStore]
    network: Any
    forward: Any
    optimizer: Any
    loss: LossFunction
    learner: Learner
    workers: Workers
    weights: NDArray[np.float64] | None
    epochs: list[EpochStats] = field(default_factory=list)
    best_weights: tuple[Any, ...] = ()

    @property
    def finished(self) -> bool:
        return len(self.epochs) >= self.config.epochs or self.stopped_early

    @property
    def stopped_early(self) -> bool:
        patience = self.config.patience
        return bool(patience and self.epochs and len(self.epochs) - best_epoch(self.epochs).epoch >= patience)


def train_model(
    config: TrainConfig, *, quiet: bool = False, on_epoch: Callable[[EpochStats], None] | None = None
) -> TrainReport:
    """Train a network on a data folder, or go on where the run folder's checkpoint stands.

    After each epoch the run folder holds ``history.json``, ``checkpoint.npz`` and ``model.keras`` with the best weights
    so far; at the end also ``curves.png`` and ``samples/``. A run that is stopped loses the epoch under way at most.
    Where ``TF_CONFIG`` names several workers they train together (:mod:`fcn_edge.train.workers`).

    Args:
        config: What is asked for.
        quiet: Show no progress.
        on_epoch: Called after each epoch of this call.

    Raises:
        UsageError: An option is out of range, the run folder holds a run with other settings or another training is
            writing there, or ``TF_CONFIG`` cannot be used.
        DatasetError: The data folder has faults; nothing was begun.
        MissingPackageError: TensorFlow is not installed.
        OutputError: The run folder cannot be written.
        TrainingError: The training diverged, or another worker is gone.
    """
    network_options(config)
    workers = find_workers()
    quiet = quiet or not workers.is_chief
    with writing_alone(config.out) if workers.is_chief else contextlib.nullcontext():
        run = _prepare(config, workers, quiet=quiet)
        while not run.finished:
            stats = _epoch(run, quiet=quiet)
            run.epochs.append(stats)
            _keep(run)
            if on_epoch is not None:
                on_epoch(stats)
        return _finish(run)


def _prepare(config: TrainConfig, workers: Workers, *, quiet: bool) -> _Run:
    if config.batch_size % workers.count:
        raise UsageError(
            f"a batch of {config.batch_size} cannot be shared among {workers.count} workers",
            hint=f"give --batch-size {workers.count * -(-config.batch_size // workers.count)}",
        )
    stored = None if config.fresh else read_checkpoint(config.out)
    if stored is not None:
        require_same_settings(config.out / CHECKPOINT_NAME, stored.state["settings"], settings(config))
    data = open_data((config.data, *config.more_data), quiet=quiet)
    load_keras().utils.set_random_seed(config.seed)
    network = build_network(config, data.class_names, logits=True)
    if config.start:
        start_from(network, config.start)
    else:
        start_from_frequencies(network, data.frequencies)
    optimizer = make_optimizer(config, network, steps_per_epoch(len(data.train), config.batch_size))
    loss = make_loss(config.loss, _class_weights(config, data))
    forward = quantized_twin(network) if config.int8 else network
    run = _Run(
        config,
        data.class_names,
        TrainingStore(data.train, config.size_hw),
        *validation_stores(data.val, config.size_hw, config.geometry, config.val_scales),
        network,
        forward,
        optimizer,
        loss,
        Learner(
            network,
            optimizer,
            loss,
            average=config.average,
            teacher=_teacher(config, data.class_names),
            teacher_share=config.teacher_share,
            workers=workers,
            forward=forward,
        ),
        workers,
        pixel_weights(data.train) if config.by_pixels else None,
    )
    if stored is not None:
        _resume(run, stored)
    elif workers.is_chief:
        # Before the first epoch, so that a folder that cannot be written is known now; and without the old checkpoint,
        # so that a run begun anew is not later resumed from it.
        write_history(config.out, (), settings(config))
        (config.out / CHECKPOINT_NAME).unlink(missing_ok=True)
    workers.require_same(len(run.epochs), "epochs")
    return run


def _teacher(config: TrainConfig, class_names: tuple[str, ...]) -> Scores | None:
    if not config.teacher:
        return None
    return load_teachers(config.teacher, class_names=class_names, size_hw=config.size_hw, geometry=config.geometry)


def _class_weights(config: TrainConfig, data: TrainingData) -> tuple[float, ...] | None:
    if config.class_weights == "none":
        return None
    if config.class_weights == "auto":
        return balanced_weights(data.frequencies)
    names = data.class_names
    if len(config.class_weights) != len(names) or min(config.class_weights) < 0:
        raise UsageError(
            f"class weights {config.class_weights} do not fit the {len(names)} classes {', '.join(names)}",
            hint="give one weight of 0 or more for each class in the order of classes.txt, the background's first",
        )
    return config.class_weights


def _resume(run: _Run, stored: Checkpoint) -> None:
    path = run.config.out / CHECKPOINT_NAME
    images = {"train": len(run.train), "val": len(run.val)}
    require_same_settings(path, {"images": stored.state.get("images", images)}, {"images": images})
    assign(run.network.variables, stored.variables, path)
    assign(run.optimizer.variables, stored.optimizer, path)
    run.learner.resume(stored.average)
    run.best_weights = stored.best
    run.epochs = [EpochStats(**stats) for stats in stored.state["epochs"]]


def _epoch(run: _Run, *, quiet: bool) -> EpochStats:
    config, epoch = run.config, len(run.epochs) + 1
    began = time.monotonic()
    batches = training_batches(
        run.train,
        config.size_hw,
        config.geometry,
        config.augment,
        batch_size=config.batch_size,
        seed=config.seed,
        epoch=epoch,
        part=(run.workers.index, run.workers.count),
        mask_scale=config.mask_scale,
        weights=run.weights,
    )
    losses = []
    steps = steps_per_epoch(len(run.train), config.batch_size)
    shown = track(batches, total=steps, description=f"epoch {epoch}/{config.epochs}", unit="step", quiet=quiet)
    for images, masks in shown:
        losses.append(run.learner.step(images, masks))
        _require_finite(config, epoch, losses[-1])
    loss = float(np.mean(losses)) if losses else math.nan
    with run.learner.averaged():
        score = functools.partial(
            validate,
            as_arrays(run.forward),
            classes=len(run.class_names),
            geometry=config.geometry,
            batch_size=config.batch_size,
            loss=run.loss,
        )
        stats = score(run.val)
        scaled = {name: score(store, threshold=stats.threshold).miou for name, store in run.scaled.items()}
    _require_finite(config, epoch, stats.loss)
    return epoch_stats(
        epoch,
        loss,
        stats,
        class_names=run.class_names,
        learning_rate=float(run.optimizer.learning_rate),
        seconds=time.monotonic() - began,
        scaled=scaled,
    )


def _require_finite(config: TrainConfig, epoch: int, loss: float) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"{config.out}: the loss is {loss} in epoch {epoch}: the training has diverged",
            hint=f"lower the learning rate: --learning-rate {config.learning_rate / 4:g}",
        )


def _keep(run: _Run) -> None:
    """Write everything of the epoch that has just ended; the checkpoint last, since it says that the rest is there."""
    config = run.config
    best = best_epoch(run.epochs)
    if best is run.epochs[-1]:
        run.best_weights = run.learner.average or tuple(run.network.get_weights())
    if not run.workers.is_chief:
        return
    if best is run.epochs[-1]:
        _write_best(run, best)
    write_history(config.out, run.epochs, settings(config))
    state = {
        "settings": settings(config),
        "images": {"train": len(run.train), "val": len(run.val)},
        "epochs": [dataclasses.asdict(stats) for stats in run.epochs],
    }
    variables = tuple(np.asarray(v) for v in run.network.variables)
    optimizer = tuple(np.asarray(v) for v in run.optimizer.variables)
    write_checkpoint(config.out, Checkpoint(state, variables, optimizer, run.best_weights, run.learner.average))


def _write_best(run: _Run, best: EpochStats) -> None:
    images = {"train_images": len(run.train), "val_images": len(run.val)}
    write_model(run.config, run.class_names, run.best_weights, best, **images)


def _finish(run: _Run) -> TrainReport:
    config, best = run.config, best_epoch(run.epochs)
    if run.workers.is_chief:
        _write_best(run, best)  # again: the card may say something else since the run was stopped, or had ended
        run.network.set_weights(run.best_weights)
        draw_curves(config.out / "curves.png", run.epochs, title=config.model_name)
        predict = as_arrays(run.forward)
        draw_samples(config.out / "samples", run.val, predict, best.threshold, config, run.class_names, count=SAMPLES)
    return TrainReport(
        model_path=config.out / MODEL_NAME,
        out=config.out,
        epochs=tuple(run.epochs),
        best=best,
        stopped_early=run.stopped_early and len(run.epochs) < config.epochs,
        train_images=len(run.train),
        val_images=len(run.val),
    )
