"""How a benchmark is made."""

from __future__ import annotations

from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class BenchConfig:
    """How to measure; the defaults are the protocol.

    Attributes:
        threads: Of each runtime, where a variant does not say its own.
        rounds: Fresh processes.
        blocks: Of all rounds together, when nothing else ends them.
        fewest_blocks: With fewer the figures are in doubt.
        min_seconds: Sampling goes on at least this long, over all rounds.
        time_budget_s: Sampling of all rounds and extensions together ends here, warm-up and loading not counted.
        extensions: How often the rounds may be run again when the figures do not decide; each look, the first too,
            then takes its share of the 5 % of error.
        burst: Calls of each session in a block.
        dropped: How many of them, at the beginning, do not count.
        warm_up_s: Shortest warm-up of each session in each round; it goes on until times have settled, 10 s at most.
        seed: Of the order within the blocks.
        inputs: Number of pictures.
        memory: Measure memory in a pass of its own.
        layers: Profile operations in a pass of its own.
        quiet: Show no progress.
    """

    threads: int = 1
    rounds: int = 5
    blocks: int = 100
    fewest_blocks: int = 64
    min_seconds: float = 10.0
    time_budget_s: float = 120.0
    extensions: int = 2
    burst: int = 5
    dropped: int = 2
    warm_up_s: float = 1.0
    seed: int = 0
    inputs: int = 8
    memory: bool = True
    layers: bool = True
    quiet: bool = True

    @property
    def kept(self) -> int:
        """Calls of a block that count."""
        return self.burst - self.dropped

    @property
    def confidence(self) -> float:
        """Of each interval, so that all looks together err in 5 % of cases at most (Bonferroni)."""
        return 1 - (1 - CONFIDENCE) / (self.extensions + 1)
