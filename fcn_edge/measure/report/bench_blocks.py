"""Parts of a benchmark's section: ratios, latency over time, the slowest operations."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from fcn_edge.measure.report.block import Bar, Bars, Table, Timeline, Trace
from fcn_edge.measure.wording import NONE, difference, interval, milliseconds, percent

_MOST_LAYERS = 8
_LONGEST_NAME = 72


def ratios_table(content: Mapping[str, Any]) -> Table:
    """List what each candidate takes against the reference, and what a difference is worth."""
    same = {entry["candidate"]: entry["pixel"] for entry in content["same_input"]}
    rows = [
        (entry["candidate"], *_figures(entry), percent(same.get(entry["candidate"])), difference_text(content, entry))
        for entry in content["comparisons"]
    ]
    control = content["control"]
    rows.append(("itself, a second session", *_figures(control), NONE, "what a difference is worth here"))
    confidence = f"{100 * control['confidence']:.1f} % interval"
    head = (f"against {control['reference']}", "ratio", confidence, "blocks", "same class %", "")
    return Table(head, tuple(rows), "lrrrrl", f"{_clock(control)} against the reference, median over pairs of bursts")


def ratio_text(entry: Mapping[str, Any]) -> str:
    """Write a ratio with its interval."""
    return f"{entry['ratio']:.3f}, {100 * entry['confidence']:.1f} % interval {interval(entry['ci'])}"


def control_text(content: Mapping[str, Any]) -> str:
    """Write the control's ratio and what it is for."""
    return f"{ratio_text(content['control'])}: what a difference is worth here"


def timeline(content: Mapping[str, Any]) -> Timeline | None:
    """Lay out each variant's block medians over time; None where samples and blocks do not match."""
    blocks, config = content["blocks"], content["config"]
    kept = config["burst"] - config["dropped"]
    variants = content["variants"]
    if not blocks or any(len(variant["samples_ms"]) != kept * len(blocks) for variant in variants):
        return None
    latency = tuple(Trace(v["name"], _medians(v["samples_ms"], kept)) for v in variants)
    panels: list[tuple[str, tuple[Trace, ...]]] = [("ms", latency)]
    for key, name, unit in (("temperature_c", "temperature", "°C"), ("clock_mhz", "clock", "MHz")):
        values = tuple(block.get(key) for block in blocks)
        if any(value is not None for value in values):
            panels.append((unit, (Trace(name, values),)))
    borders = tuple(after["at_s"] for before, after in pairwise(blocks) if after["round"] != before["round"])
    caption = "Latency over time: the median of each block; broken lines are fresh processes"
    return Timeline(caption, tuple(block["at_s"] for block in blocks), borders, tuple(panels))


def slowest(content: Mapping[str, Any]) -> list[Bars]:
    """Show the slowest operations of each variant that was profiled."""
    charts = []
    for variant in content["variants"]:
        layers = sorted(variant.get("layers") or (), key=lambda layer: -layer["ms"])
        if not layers or not layers[0]["ms"]:
            continue
        longest = layers[0]["ms"]
        groups = tuple(
            (
                f"{_shortened(layer['name'])} ({layer['op']})",
                (Bar(layer["ms"] / longest, f"{milliseconds(layer['ms'])} ms, {100 * layer['share']:.0f} %"),),
            )
            for layer in layers[:_MOST_LAYERS]
        )
        many = f" {len(groups)} of {len(layers)}" if len(layers) > len(groups) else ""
        caption = f"Slowest{many} operations of {variant['name']}, profiled in a pass of its own"
        charts.append(Bars(caption, (variant["name"],), groups))
    return charts


def _shortened(name: str) -> str:
    """Keep the end of a name, which tells the operation; converters put the whole path before it."""
    return name if len(name) <= _LONGEST_NAME else f"…{name[-_LONGEST_NAME:]}"


def _medians(samples: Sequence[float], kept: int) -> tuple[float, ...]:
    return tuple(statistics.median(samples[at : at + kept]) for at in range(0, len(samples), kept))


def _clock(entry: Mapping[str, Any]) -> str:
    return "Processor time" if entry.get("clock") == "processor" else "Time"


def _figures(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return f"{entry['ratio']:.3f}", interval(entry["ci"]), str(entry["pairs"])


def difference_text(content: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """Say what a comparison means beside what the control differs."""
    return difference(entry["ratio"], entry["ci"], control=content["control"]["ratio"])
