"""Calling a model until its time has settled: clocks speed up, caches fill, runtimes finish what they put off."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

# Two windows are ten calls at least.
WINDOW_CALLS = 5
SHORTEST_S = 1.0
AGREEMENT = 0.03
LONGEST_S = 10.0


@dataclass(frozen=True, slots=True)
class Warmth:
    """How a warm-up ended.

    Attributes:
        call_ms: Median time of a call in the last window.
        steady: Two windows after each other agreed within 3 %; False: the time for it ran out.
        calls: How many it took.
    """

    call_ms: float
    steady: bool
    calls: int


def warm_up(
    call: Callable[[Any], object],
    inputs: Sequence[Any],
    *,
    clock: Callable[[], float],
    shortest_s: float = SHORTEST_S,
) -> Warmth:
    """Call until the medians of two windows after each other agree within 3 %, for 10 seconds at most.

    Args:
        call: Runs once on one input.
        inputs: Taken in turns.
        clock: Gives seconds.
        shortest_s: It takes at least this long.
    """
    started = clock()
    values = itertools.cycle(inputs)
    calls, before = 0, 0.0
    while True:
        window: list[float] = []
        began = clock()
        while len(window) < WINDOW_CALLS or clock() - began < shortest_s / 2:
            value, at = next(values), clock()
            call(value)
            window.append(clock() - at)
        calls += len(window)
        middle = statistics.median(window)
        if abs(middle - before) <= AGREEMENT * before:
            return Warmth(1000 * middle, steady=True, calls=calls)
        if clock() - started >= LONGEST_S:
            return Warmth(1000 * middle, steady=False, calls=calls)
        before = middle
