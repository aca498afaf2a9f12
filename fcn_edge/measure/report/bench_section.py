"""The section of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fcn_edge.measure.report.bench_blocks import (
    control_text,
    difference_text,
    ratio_text,
    ratios_table,
    slowest,
    timeline,
)
from fcn_edge.measure.report.block import (
    Block,
    Distribution,
    Intervals,
    Note,
    Notes,
    Paragraph,
    Section,
    Span,
    Spread,
    Table,
    Tone,
    Verdict,
)
from fcn_edge.measure.report.environment_block import environment_facts
from fcn_edge.measure.report.machine_block import machine_table
from fcn_edge.measure.report.protocol_block import protocol_paragraphs
from fcn_edge.measure.report.result_file import ResultFile
from fcn_edge.measure.wording import NONE, as_sentence, interval, milliseconds, size

_TONE: dict[str, Tone] = {"reliable": "good", "degraded": "plain", "unreliable": "bad"}


def bench_section(result: ResultFile) -> Section:
    """Make the section; missing keys raise KeyError or TypeError."""
    content = result.content
    return Section("Latency", result.path.name, bench_verdicts(content), bench_blocks(content))


def bench_verdicts(content: Mapping[str, Any]) -> tuple[Verdict, ...]:
    """Say how far to trust the run, and what each candidate takes against the reference."""
    reliability, where = content["reliability"], circumstances(content)
    word, flags = reliability["verdict"], ", ".join(flag.replace("_", " ") for flag in reliability["flags"])
    text = f"Latency on {where}: the run is {word}{f' ({flags})' if flags else ''}."
    verdicts = [Verdict(text, _TONE[word])]
    verdicts += [Verdict(f"{_sentence(content, entry)}.") for entry in content["comparisons"]]
    if not content["comparisons"]:
        only = content["variants"][0]
        verdicts.append(Verdict(f"{only['name']}: median {_ms(only, 'p50')} ms of {only['latency_ms']['n']} calls."))
    return tuple(verdicts)


def bench_blocks(content: Mapping[str, Any], *, limit: float | None = None) -> tuple[Block, ...]:
    """Lay a benchmark out.

    Args:
        content: Of a result of kind ``bench``.
        limit: The ratio that the candidates are held against, drawn as a line.
    """
    blocks: list[Block] = []
    doubts = content["reliability"]["doubts"]
    if doubts:
        notes = tuple(
            Note(d["flag"].replace("_", " "), as_sentence(d["detail"]), as_sentence(d["hint"])) for d in doubts
        )
        blocks.append(Notes("What to doubt, and what to do about it", notes))
    blocks += [_times(content), _distribution(content), ratios_table(content), _intervals(content, limit)]
    over_time = timeline(content)
    if over_time is not None:
        blocks.append(over_time)
    blocks += slowest(content)
    blocks.append(_costs(content))
    blocks += [Paragraph(text) for text in protocol_paragraphs(content)]
    machine = machine_table(content)
    if machine is not None:
        blocks.append(machine)
    return (*blocks, environment_facts(content))


def circumstances(content: Mapping[str, Any]) -> str:
    """Name the board and the threads."""
    board = (content.get("env") or {}).get("board") or "an unnamed board"
    counts = sorted({variant["runtime"]["threads"] for variant in content["variants"]})
    return f"{board}, {' or '.join(map(str, counts))} thread{'' if counts == [1] else 's'}"


def _sentence(content: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    median = next(_ms(v, "p50") for v in content["variants"] if v["name"] == entry["candidate"])
    words = difference_text(content, entry)
    if words == "no difference shown":
        words += " against"
    elif entry["ci"] is None:
        words += "; against"
    else:
        words += " as" if "times" in words else " than"
    times = f"{entry['ratio']:.3f} of its time, interval {interval(entry['ci'])}"
    doubt = ", in doubt" if content["reliability"]["verdict"] == "unreliable" else ""
    figures = f"({times}); median {median} ms on {circumstances(content)}{doubt}"
    return f"{entry['candidate']}: {words} {entry['reference']} {figures}"


def _times(content: Mapping[str, Any]) -> Table:
    rows = tuple(
        (
            variant["name"],
            variant["model"]["precision"] or NONE,
            _runtime(variant["runtime"]),
            str(variant["runtime"]["threads"]),
            *(_ms(variant, key) for key in ("p50", "p90", "p95", "p99", "min", "mean")),
            str(variant["latency_ms"]["n"]),
            str(variant["latency_ms"].get("outliers", NONE)),
        )
        for variant in content["variants"]
    )
    head = (
        "model",
        "precision",
        "runtime",
        "threads",
        "median",
        "p90",
        "p95",
        "p99",
        "min",
        "mean",
        "calls",
        "outliers",
    )
    caption = f"Milliseconds of one call on {circumstances(content)}; a dash where too few calls tell"
    return Table(head, rows, "lllrrrrrrrrr", caption)


def _distribution(content: Mapping[str, Any]) -> Distribution:
    rows = tuple(
        Spread(
            variant["name"],
            tuple(variant["samples_ms"]),
            f"median {_ms(variant, 'p50')} ms, p90 {_ms(variant, 'p90')}, {variant['latency_ms']['n']} calls",
        )
        for variant in content["variants"]
    )
    return Distribution("Every call that counts; the box holds the middle half of them", "ms", rows)


def _intervals(content: Mapping[str, Any], limit: float | None) -> Intervals:
    rows = [_span(entry, entry["candidate"], ratio_text(entry), control=False) for entry in content["comparisons"]]
    rows.append(_span(content["control"], "itself, a second session", control_text(content), control=True))
    reference = content["control"]["reference"]
    held = "" if limit is None else f"; the broken line is the threshold {limit:g}"
    return Intervals(f"Time against {reference}, left of 1 is faster{held}", tuple(rows), limit)


def _span(entry: Mapping[str, Any], name: str, text: str, *, control: bool) -> Span:
    ends = None if entry["ci"] is None else (entry["ci"][0], entry["ci"][1])
    return Span(name, entry["ratio"], ends, text, control)


def _costs(content: Mapping[str, Any]) -> Table:
    rows = []
    for variant in content["variants"]:
        memory, model = variant.get("memory") or {}, variant["model"]
        rows.append(
            (
                variant["name"],
                size(model["bytes"]),
                "{}x{}".format(*model["input_size_hw"]),
                milliseconds(variant["init_ms"]),
                milliseconds(variant["first_inference_ms"]),
                _megabytes(memory.get("resident_mb")),
                _megabytes(memory.get("peak_mb")),
                variant["runtime"].get("delegate") or NONE,
                model["fingerprint"][:12],
            )
        )
    head = ("model", "file", "input", "load ms", "first call ms", "memory MB", "peak MB", "delegate", "fingerprint")
    caption = "Loading, the first call, memory (in a process of its own)"
    return Table(head, tuple(rows), "lrrrrrrll", caption, detail=True)


def _runtime(runtime: Mapping[str, Any]) -> str:
    device = "" if runtime["device"] == "cpu" else f" on {runtime['device']}"
    return f"{runtime['backend']} {runtime['version']}{device}"


def _megabytes(value: float | None) -> str:
    return NONE if value is None else f"{value:.1f}"


def _ms(variant: Mapping[str, Any], key: str) -> str:
    return milliseconds(variant["latency_ms"].get(key))
