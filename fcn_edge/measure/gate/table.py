"""A gate as text that a person reads at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fcn_edge.measure.columns import align
from fcn_edge.measure.gate.accuracy import CLASS_PREFIX
from fcn_edge.measure.gate.result import Check, GateReport
from fcn_edge.measure.gate.rule import why_undecided
from fcn_edge.measure.wording import NONE, quantity, quantity_interval

_MARK = {"pass": "✓", "fail": "✗", "inconclusive": "?", "incomparable": "?"}
_AT_LEAST = ("miou_kept", "agreement")
# Of the classes that pass; more would hide what matters.
_MOST_CLASSES = 6


def format_table(report: GateReport) -> str:
    """Make the lines that ``gate`` prints, without the last newline."""
    shown, left_out = _shown(report.checks)
    table = align([["check", "verdict", "found", "limit", "interval"], *map(_row, shown)], left=(0, 1))
    if left_out:
        table += f"\n{left_out}"
    parts = [_head(report), table, *_explained(shown), *_doubts(report), _last_line(report)]
    return "\n\n".join(parts)


def _head(report: GateReport) -> str:
    against = report.base or report.reference
    models = Path(report.head.path).name if against is None else _pair(report.head.path, against.path)
    baseline = f", baseline {report.baseline}" if report.baseline else ""
    return f"{models}{baseline}{_runtimes(report)}\n{report.env.board}; {report.mode} gate, {report.seconds:.0f} s"


def _runtimes(report: GateReport) -> str:
    """Name the runtimes where they differ."""
    variants = () if report.bench is None else report.bench.variants
    if len({variant.runtime for variant in variants}) <= 1:
        return ""
    found = (f"{v.name} in {v.runtime.backend} {v.runtime.version}, {_threads(v.runtime.threads)}" for v in variants)
    return f"\n{'; '.join(found)}"


def _threads(count: int) -> str:
    return f"{count} thread{'' if count == 1 else 's'}"


def _pair(head: str, against: str) -> str:
    names = [Path(path).name for path in (head, against)]
    # Files of one name differ by their folders.
    first, second = names if names[0] != names[1] else (head, against)
    return f"{first} against {second}"


def _shown(checks: Sequence[Check]) -> tuple[Sequence[Check], str]:
    """Leave out classes that pass where there are many; say how many, and how much the worst of them lost."""
    fine = [check for check in checks if check.name.startswith(CLASS_PREFIX) and check.verdict == "pass"]
    if len(fine) <= _MOST_CLASSES:
        return checks, ""
    most = max(fine, key=lambda check: check.value if check.value is not None else -100.0)
    found = quantity(most.value, most.unit)
    line = f"✓ {len(fine)} other classes pass; {most.name.removeprefix(CLASS_PREFIX)} lost most of them: {found}"
    return [check for check in checks if check not in fine], line


def _row(check: Check) -> list[str]:
    bound = "at least" if check.name in _AT_LEAST else "at most"
    return [
        f"{_MARK[check.verdict]} {check.name}",
        check.verdict,
        quantity(check.value, check.unit),
        NONE if check.limit is None else f"{bound} {quantity(check.limit, check.unit)}",
        quantity_interval(check.interval, check.unit),
    ]


def _explained(checks: Sequence[Check]) -> Iterator[str]:
    for check in checks:
        if check.verdict == "pass":
            continue
        lines = [f"{_MARK[check.verdict]} {check.name}: {check.detail}"]
        if check.worst:
            lines.append(f"  worst images: {', '.join(image.sample_id for image in check.worst)}")
        if check.hint:
            lines.append(f"  {check.hint}")
        yield "\n".join(lines)


def _doubts(report: GateReport) -> Iterator[str]:
    reliability = report.bench.reliability if report.bench else None
    if reliability is not None and reliability.verdict != "reliable":
        lines = [f"! the benchmark is {reliability.verdict}"]
        for doubt in reliability.doubts:
            lines += [f"  {doubt.flag}: {doubt.detail}", f"    {doubt.hint}"]
        yield "\n".join(lines)


def _last_line(report: GateReport) -> str:
    found = [check for check in report.checks if check.verdict == report.verdict]
    if report.verdict == "pass":
        return f"✓ pass: {len(found)} of {len(report.checks)} checks"
    strict = " (strict: that counts as failed)" if report.exit_code and report.verdict != "fail" else ""
    why = ""
    if report.verdict == "inconclusive":
        # Each cause once, in the order of the checks.
        why = ": " + "; ".join(dict.fromkeys(why_undecided(c.interval, c.limit, c.detail) for c in found))
    elif report.verdict == "incomparable":
        why = ": there is nothing to hold the figures against"
    return f"{_MARK[report.verdict]} {report.verdict}{why}: {', '.join(check.name for check in found)}{strict}"
