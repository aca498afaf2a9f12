"""Keeping a measurement on one processor, the fastest there is."""

from __future__ import annotations

import os
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")


def pin_to_one() -> int | None:
    """Bind this thread, and every thread and process it starts from now on, to one processor.

    Threads that exist already stay where they are, so this comes first in a program. Which processor: of those allowed,
    the last of the fast ones, since interrupts mostly land on the first.

    Returns:
        Its number, None where the system has no such binding (macOS, Windows).
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    cpu = fastest(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpu})
    return cpu


def fastest(allowed: set[int], *, root: Path = _CPUS) -> int:
    """Choose a processor: the last of those with the largest ``cpu_capacity``, which mixed ARM processors tell.

    Args:
        allowed: Numbers of the processors to choose from.
        root: Where the kernel describes them.
    """
    return max(allowed, key=lambda cpu: (_capacity(root / f"cpu{cpu}" / "cpu_capacity"), cpu))


def _capacity(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        # Only kernels of ARM and RISC-V tell; elsewhere all are alike.
        return 0
