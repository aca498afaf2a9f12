"""How far a benchmark can be trusted: each reason for doubt with the figure it rests on and what to do about it.

Ratios of pairs bear much that absolute times do not, so most doubts only degrade a result. It is unreliable where the
ratios themselves are in question: the control is off, the board was slowed down, there are too few blocks, or the
noise is a good part of what is measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from fcn_edge.machine.reading import Reading
from fcn_edge.measure.bench.evidence import Evidence, drift, noise, rounds_apart, stolen
from fcn_edge.measure.bench.result import ComparisonStats, Doubt, Flag, Reliability, ReliabilityVerdict

__all__ = ["Evidence", "is_control_off", "judge", "verdict_of"]

# A gate's narrowest limit is 3 % (1.03); times that moved by more than that and a usual scatter say so.
DRIFT = 0.05
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
    detail = f"{evidence.control.reference} took {_percent(abs(moved))} {'longer' if moved > 0 else 'less'} at the end"
    if evidence.before.temperature_c is not None and evidence.after.temperature_c is not None:
        detail += (
            f"; the processor went from {evidence.before.temperature_c:.0f} to {evidence.after.temperature_c:.0f} °C"
        )
    return Doubt(
        "drift", detail, f"measure for longer with --time-budget, or on a machine that is warm; {_quieter(evidence)}"
    )


def is_control_off(control: ComparisonStats) -> bool:
    """Tell whether the reference differs from itself by more than fresh sessions of one file do."""
    off = abs(math.log(control.ratio))
    excluded = control.ci is not None and not control.ci[0] <= 1 <= control.ci[1]
    return off > math.log1p(CONTROL_FAR_OFF) or (excluded and off > math.log1p(CONTROL_OFF))


def _control(evidence: Evidence) -> Doubt | None:
    control = evidence.control
    if not is_control_off(control):
        return None
    return Doubt(
        "aa_control",
        f"{control.reference} against itself gave {control.ratio:.3f}, and 1 was expected",
        f"differences of {_percent(abs(control.ratio - 1))} mean nothing here; {_quieter(evidence)}",
    )


def _interference(evidence: Evidence) -> Doubt | None:
    steal, pressure = stolen(evidence), evidence.after.pressure_cpu or 0.0
    details = []
    if steal > STEAL:
        details.append(f"the host gave {_percent(steal)} of the processor time to other guests")
    # With as many threads as processors our own wait for each other.
    if pressure > PRESSURE and evidence.threads < evidence.usable_cpus:
        details.append(f"some program waited for a processor in {_percent(pressure)} of the last ten seconds")
    if not details:
        return None
    return Doubt("interference", "; ".join(details), "end other programs, or use a machine with fewer neighbours")


def _noisy(evidence: Evidence) -> Doubt | None:
    details = []
    if (largest := noise(evidence)) > NOISE:
        details.append(f"half of the calls of a model were more than {_percent(largest)} off its median")
    for name, stats in evidence.latency.items():
        share, off = stats.outliers / stats.n, abs(stats.mean / stats.p50 - 1)
        if share > OUTLIERS and off > MEAN_OFF:
            details.append(
                f"{_percent(share)} of the calls of {name} were far off and moved its mean by {_percent(off)}"
            )
            break
    if (apart := rounds_apart(evidence)) > ROUNDS_APART:
        details.append(f"{evidence.control.reference} differed by {_percent(apart)} between processes")
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
    threads = "1 thread" if evidence.threads == 1 else f"{evidence.threads} threads"
    return Doubt(
        "oversubscribed",
        f"{threads} on {evidence.usable_cpus:g} usable {_processors(evidence)}",
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


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _processors(evidence: Evidence) -> str:
    return "processor" if evidence.usable_cpus == 1 else "processors"
