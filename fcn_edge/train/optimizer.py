"""The optimizer: AdamW under a cosine schedule with a warm-up."""

from __future__ import annotations

from typing import Any

from fcn_edge.networks.layers import load_keras
from fcn_edge.train.config import TrainConfig

_WARM_FROM = 1 / 20


def make_optimizer(config: TrainConfig, network: Any, steps: int) -> Any:  # noqa: ANN401 - Keras has no types
    """Make the optimizer of a run and build it for *network*.

    Args:
        config: The run.
        network: What it shall train.
        steps: Of an epoch.
    """
    optimizers = load_keras().optimizers
    schedule = _schedule(optimizers.schedules, config, steps)
    if not config.weight_decay:
        optimizer = optimizers.Adam(schedule)
    else:
        optimizer = optimizers.AdamW(schedule, weight_decay=config.weight_decay)
        kept = [variable for variable in network.trainable_variables if not variable.name.endswith("kernel")]
        optimizer.exclude_from_weight_decay(var_list=kept)
    optimizer.build(network.trainable_variables)
    return optimizer


def _schedule(schedules: Any, config: TrainConfig, steps: int) -> Any:  # noqa: ANN401 - Keras objects
    total = steps * config.epochs
    warmup = min(round(steps * config.warmup_epochs), total - 1)
    if not warmup:
        return schedules.CosineDecay(config.learning_rate, decay_steps=total)
    return schedules.CosineDecay(
        config.learning_rate * _WARM_FROM,
        decay_steps=total - warmup,
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
    )
