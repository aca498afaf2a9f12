"""Time by operation."""

from __future__ import annotations

from pathlib import Path

from fcn_edge.measure.bench.result import LayerTime


def profile_layers(path: Path, *, backend: str | None, threads: int) -> tuple[LayerTime, ...] | None:  # noqa: ARG001
    """Not yet."""
    return None
