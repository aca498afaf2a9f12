"""Which processors a measurement may use, which of them are fast, and what they can do for inference."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from fcn_edge.machine.kernel import CPUS, ROOT, field, read_number, read_text
from fcn_edge.machine.quota import quota_cpus

# Instructions that multiply bytes and add four products at once. Without them int8 is hardly faster than float32, so a
# time says little without knowing of them.
INT8_DOT_PRODUCTS = ("avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm")

# What the kernels of the runtimes choose by, narrow sets first.
INFERENCE_SETS = (
    *("sse4_1", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx_vnni_int8"),
    *("avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"),
    *("neon", "vfpv4", "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme"),
)

# The cores of the boards and servers that people run models on; the kernel gives only numbers (implementer, part).
_ARM_CORES = {
    (0x41, 0xC07): "Cortex-A7",
    (0x41, 0xC0F): "Cortex-A15",
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD04): "Cortex-A35",
    (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD09): "Cortex-A73",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD0D): "Cortex-A77",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD41): "Cortex-A78",
    (0x41, 0xD42): "Cortex-A78AE",
    (0x41, 0xD44): "Cortex-X1",
    (0x41, 0xD46): "Cortex-A510",
    (0x41, 0xD47): "Cortex-A710",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x41, 0xD80): "Cortex-A520",
    (0x41, 0xD81): "Cortex-A720",
    (0x4E, 0x003): "Denver 2",
    (0x4E, 0x004): "Carmel",
}


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


def allowed_cpus() -> frozenset[int]:
    """Give the numbers of the processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def usable_cpus(root: Path = ROOT, *, allowed: Collection[int] | None = None) -> float:
    """Count the processors that this process can keep busy: those it may run on, or less where a quota is set.

    Args:
        root: Of the file system in which ``proc`` and ``sys`` lie.
        allowed: Numbers of the processors it may run on; None for what the system says.
    """
    count = len(allowed_cpus() if allowed is None else allowed)
    quota = quota_cpus(root)
    return float(count) if quota is None else min(float(count), quota)


def fastest(allowed: Collection[int], *, root: Path = ROOT) -> int:
    """Choose a processor: the last of those with the largest ``cpu_capacity``, which mixed ARM processors tell.

    Args:
        allowed: Numbers of the processors to choose from.
        root: Of the file system in which ``sys`` lies.
    """
    return max(allowed, key=lambda cpu: (_capacity(root, cpu), cpu))


def fast_cluster(allowed: Collection[int] | None = None, root: Path = ROOT) -> tuple[int, ...] | None:
    """Give the processors to stay on where some are slower than others: all with the largest ``cpu_capacity``.

    All of them rather than one, so that a runtime with several threads has where to run them.

    Args:
        allowed: Numbers of the processors to choose from; None for those this process may run on.
        root: Of the file system in which ``sys`` lies.

    Returns:
        Their numbers, rising; None where all are alike, or the system cannot bind a process to processors.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    cpus = allowed_cpus() if allowed is None else allowed
    capacities = {cpu: _capacity(root, cpu) for cpu in cpus}
    largest = max(capacities.values(), default=0)
    fast = tuple(sorted(cpu for cpu, capacity in capacities.items() if capacity == largest))
    return fast if len(fast) < len(capacities) else None


def int8_dot_products(*, root: Path = ROOT) -> tuple[str, ...] | None:
    """Name the instruction sets for int8 dot products that the processor has.

    Args:
        root: Of the file system in which ``proc`` lies.

    Returns:
        Some of :data:`INT8_DOT_PRODUCTS`; None where the system does not tell.
    """
    features = _features(root)
    return None if features is None else tuple(name for name in INT8_DOT_PRODUCTS if name in features)


def instruction_sets(root: Path = ROOT) -> tuple[str, ...]:
    """Name the sets of :data:`INFERENCE_SETS` that the processor has; none where the system does not tell."""
    features = _features(root) or ()
    return tuple(name for name in INFERENCE_SETS if name in features)


def cpu_name(root: Path = ROOT) -> str | None:
    """Name the processor: as it calls itself, or on ARM its cores, ``Cortex-A55 + Cortex-A76``; None: not told."""
    text = read_text(root / "proc/cpuinfo")
    # 32-bit ARM has a model name for each core, which says less than the core's own number.
    return _arm_cores(text) or field(text, ["model name", "hardware", "cpu model", "uarch"]) or None


def _arm_cores(text: str | None) -> str | None:
    found: list[str] = []
    implementer = 0
    for line in (text or "").splitlines():
        name, _, value = line.partition(":")
        try:
            if name.strip() == "CPU implementer":
                implementer = int(value, 16)
            elif name.strip() == "CPU part":
                part = int(value, 16)
                found.append(_ARM_CORES.get((implementer, part), f"ARM {implementer:#04x}/{part:#05x}"))
        except ValueError:
            continue
    return " + ".join(dict.fromkeys(found)) or None


def _features(root: Path) -> list[str] | None:
    # x86 calls them flags, ARM Features.
    listed = field(read_text(root / "proc/cpuinfo"), ["flags", "features"])
    return None if listed is None else listed.split()


def _capacity(root: Path, cpu: int) -> int:
    # Some kernels tell it on ARM and RISC-V only; where it is not told all are alike.
    return read_number(root / CPUS / f"cpu{cpu}" / "cpu_capacity") or 0
