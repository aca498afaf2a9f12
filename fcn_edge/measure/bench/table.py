"""A benchmark as text that a person reads at a glance."""

from __future__ import annotations

from fcn_edge.measure.bench.result import BenchReport, ComparisonStats, VariantLatency
from fcn_edge.measure.columns import align
from fcn_edge.measure.wording import NONE, difference, interval, milliseconds, percent

# Share of pixels; two precisions of one model have more in common even on pictures they know nothing of.
_SAME_MODEL = 0.9
_MARK = {"reliable": "✓", "degraded": "!", "unreliable": "✗"}


def format_table(report: BenchReport) -> str:
    """Make the lines that ``bench`` prints, without the last newline."""
    parts = [
        _head(report),
        align(_times(report), left=(0, 1)),
        align(_ratios(report), left=(0, 4)),
        _reliability(report),
    ]
    return "\n\n".join(parts)


def _head(report: BenchReport) -> str:
    threads = sorted({variant.runtime.threads for variant in report.variants})
    count = " or ".join(map(str, threads)) + (" thread" if threads == [1] else " threads")
    rounds = len(report.variants[0].rounds)
    processes = f"{rounds} fresh process{'es' if rounds > 1 else ''}"
    again = "" if report.looks == 1 else f", extended {report.looks - 1} time{'s' if report.looks > 2 else ''}"  # noqa: PLR2004 - the plural begins at two extensions
    return (
        f"{report.env.board}, {count}, {report.inputs}\n"
        f"{processes}, {len(report.blocks)} blocks in {report.seconds:.0f} s{again}; milliseconds"
    )


def _times(report: BenchReport) -> list[list[str]]:
    rows = [["model", "runtime", "median", "p90", "p99", "min", "load", "first", "memory"]]
    for variant in report.variants:
        stats = variant.latency_ms
        figures = (stats.p50, stats.p90, stats.p99, stats.min, variant.init_ms, variant.first_inference_ms)
        rows.append([variant.name, _runtime(variant), *map(milliseconds, figures), _memory(variant)])
    return rows


def _ratios(report: BenchReport) -> list[list[str]]:
    confidence = f"{100 * report.control.confidence:.1f} % interval"
    rows = [[f"against {report.control.reference}", f"{report.control.clock} time", confidence, "same class", ""]]
    same = {entry.candidate: entry.pixel for entry in report.same_input}
    for comparison in report.comparisons:
        share = f"{percent(same[comparison.candidate])} %"
        words = difference(comparison.ratio, comparison.ci, control=report.control.ratio)
        rows.append([comparison.candidate, *_figures(comparison), share, words])
    return [*rows, ["itself, a second session", *_figures(report.control), "", "what a difference is worth here"]]


def _figures(comparison: ComparisonStats) -> tuple[str, str]:
    return f"{comparison.ratio:.3f}x", interval(comparison.ci)


def _strangers(report: BenchReport) -> list[str]:
    """Warn of what does not compute the same: whichever is faster, it is no replacement."""
    return [
        f"note: {same.candidate} gives only {percent(same.pixel)} % of the pixels the class that {same.reference} gives"
        for same in report.same_input
        if same.pixel < _SAME_MODEL
    ]


def _reliability(report: BenchReport) -> str:
    verdict = report.reliability.verdict
    lines = [*_strangers(report), f"{_MARK[verdict]} {verdict}"]
    for doubt in report.reliability.doubts:
        lines += [f"  {doubt.flag}: {doubt.detail}", f"    {doubt.hint}"]
    return "\n".join(lines)


def _runtime(variant: VariantLatency) -> str:
    runtime = variant.runtime
    device = "" if runtime.device == "cpu" else f" {runtime.device}"
    return f"{runtime.backend} {runtime.version}{device}"


def _memory(variant: VariantLatency) -> str:
    return NONE if variant.memory is None else f"{variant.memory.resident_mb:.0f} MB"
