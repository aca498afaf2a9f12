"""Latency: what a benchmark says of the head, against a base, a baseline or a budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from fcn_edge.measure.bench.intervals import median_interval
from fcn_edge.measure.bench.result import BenchReport
from fcn_edge.measure.gate.result import Check
from fcn_edge.measure.gate.rule import EVEN, Interval, found_change, judge, slack
from fcn_edge.measure.wording import interval as in_words
from fcn_edge.measure.wording import milliseconds

HEAD, BASE, REFERENCE = "head", "base", "reference"

# Of the interval of the rounds' medians: the smallest of five and the largest enclose the true one with 94 %.
_ROUNDS_CONFIDENCE = 0.90
_MORE_TIME = "give it more time (--time-budget) or a quieter machine"


def ratio_check(
    report: BenchReport, threshold: float, *, before: tuple[float, Interval] | None = None, strict: bool = False
) -> Check:
    """Judge how much slower the head became.

    Args:
        report: A benchmark of the head and one other.
        threshold: Largest ratio that passes.
        before: The ratio of the baseline and its interval; None where the other is the base itself.
        strict: Take no pass from an unreliable run.
    """
    now = report.comparison(HEAD)
    ratio, interval = (1.0, EVEN) if before is None else before
    found, factor = found_change(now, interval, report.control), slack(report.control)
    check = Check(
        name="latency",
        verdict=judge(found, threshold),
        value=now.ratio / ratio,
        limit=threshold,
        unit="ratio",
        interval=found,
        detail=_ratio_words(report, now.ratio, found, before),
    )
    if found is not None and factor > 1:
        detail = f"{check.detail}; widened by the {100 * (factor - 1):.1f} % that {now.reference} differs from itself"
        check = dataclasses.replace(check, detail=detail)
    if report.reliability.verdict == "unreliable":
        refused = {verdict for verdict, yes in (("pass", strict), ("fail", before is not None)) if yes}
        check = _doubted(check, report, refused)
    return _with_hint(check)


def budget_check(report: BenchReport, budget_ms: float, board: str) -> Check:
    """Judge the head's median time, which counts on the declared board and from a reliable run only."""
    head = report.variant(HEAD)
    limit = Check("budget", "incomparable", None, budget_ms, "ms")
    if report.env.board != board:
        return dataclasses.replace(
            limit,
            detail=f"the budget is for {board}, this is {report.env.board}",
            hint="run this check on that board, or declare this one: --budget-ms X --board NAME",
        )
    rounds = _rounds_interval(report)
    ends = f"{milliseconds(rounds[0])} to {milliseconds(rounds[1])} ms over {len(head.rounds)} processes"
    check = dataclasses.replace(
        limit,
        verdict=judge(rounds, budget_ms),
        value=head.latency_ms.p50,
        interval=rounds,
        detail=f"median {milliseconds(head.latency_ms.p50)} ms, {ends}",
    )
    if report.reliability.verdict != "reliable":
        detail = f"{check.detail}; the run is {report.reliability.verdict} ({', '.join(report.reliability.flags)})"
        check = dataclasses.replace(check, verdict="inconclusive", detail=detail)
    return _with_hint(check)


def _rounds_interval(report: BenchReport) -> Interval:
    """Give the interval of the rounds' medians: times within a process go together, so processes are what counts."""
    import numpy as np

    medians = np.array([stats.p50_ms for stats in report.variant(HEAD).rounds])
    found = median_interval(medians, confidence=_ROUNDS_CONFIDENCE)
    return (float(medians.min()), float(medians.max())) if found is None else found


def _doubted(check: Check, report: BenchReport, refused: Collection[str]) -> Check:
    """Say that a run was unreliable, and take no verdict *refused* from it.

    Pairs hold where single times do not, so between a base and a head the verdict stands. A slowed processor moves the
    ratio of int8 to float, though, and may fail a head that did not change; and who is strict wants no green from it.
    """
    detail = f"{check.detail}; the run is unreliable ({', '.join(report.reliability.flags)})"
    verdict = "inconclusive" if check.verdict in refused else check.verdict
    return dataclasses.replace(check, verdict=verdict, detail=detail)


def _with_hint(check: Check) -> Check:
    if check.verdict == "pass":
        return check
    if check.verdict == "inconclusive":
        return dataclasses.replace(check, hint=_MORE_TIME)
    option = "--threshold" if check.name == "latency" else "--budget-ms"
    hint = (
        f"see which layers take longer: fcn-edge bench BASE HEAD --json F; where it is meant to be so, raise {option}"
    )
    return dataclasses.replace(check, hint=hint)


def _ratio_words(
    report: BenchReport, ratio: float, found: Interval | None, before: tuple[float, Interval] | None
) -> str:
    now = report.comparison(HEAD)
    if found is None:
        return f"{now.pairs} pairs are too few for an interval"
    if before is None:
        return f"head takes {ratio:.3f} times the time of base, {in_words(found)}"
    return (
        f"head takes {ratio:.3f} times the time of reference, {before[0]:.3f} in the baseline: "
        f"{ratio / before[0]:.3f} times that, {in_words(found)}"
    )
