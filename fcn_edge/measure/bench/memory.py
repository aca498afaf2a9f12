"""How much memory a model takes, in a fresh process that runs nothing else.

``python -m fcn_edge.measure.bench.memory PATH BACKEND THREADS`` writes one JSON object.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from fcn_edge.measure.bench.alone import arguments, ask, drawn_pixels, tell
from fcn_edge.measure.bench.result import MemoryStats
from fcn_edge.runtime.registry import open_backend

_STATUS = Path("/proc/self/status")
_KB = 1024
_MB = 1_000_000
# Runtimes put off some of their memory until the first calls.
_CALLS = 10


def measure_memory(path: Path, *, backend: str | None, threads: int) -> MemoryStats | None:
    """Measure what a model adds to a process.

    Args:
        path: A model file.
        backend: The runtime; None for the first that fits.
        threads: Of the runtime.

    Returns:
        None where the system does not tell (only Linux does), or the model could not be run alone.
    """
    answer = ask(__name__, path, backend=backend, threads=threads)
    if answer is None:
        return None
    return MemoryStats(resident_mb=answer["resident_mb"], peak_mb=answer["peak_mb"])


def resident_and_peak_mb(path: Path = _STATUS) -> tuple[float, float] | None:
    """Give the memory of this process that is in RAM, now and at most so far, in MB of 1,000,000 bytes.

    Args:
        path: Where the kernel tells.
    """
    try:
        found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", path.read_text(encoding="ascii"), re.MULTILINE))
    except (OSError, ValueError):
        return None
    if len(found) < 2:  # noqa: PLR2004 - now and at most
        return None
    return int(found["VmRSS"]) * _KB / _MB, int(found["VmHWM"]) * _KB / _MB


def _measure(path: Path, backend: str | None, threads: int) -> Mapping[str, float] | None:
    before = resident_and_peak_mb()
    opened = open_backend(path, backend=backend, threads=threads)
    pixels = drawn_pixels(opened.info.input)
    for _ in range(_CALLS):
        opened.infer(pixels)
    after = resident_and_peak_mb()
    if before is None or after is None:
        return None
    return {"resident_mb": round(max(0.0, after[0] - before[0]), 3), "peak_mb": round(after[1], 3)}


if __name__ == "__main__":
    tell(_measure(*arguments(sys.argv)[:3]))
