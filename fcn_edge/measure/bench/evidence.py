"""What was seen of a benchmark, and the figures that doubts rest on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcn_edge.machine.reading import Reading
from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.measure.bench.result import ComparisonStats
from fcn_edge.timing.intervals import LatencyStats

# Of the pairs of an early and a late block, in how many the same one is faster: more than noise does, which in a chance
# order gives a half; and never less than three standard deviations of what chance gives.
DRIFT_AGREEMENT = 0.8
DRIFT_SIGMAS = 3.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of a benchmark.

    Attributes:
        config: How it was to be made.
        before: The machine before the first round.
        after: The machine after the last.
        usable_cpus: Processors the benchmark could keep busy: those it may run on, or a quota.
        threads: Of the variant with the most.
        control: The reference against a second session of itself.
        block_medians_ms: Of the reference, ``(blocks,)``, above 0, in the order of time.
        round_medians_ms: Of the reference's calls in each process, ``(rounds,)``, above 0; those that the result tells.
        latency: Of each variant's single calls.
        steady: All warm-ups ended with settled times.
        seconds: How long the sampling took.
    """

    config: BenchConfig
    before: Reading
    after: Reading
    usable_cpus: float
    threads: int
    control: ComparisonStats
    block_medians_ms: NDArray[np.float64]
    round_medians_ms: NDArray[np.float64]
    latency: Mapping[str, LatencyStats]
    steady: bool
    seconds: float


def noise(evidence: Evidence) -> float:
    """Give the largest MAD / median of a variant."""
    return max((stats.mad / stats.p50 for stats in evidence.latency.values()), default=0.0)


def drift(block_medians_ms: NDArray[np.float64]) -> float:
    """Tell by how much times moved from the first to the last third: 0.1 for a tenth slower; 0 where it may be chance.

    Args:
        block_medians_ms: ``(blocks,)``, above 0, in the order of time.
    """
    third = len(block_medians_ms) // 3
    if not third:
        return 0.0
    early, late = block_medians_ms[:third], block_medians_ms[-third:]
    # The Mann-Whitney statistic as a share, ties counted half, and its deviation where there is no difference.
    slower = float(np.mean(np.sign(late[:, np.newaxis] - early)))
    agreement = (1 + abs(slower)) / 2
    chance = math.sqrt((2 * third + 1) / (12 * third**2))
    if agreement < max(DRIFT_AGREEMENT, 0.5 + DRIFT_SIGMAS * chance):
        return 0.0
    return float(np.median(late) / np.median(early)) - 1


def stolen(evidence: Evidence) -> float:
    """Give the share of the processor time wanted that the hypervisor gave to others, 0..1."""
    before, after = evidence.before, evidence.after
    if None in (before.steal_s, after.steal_s, before.busy_s, after.busy_s):
        return 0.0
    steal, busy = (after.steal_s or 0) - (before.steal_s or 0), (after.busy_s or 0) - (before.busy_s or 0)
    return steal / (steal + busy) if steal > 0 and busy >= 0 else 0.0


def rounds_apart(evidence: Evidence) -> float:
    """Tell how much longer the reference took in the slowest process than in the fastest: 0.1 for a tenth."""
    medians = evidence.round_medians_ms
    return float(medians.max() / medians.min()) - 1 if len(medians) else 0.0
