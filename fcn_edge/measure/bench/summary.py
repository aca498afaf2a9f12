"""From the rounds to figures: each variant's times, and the ratios of pairs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fcn_edge.measure.bench.job import RoundTimes, SessionInfo, SessionTimes
from fcn_edge.measure.bench.result import (
    BlockTrace,
    ClockName,
    ComparisonStats,
    ModelSource,
    RoundStats,
    RuntimeInfo,
    VariantLatency,
)
from fcn_edge.measure.spec import VariantSpec, precision
from fcn_edge.model_file import fingerprint, parse_name, read_card
from fcn_edge.timing.intervals import latency_stats, paired_ratio


def compare_sessions(
    rounds: Sequence[RoundTimes], candidate: str, reference: str, *, confidence: float, clock: ClockName
) -> ComparisonStats:
    """Compare two sessions by the medians of each one's calls in a block, over all rounds."""
    pairs = [tuple(block_medians(times, name, clock=clock) for name in (candidate, reference)) for times in rounds]
    passed = [np.concatenate([block_medians(times, name) for times in rounds]) for name in (candidate, reference)]
    whole = paired_ratio(
        np.concatenate([first for first, _ in pairs]),
        np.concatenate([second for _, second in pairs]),
        confidence=confidence,
    )
    alone = tuple(paired_ratio(first, second).ratio for first, second in pairs)
    wall_ratio = paired_ratio(*passed).ratio
    return ComparisonStats(
        candidate, reference, whole.ratio, whole.ci, confidence, whole.pairs, alone, clock, wall_ratio
    )


def block_medians(times: RoundTimes, name: str, *, clock: ClockName = "wall") -> NDArray[np.float64]:
    """Give a session's median of each block of a round, ``(blocks,)`` float64 in milliseconds."""
    session = _session(times, name)
    medians: NDArray[np.float64] = np.median(
        np.array(session.samples_ms if clock == "wall" else session.processor_ms), axis=1
    )
    return medians


def variant_latency(spec: VariantSpec, threads: int, info: SessionInfo, rounds: Sequence[RoundTimes]) -> VariantLatency:
    """Sum up one variant over all rounds; memory and layers are passes of their own."""
    sessions = [_session(times, info.name) for times in rounds]
    samples = np.concatenate([np.ravel(session.samples_ms) for session in sessions])
    return VariantLatency(
        name=info.name,
        model=model_source(spec, info.input_size_hw),
        runtime=RuntimeInfo(info.backend, info.version, info.device, info.delegate, threads),
        latency_ms=latency_stats(samples),
        init_ms=statistics.median(session.init_ms for session in sessions),
        first_inference_ms=statistics.median(session.first_inference_ms for session in sessions),
        repeats=max(session.repeats for session in sessions),
        rounds=tuple(
            RoundStats(
                session.init_ms,
                session.first_inference_ms,
                float(np.median(session.samples_ms)),
                session.steady,
                len(session.samples_ms),
            )
            for session in sessions
        ),
        samples_ms=tuple(samples.tolist()),
        processor_ms=tuple(ms for session in sessions for block in session.processor_ms for ms in block),
    )


def model_source(spec: VariantSpec, input_size_hw: tuple[int, int]) -> ModelSource:
    """Describe the file."""
    card, name = read_card(spec.path), parse_name(spec.path)
    return ModelSource(
        path=str(spec.path),
        name=name.name if card is None else card.name,
        fingerprint=fingerprint(spec.path),
        bytes=spec.path.stat().st_size,
        format=name.format,
        precision=precision(spec.path),
        input_size_hw=input_size_hw,
    )


def block_traces(rounds: Sequence[RoundTimes]) -> tuple[BlockTrace, ...]:
    """List all blocks in the order of time.

    Rounds kept from before a kill or a restart of the machine lie on another clock: their blocks are put before
    those of the next round, without the pause between.
    """
    traces: list[BlockTrace] = []
    shift, last = -rounds[0].block_started[0], 0.0
    for number, times in enumerate(rounds):
        if times.block_started[0] + shift < last:
            shift = last - times.block_started[0]
        for at, temperature, clock in zip(times.block_started, times.temperature_c, times.clock_mhz, strict=True):
            traces.append(BlockTrace(number, round(at + shift, 3), temperature, clock))
        last = traces[-1].at_s
    return tuple(traces)


def _session(times: RoundTimes, name: str) -> SessionTimes:
    return next(session for session in times.sessions if session.name == name)
