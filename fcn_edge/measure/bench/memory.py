"""How much memory a model takes, in a fresh process that runs nothing else.

``python -m fcn_edge.measure.bench.memory PATH BACKEND THREADS`` writes one JSON object.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from fcn_edge.machine.memory import resident_and_peak_mb
from fcn_edge.measure.bench.alone import arguments, ask, drawn_pixels, tell
from fcn_edge.measure.bench.result import MemoryStats
from fcn_edge.runtime.registry import open_backend

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
