"""What a user may ask of ``tune``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn_edge.card import Activation
from fcn_edge.errors import UsageError
from fcn_edge.runtime.pixels import Preprocessing
from fcn_edge.runtime.registry import BACKENDS


@dataclass(frozen=True, slots=True)
class TuneConfig:
    """How to tune.

    Attributes:
        backends: Names of :data:`fcn_edge.runtime.registry.BACKENDS` to try; None for all that are here.
        threads: Numbers of threads to try; None for 1, 2, 4, … up to the processors that may be used.
        delegate: An external delegate to try besides, as ``PATH`` or ``PATH,key=value,…``.
        siblings: Of a file, try also those beside it that are the same model in another precision or format.
        images: Picture files and folders to answer; None draws some.
        data: A data folder whose pictures to answer.
        split: Of *data*.
        min_agreement: Share of pixels that must have the reference's class, 0 to 1.
        time_budget_s: Of the timing, about.
        seed: Of drawn pictures and the random order.
        remember: Keep the choice for this device.
        quiet: Show no progress.
        classes: Of a model without a card.
        preprocessing: Of a model without a card.
        activation: Of a model without a card.
    """

    backends: Sequence[str] | None = None
    threads: Sequence[int] | None = None
    delegate: str | None = None
    siblings: bool = False
    images: Sequence[Path] | None = None
    data: Path | None = None
    split: str = "val"
    min_agreement: float = 0.97
    time_budget_s: float = 60.0
    seed: int = 0
    remember: bool = True
    quiet: bool = True
    classes: Sequence[str] | None = None
    preprocessing: Preprocessing | None = None
    activation: Activation = "none"


def check(config: TuneConfig) -> None:
    """Refuse a wish that cannot be met, before time is spent.

    Raises:
        UsageError: A value is out of its range, or a backend is unknown.
    """
    unknown = [name for name in config.backends or () if name not in BACKENDS]
    if unknown:
        raise UsageError(f"backend {unknown[0]!r} is unknown", hint=f"use some of {', '.join(BACKENDS)}")
    if config.threads is not None and (not config.threads or min(config.threads) < 1):
        raise UsageError("threads: at least one number from 1 on was expected", hint="write --threads 1,2")
    if not 0 <= config.min_agreement <= 1:
        raise UsageError(
            f"an agreement of {config.min_agreement:g}: 0 to 1 was expected", hint="write --min-agreement 0.97"
        )
    if not config.time_budget_s > 0:
        raise UsageError(f"{config.time_budget_s:g} seconds leave no time", hint="write --time-budget 60")
    if config.images is not None and config.data is not None:
        raise UsageError("pictures from a folder and from a data folder", hint="give either --images or --data")
