"""Figures in Bencher's metric format: benchmark, measure, value with its ends."""

from __future__ import annotations

from collections.abc import Sequence

from fcn_edge.measure.report.figure import Figure, find_figures
from fcn_edge.measure.report.result_file import ResultFile

# Bencher's own measure latency is in nanoseconds; the other times are too, so that one page shows them alike.
_SCALE = {"ms": 1e6, "MB": 1e6, "ratio": 1.0, "%": 1.0}
_DECIMALS = 6
_LONGEST_NAME = 1024


def bencher_metrics(results: Sequence[ResultFile]) -> dict[str, dict[str, dict[str, float]]]:
    """Make the JSON: times in nanoseconds, memory in bytes, ratios as they are, accuracy in percent."""
    metrics: dict[str, dict[str, dict[str, float]]] = {}
    for figure in find_figures(results):
        metrics.setdefault(figure.subject[:_LONGEST_NAME], {})[figure.measure] = _metric(figure)
    return metrics


def _metric(figure: Figure) -> dict[str, float]:
    scale = _SCALE[figure.unit]
    metric = {"value": round(scale * figure.value, _DECIMALS)}
    if figure.ends is not None:
        metric["lower_value"], metric["upper_value"] = (round(scale * end, _DECIMALS) for end in figure.ends)
    return metric
