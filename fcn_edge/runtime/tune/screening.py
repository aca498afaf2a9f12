"""The first look at each candidate by itself: whether it opens, what masks it gives, and about how long it takes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import FcnEdgeError, UsageError
from fcn_edge.progress import track
from fcn_edge.runtime.segmenter import Segmenter
from fcn_edge.runtime.tune.agreement import Agreement, Mask, compare_masks
from fcn_edge.runtime.tune.candidate import Candidate
from fcn_edge.runtime.tune.result import CandidateStats

Opener = Callable[[Candidate], Segmenter]
Clock = Callable[[], float]

# So much longer than the fastest, no noise explains it.
HOPELESS = 3.0
# A single call: given up at once. Some kernels take a hundred times as long, and there are pictures to come.
_HOPELESS_CALL = 10.0
_SHORTEST_HOPELESS_S = 0.25


@dataclass(frozen=True, slots=True)
class Screened:
    """What the reference or a candidate did."""

    stats: CandidateStats
    masks: tuple[Mask, ...] = ()
    class_names: tuple[str, ...] = ()


def look_at(
    candidate: Candidate, pictures: Sequence[NDArray[np.uint8]], *, opener: Opener, clock: Clock, fastest_s: float
) -> Screened:
    """Open a candidate, let it answer all pictures, and close it.

    Args:
        candidate: What to open.
        pictures: ``(H, W, 3)`` uint8 BGR.
        opener: Opens it.
        clock: Gives seconds.
        fastest_s: The shortest call so far; one that takes ten times as long is given up.

    Raises:
        UsageError: What was asked for can never be opened.
    """
    failed = CandidateStats(candidate, "failed", "")
    started = clock()
    try:
        segmenter = opener(candidate)
    except UsageError:
        # A wish that can never be met, as a delegate's path that does not exist: no reason to try the others.
        raise
    except FcnEdgeError as error:
        return Screened(replace(failed, reason=error.message))
    load_ms = 1000 * (clock() - started)
    times: list[float] = []
    masks: list[Mask] = []
    with segmenter:
        names = tuple(spec.name for spec in segmenter.classes)
        try:
            for number, picture in enumerate(pictures):
                pixels, place = segmenter.preprocess(picture)
                began = clock()
                raw = segmenter.infer(pixels)
                times.append(clock() - began)
                masks.append(segmenter.postprocess(raw, place))
                # The first call may have to build something, as an engine: the second counts.
                if number and times[-1] > max(_HOPELESS_CALL * fastest_s, _SHORTEST_HOPELESS_S):
                    slow = _too_slow(candidate, times[-1], fastest_s)
                    return Screened(replace(slow, load_ms=load_ms, call_ms=1000 * times[-1]))
        except FcnEdgeError as error:
            return Screened(replace(failed, reason=error.message, load_ms=load_ms))
    call_ms = 1000 * statistics.median(times[1:] or times)
    stats = CandidateStats(candidate, "not_measured", "", load_ms=load_ms, call_ms=call_ms)
    return Screened(stats, tuple(masks), names)


def screen(
    candidates: Iterable[Candidate],
    expected: Screened,
    pictures: Sequence[NDArray[np.uint8]],
    *,
    opener: Opener,
    clock: Clock,
    min_agreement: float,
    quiet: bool,
) -> list[CandidateStats]:
    """Look at all candidates but the reference; drop what disagrees with it or has no chance.

    Returns:
        The reference's too. Those that may be timed are ``not_measured`` yet.
    """
    reference = replace(expected.stats, agreement=1.0)
    found = [reference]
    fastest_s = (reference.call_ms or 0.0) / 1000
    others = [candidate for candidate in candidates if candidate != reference.candidate]
    for candidate in track(others, total=len(others), description="compare masks", unit="candidate", quiet=quiet):
        seen = look_at(candidate, pictures, opener=opener, clock=clock, fastest_s=fastest_s)
        stats = seen.stats
        if stats.verdict == "not_measured":
            alike = compare_masks(expected.masks, seen.masks, classes=len(expected.class_names))
            stats = _judged(stats, alike, expected.class_names, min_agreement)
            if stats.verdict == "not_measured" and stats.call_ms is not None:
                fastest_s = min(fastest_s, stats.call_ms / 1000)
        found.append(stats)
    return [_with_chances(stats, fastest_s) for stats in found]


def _judged(
    stats: CandidateStats, alike: Agreement, class_names: Sequence[str], min_agreement: float
) -> CandidateStats:
    if alike.pixel < min_agreement:
        reason = f"{100 * alike.pixel:.2f} % of the pixels as the reference, {100 * min_agreement:g} % were expected"
        return replace(stats, verdict="disagrees", reason=reason, agreement=alike.pixel)
    if alike.vanished:
        names = ", ".join(class_names[class_id] for class_id in alike.vanished)
        return replace(stats, verdict="disagrees", reason=f"finds less than half of {names}", agreement=alike.pixel)
    return replace(stats, agreement=alike.pixel)


def _with_chances(stats: CandidateStats, fastest_s: float) -> CandidateStats:
    call_s = (stats.call_ms or 0.0) / 1000
    if stats.verdict == "not_measured" and call_s > HOPELESS * fastest_s:
        slow = _too_slow(stats.candidate, call_s, fastest_s)
        return replace(stats, verdict=slow.verdict, reason=slow.reason)
    return stats


def _too_slow(candidate: Candidate, call_s: float, fastest_s: float) -> CandidateStats:
    times = call_s / max(fastest_s, 1e-9)
    reason = f"a call took {1000 * call_s:.1f} ms, {times:.1f} times the fastest's"
    return CandidateStats(candidate, "too_slow", reason)
