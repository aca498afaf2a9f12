"""What a gate asks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fcn_edge.card import Activation
from fcn_edge.errors import UsageError
from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.runtime.pixels import Preprocessing

DEFAULT_THRESHOLD = 1.10
# Fresh sessions of one file alone scatter by half a per cent; below this a gate would cry wolf.
LEAST_THRESHOLD = 1.03
MIOU_KEPT = 0.99
CLASS_DROP = 3.0
AGREEMENT = 0.97


@dataclass(frozen=True, slots=True)
class GateConfig:
    """The limits, and how to measure; the defaults suit shared runners.

    Attributes:
        threshold: Largest ratio of times that passes, at least 1.03; on a board of one's own 1.05 is enough.
        strict: Let nothing pass that could not be decided, and no figure from an unreliable run.
        budget_ms: Largest median time of the head in milliseconds; None asks nothing of it, or what the baseline says.
        board: The board that *budget_ms* is meant for, by the name it gives itself (``env.board`` of a result).
        miou_kept: Smallest share of the reference's mIoU, 0..1.
        class_drop: Most points of IoU (0..100) that a class may lose.
        agreement: Smallest share of pixels with the reference's class, 0..1.
        bench: How to time. Memory and layers are left out: no check asks for them.
        images: Picture files and folders to time on; None draws scenes.
        split: Of the data folder, for accuracy.
        limit: Use only its first images.
        pictures: Folder for difference pictures of the worst images; None writes none.
        preprocessing: For models without a card.
        activation: For models without a card.
        state: A file that keeps finished rounds, and beside it one for the second measurement; see :meth:`states`.
        resume: Go on with the rounds in it.
        quiet: Show no progress.
    """

    threshold: float = DEFAULT_THRESHOLD
    strict: bool = False
    budget_ms: float | None = None
    board: str | None = None
    miou_kept: float = MIOU_KEPT
    class_drop: float = CLASS_DROP
    agreement: float = AGREEMENT
    bench: BenchConfig = field(default_factory=lambda: BenchConfig(memory=False, layers=False))
    images: Sequence[Path] | None = None
    split: str = "val"
    limit: int | None = None
    pictures: Path | None = None
    preprocessing: Preprocessing | None = None
    activation: Activation = "none"
    state: Path | None = None
    resume: bool = False
    quiet: bool = True

    def states(self) -> tuple[Path | None, Path | None]:
        """Name the files that keep the rounds of the first and of the second measurement."""
        return self.state, None if self.state is None else self.state.with_name(f"{self.state.name}.again")


def check_config(config: GateConfig) -> None:
    """Refuse limits that cannot be meant.

    Raises:
        UsageError: It names the value and what is allowed.
    """
    if not (math.isfinite(config.threshold) and config.threshold >= LEAST_THRESHOLD):
        raise UsageError(
            f"a threshold of {config.threshold:g}: at least {LEAST_THRESHOLD} was expected",
            hint="no machine tells smaller differences every time; use 1.10 on shared runners, 1.05 on your own board",
        )
    if config.budget_ms is not None and not (math.isfinite(config.budget_ms) and config.budget_ms > 0):
        raise UsageError(f"a budget of {config.budget_ms:g} ms: more than 0 was expected", hint="write --budget-ms 25")
    for name, share in (("--miou-kept", config.miou_kept), ("--agreement", config.agreement)):
        if not 0 <= share <= 1:
            raise UsageError(f"{name} {share:g}: a share from 0 to 1 was expected", hint=f"write {name} 0.98")
    if not config.class_drop >= 0:
        raise UsageError(
            f"--class-drop {config.class_drop:g}: points from 0 to 100 were expected", hint="write --class-drop 3"
        )
    if config.limit is not None and config.limit < 1:
        raise UsageError(f"a limit of {config.limit} leaves no image", hint="use at least 1")
