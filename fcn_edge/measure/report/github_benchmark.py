"""Figures for github-action-benchmark: one list for its tool customSmallerIsBetter, one for customBiggerIsBetter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fcn_edge.measure.report.figure import Figure, find_figures
from fcn_edge.measure.report.result_file import ResultFile

_NAMES = {
    "latency": "latency p50",
    "latency-p90": "latency p90",
    "time-ratio": "time ratio",
    "load-time": "load time",
    "resident-memory": "resident memory",
    "miou": "mIoU",
    "iou": "IoU",
    "agreement": "agreement",
}
_DECIMALS = 6


def github_benchmark(results: Sequence[ResultFile]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Make the two lists of entries: smaller is better (times, ratios, memory), bigger is better (accuracy, in %)."""
    figures = find_figures(results)
    smaller = [_entry(figure) for figure in figures if not figure.bigger_is_better]
    return smaller, [_entry(figure) for figure in figures if figure.bigger_is_better]


def _entry(figure: Figure) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": f"{figure.subject}: {_NAMES[figure.measure]}",
        "unit": figure.unit,
        "value": round(figure.value, _DECIMALS),
    }
    if figure.ends is not None:
        reach = max(figure.ends[1] - figure.value, figure.value - figure.ends[0])
        # The action reads a number of two characters at least after the sign.
        entry["range"] = f"± {max(0.0, reach):.4f}"
    return {**entry, "extra": figure.extra}
