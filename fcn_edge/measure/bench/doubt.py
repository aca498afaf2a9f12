"""How far a benchmark can be trusted: each reason for doubt with the figure it rests on and what to do about it.

Ratios of pairs bear much that absolute times do not, so most doubts only degrade a result. It is unreliable where the
ratios themselves are in question: the control is off, the board was slowed down, there are too few blocks, or the
noise is a good part of what is measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcn_edge.machine.reading import Reading
from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.measure.bench.intervals import LatencyStats
from fcn_edge.measure.bench.result import ComparisonStats, Doubt, Flag, Reliability, ReliabilityVerdict

# A gate's narrowest limit is 3 % (1.03); times that moved by more than that and a usual scatter say so.
DRIFT = 0.05
# Of the pairs of an early and a late block, in how many the same one is faster: more than noise does, which in a chance
# order gives a half; and never less than three standard deviations of what chance gives.
DRIFT_AGREEMENT = 0.8
DRIFT_SIGMAS = 3.0
# Fresh sessions of one file scatter by 0.4 %: beyond 1 % there is something else, if the interval agrees; beyond 2 %
# differences of that size cannot be told from none, whatever the interval says.
CONTROL_OFF = 0.01
CONTROL_FAR_OFF = 0.02
# Of the processor time that was wanted. A guest alone on its host has some 0.1 %.
STEAL = 0.02
# Share of time in which some task waited for a processor. One thread of ours on an idle machine gives 1 or 2 %.
PRESSURE = 0.10
# MAD / median; 5 % are a spread of 7 % where the noise is normal. A quiet machine has below 1 %.
NOISE = 0.05
INTENSE_NOISE = 0.20
# Calls far off are normal, timers and all; many of them that move the mean as well are not.
OUTLIERS = 0.05
MEAN_OFF = 0.02
# Between the fastest and the slowest process; how memory happens to lie gives a few per cent.
ROUNDS_APART = 0.10
# A desktop that does nothing has less.
IDLE_LOAD = 0.5
# Below, nobody waited in spite of the load: it is that of a larger machine around a container, or of the last run.
IDLE_PRESSURE = 0.05

_SEVERE: frozenset[Flag] = frozenset({"aa_control", "throttled", "undervoltage", "few_blocks"})
_ORDER: tuple[ReliabilityVerdict, ...] = ("reliable", "degraded", "unreliable")


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
        rounds_of_block: Number of each block's round, ``(blocks,)``, whole numbers.
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
    rounds_of_block: NDArray[np.int64]
    latency: Mapping[str, LatencyStats]
    steady: bool
    seconds: float


def judge(evidence: Evidence) -> Reliability:
    """Say how far to trust a benchmark, and why not further."""
    doubts = tuple(doubt for look in _LOOKS if (doubt := look(evidence)) is not None)
    flags = tuple(doubt.flag for doubt in doubts)
    return Reliability(verdict_of(flags, intense=noise(evidence) > INTENSE_NOISE), flags, doubts)


def verdict_of(flags: tuple[Flag, ...], *, intense: bool = False) -> ReliabilityVerdict:
    """Say it in one word: that of the gravest flag.

    Args:
        flags: Names of the doubts.
        intense: The noise is so large that ``noisy`` is as grave as the gravest.
    """
    grave = [2 if flag in _SEVERE or (flag == "noisy" and intense) else 1 for flag in flags]
    return _ORDER[max(grave, default=0)]


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


def _throttled(evidence: Evidence) -> Doubt | None:
    before, after = evidence.before, evidence.after
    events = (after.throttle_events or 0) - (before.throttle_events or 0)
    if before.throttled_now or after.throttled_now:
        when = "when it ended" if after.throttled_now else "when it began"
        detail = f"the machine was slowing itself down {when}{_heat(after)}"
    elif before.throttled_since_boot is False and after.throttled_since_boot:
        detail = f"the machine slowed itself down during the benchmark{_heat(after)}"
    elif before.throttle_events is not None and events > 0:
        detail = f"the processor was slowed down {_times(events)} during the benchmark{_heat(after)}"
    else:
        return None
    hint = "let it cool down, give it a heat sink or a fan and a stronger supply, and measure again"
    if after.power_mode is not None:
        hint += "; nvpmodel -p lists modes that it can keep up, sudo nvpmodel -m NUMBER chooses one"
    return Doubt("throttled", detail, hint)


def _undervoltage(evidence: Evidence) -> Doubt | None:
    before, after = evidence.before, evidence.after
    if before.undervoltage_now or after.undervoltage_now:
        detail = f"the supply was too weak when it {'ended' if after.undervoltage_now else 'began'}"
    elif before.undervoltage_since_boot is False and after.undervoltage_since_boot:
        detail = "the supply was too weak during the benchmark"
    else:
        return None
    return Doubt(
        "undervoltage", detail, "use the supply made for the board and a short, thick cable, and measure again"
    )


def _drift(evidence: Evidence) -> Doubt | None:
    moved = drift(evidence.block_medians_ms)
    # The same whether a time grows or shrinks by a factor.
    if abs(math.log1p(moved)) <= math.log1p(DRIFT):
        return None
    detail = f"{evidence.control.reference} took {abs(moved):.1%} {'longer' if moved > 0 else 'less'} at the end"
    if evidence.before.temperature_c is not None and evidence.after.temperature_c is not None:
        detail += (
            f"; the processor went from {evidence.before.temperature_c:.0f} to {evidence.after.temperature_c:.0f} °C"
        )
    return Doubt(
        "drift", detail, f"measure for longer with --time-budget, or on a machine that is warm; {_quieter(evidence)}"
    )


def _control(evidence: Evidence) -> Doubt | None:
    control = evidence.control
    off = abs(math.log(control.ratio))
    excluded = control.ci is not None and not control.ci[0] <= 1 <= control.ci[1]
    if off <= math.log1p(CONTROL_FAR_OFF) and not (excluded and off > math.log1p(CONTROL_OFF)):
        return None
    return Doubt(
        "aa_control",
        f"{control.reference} against itself gave {control.ratio:.3f}, and 1 was expected",
        f"differences of {abs(control.ratio - 1):.1%} mean nothing here; {_quieter(evidence)}",
    )


def _interference(evidence: Evidence) -> Doubt | None:
    stolen, pressure = _stolen(evidence), evidence.after.pressure_cpu or 0.0
    details = []
    if stolen > STEAL:
        details.append(f"the host gave {stolen:.1%} of the processor time to other guests")
    # With as many threads as processors our own wait for each other.
    if pressure > PRESSURE and evidence.threads < evidence.usable_cpus:
        details.append(f"some program waited for a processor in {pressure:.0%} of the last ten seconds")
    if not details:
        return None
    return Doubt("interference", "; ".join(details), "end other programs, or use a machine with fewer neighbours")


def _noisy(evidence: Evidence) -> Doubt | None:
    details = []
    if (largest := noise(evidence)) > NOISE:
        details.append(f"half of the calls of one model were more than {largest:.1%} off its median")
    for name, stats in evidence.latency.items():
        share, mean_off = stats.outliers / stats.n, abs(stats.mean / stats.p50 - 1)
        if share > OUTLIERS and mean_off > MEAN_OFF:
            details.append(
                f"{share:.1%} of the calls of {name} were far off, its mean is {mean_off:.1%} from its median"
            )
            break
    if (apart := _rounds_apart(evidence)) > ROUNDS_APART:
        details.append(f"{evidence.control.reference} differed by {apart:.1%} between processes")
    if not details:
        return None
    return Doubt("noisy", "; ".join(details), f"trust the ratios rather than the times; {_quieter(evidence)}")


def _busy(evidence: Evidence) -> Doubt | None:
    load, pressure = evidence.before.load_1m, evidence.before.pressure_cpu
    if load is None or load <= max(IDLE_LOAD, evidence.usable_cpus - evidence.threads):
        return None
    if pressure is not None and pressure < IDLE_PRESSURE:
        return None
    return Doubt(
        "busy",
        f"the load was {load:.1f} before the start, with {evidence.usable_cpus:g} usable {_processors(evidence)}",
        "end other programs, or wait a minute, and measure again",
    )


def _oversubscribed(evidence: Evidence) -> Doubt | None:
    # One thread on one processor too: the system, and whoever reads this over the network, run on the same one.
    if evidence.threads < evidence.usable_cpus:
        return None
    fewer = math.ceil(evidence.usable_cpus) - 1
    return Doubt(
        "oversubscribed",
        f"{evidence.threads} thread{'s' * (evidence.threads > 1)} on {evidence.usable_cpus:g} usable {_processors(evidence)}",
        f"use --threads {fewer}"
        if fewer
        else "use a machine, or a limit of the container, with two processors or more",
    )


def _not_steady(evidence: Evidence) -> Doubt | None:
    if evidence.steady:
        return None
    detail = "times had not settled after ten seconds of warm-up"
    return Doubt("not_steady", detail, f"measure again once the machine does nothing else; {_quieter(evidence)}")


def _few_blocks(evidence: Evidence) -> Doubt | None:
    count, fewest = len(evidence.block_medians_ms), evidence.config.fewest_blocks
    if count >= fewest:
        return None
    detail = f"{count} block{'s' * (count != 1)} in {evidence.seconds:.0f} s, but {fewest} or more were expected"
    # Half as much again, since blocks do not all take the same time.
    enough = math.ceil(1.5 * evidence.seconds * fewest / max(1, count))
    return Doubt(
        "few_blocks", detail, f"give it more time, about --time-budget {enough}, or compare fewer models at once"
    )


# In the order in which they are told: the gravest causes first.
_LOOKS: tuple[Callable[[Evidence], Doubt | None], ...] = (
    _throttled,
    _undervoltage,
    _drift,
    _control,
    _interference,
    _noisy,
    _busy,
    _oversubscribed,
    _not_steady,
    _few_blocks,
)


def _stolen(evidence: Evidence) -> float:
    """Give the share of the processor time wanted that the hypervisor gave to others, 0..1."""
    before, after = evidence.before, evidence.after
    if None in (before.steal_s, after.steal_s, before.busy_s, after.busy_s):
        return 0.0
    steal, busy = (after.steal_s or 0) - (before.steal_s or 0), (after.busy_s or 0) - (before.busy_s or 0)
    return steal / (steal + busy) if steal > 0 and busy >= 0 else 0.0


def _rounds_apart(evidence: Evidence) -> float:
    rounds = evidence.rounds_of_block
    medians = [float(np.median(evidence.block_medians_ms[rounds == number])) for number in np.unique(rounds)]
    return max(medians) / min(medians) - 1 if medians else 0.0


def _quieter(evidence: Evidence) -> str:
    governor = evidence.after.governor
    if governor in (None, "performance"):
        return "end other programs"
    return (
        f"end other programs, and fix the clock, which {governor} governs: "
        "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
    )


def _heat(reading: Reading) -> str:
    return "" if reading.temperature_c is None else f", at {reading.temperature_c:.0f} °C"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _processors(evidence: Evidence) -> str:
    return "processor" if evidence.usable_cpus == 1 else "processors"
