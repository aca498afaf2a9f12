"""Choosing among what was measured: the fastest; of equals the one with fewer threads, then the more faithful one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fcn_edge.runtime.tune.candidate import Candidate
from fcn_edge.runtime.tune.race import MARGIN, Race
from fcn_edge.runtime.tune.result import CandidateStats, Verdict


def choose(race: Race, agreement: dict[Candidate, float]) -> Candidate:
    """Take the fastest, or among those that are not surely 3 % slower the one with the fewest threads.

    Args:
        race: The times.
        agreement: Of each candidate with the reference, 0 to 1.
    """
    best = race.best()
    equals = [candidate for candidate in race.times_ms if candidate == best or _equal(race, candidate, best)]

    def rank(candidate: Candidate) -> tuple[int, float, float]:
        return candidate.threads, -agreement[candidate], float(np.median(race.times_ms[candidate]))

    return min(equals, key=rank)


def with_times(screened: Sequence[CandidateStats], race: Race, chosen: Candidate) -> tuple[CandidateStats, ...]:
    """Complete what is known of candidates; the chosen one first, then by time, then those that were not timed."""
    complete = [_with_time(stats, race, chosen) for stats in screened]

    def rank(stats: CandidateStats) -> tuple[bool, bool, float, float]:
        untimed = stats.median_ms is None
        return stats.candidate != chosen, untimed, stats.median_ms or 0.0, stats.call_ms or float("inf")

    return tuple(sorted(complete, key=rank))


def _with_time(stats: CandidateStats, race: Race, chosen: Candidate) -> CandidateStats:
    candidate = stats.candidate
    if candidate not in race.times_ms:
        return stats
    ratio = race.ratio(candidate, chosen)
    verdict: Verdict = "slower"
    reason = f"{ratio.ratio:.2f} times the chosen one's time"
    if candidate == chosen:
        verdict, reason = "chosen", ""
    elif _equal(race, candidate, chosen):
        verdict, reason = "equal", _why_not(candidate, chosen)
    return replace(
        stats,
        verdict=verdict,
        reason=reason,
        median_ms=float(np.median(race.times_ms[candidate])),
        ratio=ratio.ratio,
        ci=ratio.ci,
        pairs=ratio.pairs,
    )


def _equal(race: Race, candidate: Candidate, other: Candidate) -> bool:
    ratio = race.ratio(candidate, other)
    lower = ratio.ratio if ratio.ci is None else ratio.ci[0]
    return lower <= MARGIN


def _why_not(candidate: Candidate, chosen: Candidate) -> str:
    return "as fast, with more threads" if candidate.threads > chosen.threads else "as fast, not more faithful"
