"""Latency: models timed against each other so that a noisy machine cannot decide."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fcn_edge.measure.bench.config import BenchConfig
    from fcn_edge.measure.bench.result import BenchReport
    from fcn_edge.measure.bench.run import bench

__all__ = ["BenchConfig", "BenchReport", "bench"]

_HOME = {
    "BenchConfig": "config",
    "BenchReport": "result",
    "bench": "run",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562: a module attribute may be of any type
    # On first use, because a round's process imports this package and is to start quickly.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
