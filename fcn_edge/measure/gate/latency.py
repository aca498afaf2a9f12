"""Latency: what a benchmark says of the head, against a base, a baseline or a budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from fcn_edge.measure.bench.doubt import verdict_of
from fcn_edge.measure.bench.result import BenchReport, Doubt, Flag
from fcn_edge.measure.gate.result import Check
from fcn_edge.measure.gate.rule import EVEN, Interval, found_change, judge, slack
from fcn_edge.measure.wording import interval as in_words
from fcn_edge.measure.wording import milliseconds
from fcn_edge.timing.intervals import median_interval

HEAD, BASE, REFERENCE = "head", "base", "reference"

# Of the interval of the rounds' medians: the smallest of five and the largest enclose the true one with 94 %.
_ROUNDS_CONFIDENCE = 0.90
FEWEST_ROUNDS = 5
# Doubts that add time and take none away, and the one that comes of what was asked for.
_ONLY_SLOWER: frozenset[Flag] = frozenset({"oversubscribed", "busy", "interference", "noisy"})
_AS_ASKED: frozenset[Flag] = frozenset({"oversubscribed"})
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
    return _with_hint(check, report)


def budget_check(report: BenchReport, budget_ms: float, board: str) -> Check:
    """Judge the head's median time, which counts on the declared board only, and from a run that may be trusted."""
    head = report.variant(HEAD)
    limit = Check("budget", "incomparable", None, budget_ms, "ms")
    if report.env.board != board:
        return dataclasses.replace(
            limit,
            detail=f"the budget is for {board}, this is {report.env.board}",
            hint="run this check on that board, or declare this one: --budget-ms X --board NAME",
        )
    rounds = _rounds_interval(report)
    check = dataclasses.replace(
        limit,
        verdict=judge(rounds, budget_ms),
        value=head.latency_ms.p50,
        interval=rounds,
        detail=f"median {milliseconds(head.latency_ms.p50)} ms{_rounds_words(report, rounds)}",
    )
    return _with_hint(_as_far_as_trusted(check, report), report)


def _rounds_interval(report: BenchReport) -> Interval | None:
    """Give the interval of the rounds' medians: times within a process go together, so processes are what counts.

    None below five rounds: whatever lies between the smallest and the largest of four says nothing with 90 %.
    """
    import numpy as np

    medians = np.array([stats.p50_ms for stats in report.variant(HEAD).rounds])
    return median_interval(medians, confidence=_ROUNDS_CONFIDENCE)


def _rounds_words(report: BenchReport, rounds: Interval | None) -> str:
    count = len(report.variant(HEAD).rounds)
    if rounds is None:
        return f" of {count} process{'' if count == 1 else 'es'}; {FEWEST_ROUNDS} are the fewest for an interval"
    return f", {milliseconds(rounds[0])} to {milliseconds(rounds[1])} ms over {count} processes"


def _as_far_as_trusted(check: Check, report: BenchReport) -> Check:
    """Take no verdict on milliseconds from a run whose doubts could have made it.

    Other programs, neighbours on the host and too many threads take time and give none, so a budget that is kept in
    spite of them is kept without them. Scatter is in the interval already. A drift, though, or times that had not
    settled may mean that the board was still cold and fast; heat, weak supplies and a control that is off make a run
    unreliable, and of that no millisecond counts. A missed budget may be the fault of any disturbance, except for as
    many threads as processors: that is how the user wants the model to run here, and a board with one has no choice.
    """
    reliability = report.reliability
    if reliability.verdict == "reliable":
        return check
    borne = {"pass": _ONLY_SLOWER, "fail": _AS_ASKED}.get(check.verdict, frozenset())
    stands = reliability.verdict == "degraded" and borne.issuperset(reliability.flags)
    detail = f"{check.detail}; the run is {reliability.verdict} ({', '.join(reliability.flags)})"
    if stands and check.verdict == "pass":
        detail += ", which made it no faster"
    return dataclasses.replace(check, verdict=check.verdict if stands else "inconclusive", detail=detail)


def _doubted(check: Check, report: BenchReport, refused: Collection[str]) -> Check:
    """Say that a run was unreliable, and take no verdict *refused* from it.

    Pairs hold where single times do not, so between a base and a head the verdict stands. A slowed processor moves the
    ratio of int8 to float, though, and may fail a head that did not change; and who is strict wants no green from it.
    """
    detail = f"{check.detail}; the run is unreliable ({', '.join(report.reliability.flags)})"
    verdict = "inconclusive" if check.verdict in refused else check.verdict
    return dataclasses.replace(check, verdict=verdict, detail=detail)


def _with_hint(check: Check, report: BenchReport) -> Check:
    if check.verdict == "pass":
        return check
    if check.verdict == "inconclusive":
        return dataclasses.replace(check, hint=_way_out(check, report))
    option = "--threshold" if check.name == "latency" else "--budget-ms"
    hint = (
        f"see which layers take longer: fcn-edge bench BASE HEAD --json F; where it is meant to be so, raise {option}"
    )
    return dataclasses.replace(check, hint=hint)


def _way_out(check: Check, report: BenchReport) -> str:
    """Say what to do about the very thing that kept a check from being decided."""
    if check.interval is None:
        few = check.name == "budget" and len(report.variant(HEAD).rounds) < FEWEST_ROUNDS
        return f"use --rounds {FEWEST_ROUNDS} or more" if few else "give it more time: --time-budget S"
    doubts = report.reliability.doubts
    if check.limit is not None and judge(check.interval, check.limit) != "inconclusive":
        # The figures decide, so it was the run that is in doubt.
        return min(doubts, key=_rank).hint if doubts else _MORE_TIME
    # A control that is off keeps intervals wide however long one measures.
    return next((doubt.hint for doubt in doubts if doubt.flag == "aa_control"), _MORE_TIME)


def _rank(doubt: Doubt) -> tuple[bool, bool]:
    """Put what makes a run unreliable first, and what may well be wanted last."""
    return verdict_of((doubt.flag,)) != "unreliable", doubt.flag in _AS_ASKED


def _ratio_words(
    report: BenchReport, ratio: float, found: Interval | None, before: tuple[float, Interval] | None
) -> str:
    now = report.comparison(HEAD)
    if found is None:
        return too_few(now.pairs)
    if before is None:
        return f"head takes {ratio:.3f} times the time of base, {in_words(found)}"
    return (
        f"head takes {ratio:.3f} times the time of reference, {before[0]:.3f} in the baseline: "
        f"{ratio / before[0]:.3f} times that, {in_words(found)}"
    )


def too_few(pairs: int) -> str:
    """Say that there is no interval."""
    return f"{pairs} {'pair is' if pairs == 1 else 'pairs are'} too few for an interval"
