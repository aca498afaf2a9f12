"""A run of ``tune`` as text that a person reads at a glance."""

from __future__ import annotations

from fcn_edge.measure.columns import align
from fcn_edge.measure.wording import NONE
from fcn_edge.runtime.tune.result import CandidateStats, TuneReport

_WORDS = {
    "chosen": "chosen",
    "equal": "equal",
    "slower": "slower",
    "too_slow": "too slow",
    "disagrees": "other masks",
    "failed": "failed",
    "not_measured": "not timed",
}


def format_table(report: TuneReport) -> str:
    """Make the lines that ``tune`` prints, without the last newline."""
    shares = ", ".join(f"{name} {100 * share:.1f} %" for name, share in report.class_shares.items())
    head = (
        f"{report.env.board}: {len(report.candidates)} candidates in {report.seconds:.0f} s; milliseconds\n"
        f"masks compared with {report.reference} on {report.pictures}\n({shares})"
    )
    rows = [["candidate", "median", "ratio", "interval", "agreement", "verdict", ""]]
    rows += [_row(stats) for stats in report.candidates]
    parts = [head, align(rows, left=(0, 5, 6))]
    absent = [f"not here: {name}: {reason}" for name, reason in report.absent.items()]
    notes = [f"note: {note}" for note in report.notes]
    if report.interrupted:
        notes.append("note: interrupted; decided on what was measured until then")
    parts += ["\n".join([*absent, *notes])] if absent or notes else []
    return "\n\n".join([*parts, _end(report)])


def _row(stats: CandidateStats) -> list[str]:
    ci = NONE if stats.ci is None else f"{stats.ci[0]:.2f} to {stats.ci[1]:.2f}"
    agreement = NONE if stats.agreement is None else f"{100 * stats.agreement:.2f} %"
    ms = f"{stats.median_ms:.2f}" if stats.median_ms is not None else NONE
    ratio = NONE if stats.ratio is None else f"{stats.ratio:.2f}x"
    return [stats.candidate.name, ms, ratio, ci, agreement, _WORDS[stats.verdict], stats.reason]


def _end(report: TuneReport) -> str:
    chosen = report.choice
    if chosen is None:
        return "nothing was chosen"
    threads = f"{chosen.threads} thread{'' if chosen.threads == 1 else 's'}"
    delegate = "" if chosen.delegate is None else f", delegate {chosen.delegate}"
    what = f"{chosen.path.name} in {chosen.backend}, {threads}{delegate}"
    line = f"chosen: {what}: {chosen.median_ms:.2f} ms ({chosen.why})"
    kept = "not remembered (--dry-run)" if report.cache is None else f"remembered in {report.cache}"
    return f"{line}\n{kept}"
