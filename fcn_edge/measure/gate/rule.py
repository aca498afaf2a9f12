"""The rules of the gate, free of any measuring: what an interval allows one to say, and what many answers add up to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from fcn_edge.measure.bench.doubt import is_control_off
from fcn_edge.measure.bench.result import ComparisonStats
from fcn_edge.measure.gate.result import Check, Verdict
from fcn_edge.measure.wording import quantity

Interval = tuple[float, float]
Enough = Callable[[Sequence[ComparisonStats]], bool]

# The first that occurs among the checks is the verdict of all.
ORDER: tuple[Verdict, ...] = ("fail", "incomparable", "inconclusive", "pass")
EVEN: Interval = (1.0, 1.0)
# What became of a failure in the second benchmark; a result that is read again knows it by these words only.
_NOT_REPEATED = "did not repeat"
_NOT_CONFIRMED = "could not be confirmed"


def judge(interval: Interval | None, limit: float) -> Verdict:
    """Hold an interval against an upper limit: wholly above it fails, wholly below it passes, else nobody knows."""
    if interval is None:
        return "inconclusive"
    low, high = interval
    if low > limit:
        return "fail"
    return "pass" if high < limit else "inconclusive"


def change(now: Interval | None, before: Interval) -> Interval | None:
    """Divide two intervals so that the result holds every quotient of their members; all ends above 0."""
    return None if now is None else (now[0] / before[1], now[1] / before[0])


def slack(control: ComparisonStats) -> float:
    """Say by what factor equal models differ in a benchmark: 1, unless its control is off."""
    return max(control.ratio, 1 / control.ratio) if is_control_off(control) else 1.0


def widened(interval: Interval | None, factor: float) -> Interval | None:
    """Make an interval wider by a *factor*, 1 or more, at both ends."""
    return None if interval is None else (interval[0] / factor, interval[1] * factor)


def found_change(now: ComparisonStats, before: Interval, control: ComparisonStats | None) -> Interval | None:
    """Give the interval that is judged: of the change since *before*, widened by what the control is off."""
    return widened(change(now.ci, before), 1.0 if control is None else slack(control))


def enough_for(limit: float, before: Sequence[Interval] = (EVEN,)) -> Enough:
    """Make the predicate with which a benchmark ends: all comparisons decide, whichever of *before* is meant.

    The control, where it is among the comparisons, is not judged: it widens the others' intervals as it does when the
    gate judges. A budget is no ratio, and comparisons hold nothing else: it takes what rounds there are.

    Args:
        limit: Of the ratio.
        before: What the ratios are divided by first; none at all asks nothing, so the first look is enough.
    """

    def decided(comparisons: Sequence[ComparisonStats]) -> bool:
        control = next((c for c in comparisons if _is_control(c)), None)
        models = [c for c in comparisons if not _is_control(c)]
        verdicts = [judge(found_change(c, interval, control), limit) for c in models for interval in before]
        return "inconclusive" not in verdicts

    return decided


def _is_control(comparison: ComparisonStats) -> bool:
    return comparison.candidate == f"{comparison.reference} (control)"


def confirmed(first: Check, second: Check) -> Check:
    """Let a failure stand only if the second benchmark, made anew, fails as well."""
    if first.verdict != "fail":
        return first
    again = f"{quantity(second.value, second.unit)} in a second benchmark"
    if second.verdict == "fail":
        return dataclasses.replace(first, detail=f"{first.detail}; again {again}")
    if second.verdict == "pass":
        return dataclasses.replace(
            first,
            verdict="inconclusive",
            detail=f"{first.detail}; but this {_NOT_REPEATED}: {again}",
            hint="something but the model differed between the two: run again, on a quieter machine if there is one",
        )
    return dataclasses.replace(
        first,
        verdict="inconclusive",
        detail=f"{first.detail}; but this {_NOT_CONFIRMED}: {again}: {second.detail}",
        hint=second.hint,
    )


def why_undecided(interval: Sequence[float] | None, limit: float | None, detail: str) -> str:
    """Say in a few words what kept an inconclusive check from being decided, from what a result says of it.

    Args:
        interval: Of the check's value; None where there is none.
        limit: Of the check.
        detail: Its sentence.
    """
    for words in (_NOT_REPEATED, _NOT_CONFIRMED):
        if words in detail:
            return f"a failure {words}"
    if interval is None:
        return "too little was measured"
    if limit is not None and interval[0] <= limit <= interval[1]:
        return "the figures allow both"
    return "the run cannot be trusted that far"


def overall(checks: Iterable[Check]) -> Verdict:
    """Give the verdict of all checks: fail before incomparable before inconclusive before pass."""
    found = {check.verdict for check in checks}
    return next((verdict for verdict in ORDER if verdict in found), "pass")
