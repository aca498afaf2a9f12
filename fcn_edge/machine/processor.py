"""Keeping a measurement on one processor, the fastest there is, and what that one can do for int8."""

from __future__ import annotations

import os
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_CPU_INFO = Path("/proc/cpuinfo")

# Instructions that multiply bytes and add four products at once. Without them int8 is hardly faster than float32, so a
# time says little without knowing of them.
INT8_DOT_PRODUCTS = ("avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm")


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


def int8_dot_products(*, path: Path = _CPU_INFO) -> tuple[str, ...] | None:
    """Name the instruction sets for int8 dot products that the processor has.

    Args:
        path: Where the kernel lists the processors' features.

    Returns:
        Some of :data:`INT8_DOT_PRODUCTS`; None where the system does not tell.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    # x86 calls them flags, ARM Features.
    listed = (line.partition(":")[2].split() for line in lines if line.lower().startswith(("flags", "features")))
    features = next(listed, None)
    return None if features is None else tuple(name for name in INT8_DOT_PRODUCTS if name in features)


def _capacity(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        # Only kernels of ARM and RISC-V tell; elsewhere all are alike.
        return 0
