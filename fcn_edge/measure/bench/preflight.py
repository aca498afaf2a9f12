"""What can be said of the machine before anything is timed, so that nobody waits two minutes for it."""

from __future__ import annotations

from fcn_edge.machine.processor import usable_cpus
from fcn_edge.machine.reading import Reading
from fcn_edge.measure.bench.rounds import Plan

# Governors under which the clock does not follow the load.
_STEADY = ("performance", "powersave", "userspace")


def preflight(plan: Plan, reading: Reading) -> tuple[str, ...]:
    """Look at threads, processors and clock; give notes in plain words, none where all is well.

    Nothing is changed: how to hold a clock is said, not done.

    Args:
        plan: What will be timed.
        reading: The machine before it.
    """
    notes = []
    cpus = usable_cpus(allowed=plan.pin)
    threads = max(plan.threads(spec) for spec in plan.specs)
    if threads >= cpus > 1:
        notes.append(f"note: {threads} threads take all of {cpus:g} usable processors; fewer leave one for the rest")
    if plan.pin is not None:
        notes.append(f"note: everything stays on the fast processors: {', '.join(map(str, plan.pin))}")
    if reading.governor is not None and reading.governor not in _STEADY:
        command = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        notes.append(f"note: the clock follows the governor {reading.governor!r}; to hold it: {command}")
    return tuple(notes)
