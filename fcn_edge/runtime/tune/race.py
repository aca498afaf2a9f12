"""Timing the candidates that are left against each other, and giving up those that have lost."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcn_edge.progress import track
from fcn_edge.runtime.segmenter import Segmenter
from fcn_edge.runtime.tune.candidate import Candidate
from fcn_edge.runtime.tune.screening import Clock, Opener
from fcn_edge.timing.intervals import RatioStats, paired_ratio
from fcn_edge.timing.paired import Contestant, SamplingConfig, sample

# What is less than this apart is not worth a choice.
MARGIN = 1.03
# Sessions that are open at the same time: a small board has not the memory for twenty.
MOST_AT_ONCE = 8
# Of a round: six pairs at least carry an interval of 95 %, eight one of 99 %.
ROUND_BLOCKS = 8
MOST_BLOCKS = 64
# Of deciding that a candidate has lost while the others go on: there are several looks.
_GIVE_UP_CONFIDENCE = 0.99
_WARM_UP_S = 0.3


@dataclass(frozen=True, slots=True)
class Race:
    """Times of candidates.

    Attributes:
        times_ms: By candidate, ``(blocks,)``: the median call of each block. Block *i* is the same moment for all.
        interrupted: The user ended it.
    """

    times_ms: dict[Candidate, NDArray[np.float64]]
    interrupted: bool

    def best(self) -> Candidate:
        """Give the one with the lowest median."""
        return min(self.times_ms, key=lambda candidate: float(np.median(self.times_ms[candidate])))

    def ratio(self, candidate: Candidate, reference: Candidate, *, confidence: float = 0.95) -> RatioStats:
        """Compare two over the blocks that both took part in."""
        one, other = self.times_ms[candidate], self.times_ms[reference]
        blocks = min(len(one), len(other))
        return paired_ratio(one[:blocks], other[:blocks], confidence=confidence)


def run_race(
    candidates: Sequence[Candidate],
    pictures: Sequence[NDArray[np.uint8]],
    *,
    opener: Opener,
    clock: Clock,
    time_budget_s: float,
    seed: int,
    quiet: bool,
) -> Race:
    """Time candidates in rounds of interleaved blocks; after each, those that have lost go out.

    Ctrl-C ends it with the rounds that are done; where none is, it is passed on.

    Args:
        candidates: At most :data:`MOST_AT_ONCE`.
        pictures: 8 or more, ``(H, W, 3)`` uint8 BGR.
        opener: Opens a candidate.
        clock: Gives seconds.
        time_budget_s: No round begins after this.
        seed: Of the random order.
        quiet: Show no progress.
    """
    started = clock()
    times: dict[Candidate, NDArray[np.float64]] = {}
    with contextlib.ExitStack() as stack:
        racing = {c: _contestant(c, stack.enter_context(opener(c)), pictures) for c in candidates}
        rounds = range(MOST_BLOCKS // ROUND_BLOCKS)
        for number in track(rounds, total=len(rounds), description="time candidates", unit="round", quiet=quiet):
            left_s = time_budget_s - (clock() - started)
            if number and (left_s <= 0 or len(racing) == 1):
                break
            config = SamplingConfig(
                blocks=ROUND_BLOCKS, time_budget_s=max(left_s, 1.0), seed=seed + number, warm_up_s=_WARM_UP_S
            )
            try:
                samples = sample(list(racing.values()), config, clock=clock)
            except KeyboardInterrupt:
                if not times:
                    raise
                return Race(times, interrupted=True)
            for candidate in racing:
                block_ms = np.median(samples.of(candidate.name).times_ms, axis=1)
                times[candidate] = np.concatenate([times.get(candidate, np.empty(0)), block_ms])
            race = Race(times, interrupted=False)
            racing = {candidate: left for candidate, left in racing.items() if not _has_lost(candidate, race)}
    return Race(times, interrupted=False)


def _has_lost(candidate: Candidate, race: Race) -> bool:
    ratio = race.ratio(candidate, race.best(), confidence=_GIVE_UP_CONFIDENCE)
    return ratio.ci is not None and ratio.ci[0] > MARGIN


def _contestant(candidate: Candidate, segmenter: Segmenter, pictures: Sequence[NDArray[np.uint8]]) -> Contestant:
    # A copy, because the next picture overwrites the buffer.
    inputs = tuple(np.array(segmenter.preprocess(picture)[0]) for picture in pictures)
    output = segmenter.backend.info.output
    # As a camera runs it: the result goes where the last one was.
    call = functools.partial(segmenter.backend.infer, out=np.empty(output.shape, output.dtype))
    return Contestant(candidate.name, call, inputs)
