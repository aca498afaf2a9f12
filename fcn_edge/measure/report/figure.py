"""Figures of results as services that track them over time want them: a name, a value, how far it scatters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fcn_edge.measure.report.part import Part, find_parts, label, runtime_text
from fcn_edge.measure.report.result_file import ResultFile

Measure = Literal["latency", "latency-p90", "time-ratio", "load-time", "resident-memory", "miou", "iou", "agreement"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        subject: What was measured and where, the same from commit to commit; another board or runtime is another
            subject, so that nobody compares their times.
        measure: What of it.
        value: In *unit*.
        unit: ``ms``, ``ratio``, ``MB`` or ``%``.
        ends: Where it may lie, or what it scatters; None where unknown.
        extra: The circumstances.
    """

    subject: str
    measure: Measure
    value: float
    unit: Literal["ms", "ratio", "MB", "%"]
    ends: tuple[float, float] | None
    extra: str

    @property
    def bigger_is_better(self) -> bool:
        """Whether it is an accuracy."""
        return self.unit == "%"


def find_figures(results: Sequence[ResultFile]) -> tuple[Figure, ...]:
    """Find all figures of benchmarks and comparisons; a subject and measure occur once, the first time they are met."""
    found: dict[tuple[str, str], Figure] = {}
    for part in find_parts(results, "bench"):
        for figure in _of_bench(part):
            found.setdefault((figure.subject, figure.measure), figure)
    for part in find_parts(results, "compare"):
        for figure in _of_compare(part):
            found.setdefault((figure.subject, figure.measure), figure)
    return tuple(found.values())


def _of_bench(part: Part) -> Iterator[Figure]:
    content = part.content
    labels = {variant["name"]: f"{label(variant)}, {runtime_text(variant)}" for variant in content["variants"]}
    for variant in content["variants"]:
        latency = variant["latency_ms"]
        subject, extra = f"{label(variant)} on {part.board}, {runtime_text(variant)}", _circumstances(part, variant)
        spread = (latency["p50"] - latency["mad"], latency["p50"] + latency["mad"]) if "mad" in latency else None
        yield Figure(subject, "latency", latency["p50"], "ms", spread, extra)
        if latency["p90"] is not None:
            yield Figure(subject, "latency-p90", latency["p90"], "ms", None, extra)
        yield Figure(subject, "load-time", variant["init_ms"], "ms", None, extra)
        memory = variant.get("memory")
        if memory:
            yield Figure(subject, "resident-memory", memory["resident_mb"], "MB", None, extra)
    machine = (content.get("env") or {}).get("machine") or "unknown architecture"
    for entry in content["comparisons"]:
        subject = f"{labels[entry['candidate']]}, against {labels[entry['reference']]}, {machine}"
        ends = None if entry["ci"] is None else (entry["ci"][0], entry["ci"][1])
        extra = (
            f"{entry['pairs']} pairs, interval of {100 * entry['confidence']:.1f} %\n{_trust(content)}\n{part.board}"
        )
        yield Figure(subject, "time-ratio", entry["ratio"], "ratio", ends, extra)


def _of_compare(part: Part) -> Iterator[Figure]:
    content = part.content
    data = f"{content['data']}, split {content['split']}"
    for variant in content["variants"]:
        subject, extra = f"{variant['name']} on {data}", f"{variant['images']} images with masks\n{part.board}"
        if variant["miou"] is not None:
            yield _share(subject, "miou", variant["miou"], variant.get("miou_ci"), extra)
        intervals = variant.get("per_class_iou_ci") or {}
        for name, value in variant["per_class_iou"].items():
            if value is not None:
                yield _share(f"{subject}, {name}", "iou", value, intervals.get(name), extra)
    for entry in content["agreement"]:
        subject, extra = f"{entry['candidate']} against {entry['reference']} on {data}", f"{entry['images']} images"
        yield _share(subject, "agreement", entry["pixel"], entry.get("pixel_ci"), extra)


def _share(subject: str, measure: Measure, value: float, ends: Sequence[float] | None, extra: str) -> Figure:
    scaled = None if ends is None else (100 * ends[0], 100 * ends[1])
    return Figure(subject, measure, 100 * value, "%", scaled, extra)


def _circumstances(part: Part, variant: Mapping[str, Any]) -> str:
    runtime = variant["runtime"]
    lines = [f"{variant['latency_ms']['n']} calls, {runtime['backend']} {runtime['version']}", _trust(part.content)]
    return "\n".join([*lines, f"fingerprint {variant['model']['fingerprint'][:12]}"])


def _trust(content: Mapping[str, Any]) -> str:
    reliability = content["reliability"]
    return ", ".join([f"run {reliability['verdict']}", *reliability["flags"]])
