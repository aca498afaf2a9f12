"""Timing several models against each other so that a noisy machine cannot decide: interleaved, in random order.

Time is cut into blocks. In each, every contestant runs a burst of calls on the same input, in an order drawn anew; the
first calls of a burst, with cold caches, are dropped. What disturbs the machine for longer than a block then disturbs
all of them, and cancels in the ratios within each block (:func:`fcn_edge.timing.intervals.paired_ratio`).
"""

from __future__ import annotations

import contextlib
import functools
import gc
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import UsageError
from fcn_edge.progress import track
from fcn_edge.timing.intervals import LatencyStats, RatioStats, latency_stats, paired_ratio
from fcn_edge.timing.warming import SHORTEST_S, warm_up

Clock = Callable[[], float]

# With fewer, how much of a picture is in the caches and which values it has would be part of the result.
FEWEST_INPUTS = 8


@dataclass(frozen=True, slots=True)
class Contestant:
    """Something that is timed.

    Attributes:
        name: Unique among those timed together.
        call: Runs once on one input and returns when the result is there.
        inputs: The same pictures in the same order for all contestants, each as this one takes them; 8 or more.
    """

    name: str
    call: Callable[[Any], object]
    inputs: Sequence[Any]


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """How to sample.

    Attributes:
        blocks: How many, or more where they take less than *min_seconds*.
        min_seconds: Blocks go on at least this long.
        time_budget_s: No block begins that would probably end later than this, warm-up not counted.
        seed: Of the order within the blocks.
        burst: Calls of each contestant in a block.
        dropped: How many of them, at the beginning, do not count.
        sample_ms: A call shorter than this is repeated inside a sample until it is as long, and the mean counts.
        warm_up_s: Shortest warm-up of each contestant.
        quiet: Show no progress.
    """

    blocks: int = 100
    min_seconds: float = 0.0
    time_budget_s: float = 120.0
    seed: int = 0
    burst: int = 5
    dropped: int = 2
    sample_ms: float = 1.0
    warm_up_s: float = SHORTEST_S
    quiet: bool = True


@dataclass(frozen=True, slots=True)
class Series:
    """Times of one contestant.

    Attributes:
        name: Of the contestant.
        times_ms: ``(blocks, burst - dropped)`` float64, each of one call.
        repeats: Calls inside a sample.
        steady: Whether its times had settled when the warm-up ended.
        also_ms: The same calls by the second clock, likewise; None without one.
    """

    name: str
    times_ms: NDArray[np.float64]
    repeats: int
    steady: bool
    also_ms: NDArray[np.float64] | None = None

    @property
    def latency_ms(self) -> LatencyStats:
        """All calls summed up."""
        return latency_stats(self.times_ms)


@dataclass(frozen=True, slots=True)
class PairedSamples:
    """Times of contestants that were taken together.

    Attributes:
        series: In the order the contestants were given.
        seconds: How long the sampling took, without warm-up.
    """

    series: tuple[Series, ...]
    seconds: float

    @property
    def blocks(self) -> int:
        """How many blocks there were time for."""
        return len(self.series[0].times_ms)

    def of(self, name: str) -> Series:
        """Give the series of the contestant called *name*.

        Raises:
            KeyError: There is none.
        """
        for series in self.series:
            if series.name == name:
                return series
        raise KeyError(name)

    def ratio(self, candidate: str, reference: str) -> RatioStats:
        """Compare two contestants; a pair is the median of each one's calls in a block.

        Raises:
            KeyError: One of them was not sampled.
        """
        pair = (np.median(self.of(name).times_ms, axis=1) for name in (candidate, reference))
        return paired_ratio(*pair)


def sample(
    contestants: Sequence[Contestant],
    config: SamplingConfig | None = None,
    *,
    clock: Clock = time.perf_counter,
    also: Clock | None = None,
    before_block: Callable[[int], None] | None = None,
) -> PairedSamples:
    """Warm all contestants up, then time them block by block.

    Args:
        contestants: What to time. A second session of one of them (an A/A control) shows what the others' differences
            are worth.
        config: How; the defaults suit most.
        clock: Gives seconds.
        also: A second clock that every call is timed by.
        before_block: Called with each block's number, from 0, outside all that is timed.

    Raises:
        UsageError: No contestant, two of one name, fewer than 8 inputs or not the same number for all, or a
            configuration that leaves nothing to time.
    """
    config = config or SamplingConfig()
    _check(contestants, config)
    warmed = [
        warm_up(contestant.call, contestant.inputs, clock=clock, shortest_s=config.warm_up_s)
        for contestant in track(
            contestants, total=len(contestants), description="warm up", unit="model", quiet=config.quiet
        )
    ]
    repeats = [max(1, math.ceil(config.sample_ms / max(warmth.call_ms, 1e-6))) for warmth in warmed]
    order = np.random.default_rng(config.seed)
    times: list[list[list[tuple[float, float]]]] = [[] for _ in contestants]
    started = clock()
    with _no_collection():
        numbers = _block_numbers(config, clock)
        for block in track(numbers, total=config.blocks, description="measure", unit="block", quiet=config.quiet):
            if before_block is not None:
                before_block(block)
            for i in order.permutation(len(contestants)):
                inputs = contestants[i].inputs
                run = functools.partial(contestants[i].call, inputs[block % len(inputs)])
                times[i].append(_burst(run, repeats[i], config, clock, also or clock))
    series = tuple(
        _series(contestant.name, 1000 * np.array(kept), count, steady=warmth.steady, both=also is not None)
        for contestant, kept, count, warmth in zip(contestants, times, repeats, warmed, strict=True)
    )
    return PairedSamples(series, clock() - started)


def _block_numbers(config: SamplingConfig, clock: Clock) -> Iterator[int]:
    """Count blocks from 0 until there are enough or the time is up."""
    started = clock()
    for block in itertools.count():
        yield block
        elapsed = clock() - started
        if elapsed * (block + 2) / (block + 1) > config.time_budget_s:
            return
        if block + 1 >= config.blocks and elapsed >= config.min_seconds:
            return


def _burst(
    run: Callable[[], object], repeats: int, config: SamplingConfig, clock: Clock, also: Clock
) -> list[tuple[float, float]]:
    times = []
    for _ in range(config.burst):
        # The first clock is read inside the second, so that reading the other is no part of its time.
        also_started, started = also(), clock()
        for _ in range(repeats):
            run()
        ended, also_ended = clock(), also()
        times.append(((ended - started) / repeats, (also_ended - also_started) / repeats))
    return times[config.dropped :]


def _series(name: str, both_ms: NDArray[np.float64], repeats: int, *, steady: bool, both: bool) -> Series:
    """Part ``(blocks, calls, 2)`` times by the two clocks."""
    return Series(name, both_ms[..., 0], repeats, steady, both_ms[..., 1] if both else None)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python's garbage collector out of the block: it would run in whichever call is unlucky."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _check(contestants: Sequence[Contestant], config: SamplingConfig) -> None:
    if not contestants:
        raise UsageError("there is nothing to time", hint="name at least one model")
    names = [contestant.name for contestant in contestants]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"{', '.join(twice)}: is there twice", hint="give each its own name")
    counts = sorted({len(contestant.inputs) for contestant in contestants})
    if len(counts) > 1 or counts[0] < FEWEST_INPUTS:
        found = " and ".join(map(str, counts))
        raise UsageError(
            f"{found} inputs, but {FEWEST_INPUTS} or more, the same for all, were expected", hint="use more images"
        )
    if config.blocks < 1 or not 0 <= config.dropped < config.burst:
        raise UsageError(
            f"{config.blocks} blocks of {config.burst} calls, {config.dropped} of them dropped, leave nothing to time",
            hint="use at least one block, and more calls than are dropped",
        )
