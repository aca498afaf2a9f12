"""What the benchmark found: frozen data, and its JSON, with the keys of ``fcn-edge bench``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn_edge import atomic
from fcn_edge.machine.environment import EnvironmentInfo, find_environment
from fcn_edge.machine.processor import int8_dot_products
from fcn_edge.timing.intervals import LatencyStats
from fcn_edge.timing.paired import PairedSamples
from peers.entry import Opened
from peers.matchup import Bar, Matchup, Verdict, matchups

KIND = "bench_peers"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A file: its path inside the folder of the network, and its size."""

    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class VariantReport:
    """One entry's times.

    Attributes:
        name: Of the entry.
        model: Its file.
        precision: Of the file, ``fp32`` or ``int8``.
        arithmetic: What the runtime computes it in: the same, or by its own choice ``bf16`` or ``fp16``.
        runtime: With version.
        agreement: Share of pixels with the class that the first variant gives, 0..1; None for the encoder.
        latency_ms: Of single calls.
        repeats: Calls inside a sample.
        steady: Whether its times had settled before they were taken.
        samples_ms: Of each block the calls that count.
    """

    name: str
    model: ModelInfo
    precision: str
    arithmetic: str
    runtime: str
    agreement: float | None
    latency_ms: LatencyStats
    repeats: int
    steady: bool
    samples_ms: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class ComparisonReport:
    """Two entries compared.

    Attributes:
        key: Unique in the report.
        what: In words.
        candidate: Name of a variant.
        reference: Name of a variant.
        ratio: Median over the blocks of candidate time / reference time.
        ci: 95 % interval of it; None with fewer than 6 blocks.
        pairs: Number of blocks.
        bar: What the project wants; None where it wants nothing.
        verdict: Whether it has it.
    """

    key: str
    what: str
    candidate: str
    reference: str
    ratio: float
    ci: tuple[float, float] | None
    pairs: int
    bar: Bar | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How a run was made.

    Attributes:
        network: A name of :data:`peers.network.NETWORKS`.
        seed: Of weights, scenes and order.
        clock: ``wall``, or ``processor`` for time on the processor alone.
        cpu: Number of the processor that everything ran on; None where the system binds no process.
        processor_share: Share of the time that this process was on the processor, 0..1; what others had is missing.
        left_out: By runtime, why it did not take part.
    """

    network: str
    seed: int
    clock: str
    cpu: int | None
    processor_share: float
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True)
class PeersReport:
    """A whole run.

    Attributes:
        how: It was made.
        threads: Of each runtime.
        blocks: How many there were time for.
        seconds: How long the sampling took, by the run's clock.
        variants: In the order of :func:`peers.entry.entries`.
        comparisons: In the order of the table.
        int8_dot_products: What the processor has for int8; None where the system does not tell.
        env: Where it ran.
    """

    how: Circumstances
    threads: int
    blocks: int
    seconds: float
    variants: tuple[VariantReport, ...]
    comparisons: tuple[ComparisonReport, ...]
    int8_dot_products: tuple[str, ...] | None
    env: EnvironmentInfo


def make_report(
    how: Circumstances, folder: Path, opened: list[Opened], agreement: dict[str, float], samples: PairedSamples
) -> PeersReport:
    """Put together what was measured."""
    variants = tuple(_variant(one, folder, agreement, samples) for one in opened)
    wanted = matchups(how.network, {variant.name: variant.latency_ms.p50 for variant in variants})
    return PeersReport(
        how=how,
        threads=1,
        blocks=samples.blocks,
        seconds=round(samples.seconds, 1),
        variants=variants,
        comparisons=tuple(_comparison(matchup, samples) for matchup in wanted),
        int8_dot_products=int8_dot_products(),
        env=find_environment(),
    )


def to_json(report: PeersReport) -> dict[str, Any]:
    """Make plain JSON types of a report; how it was made stands at the top."""
    content = dataclasses.asdict(report)
    return {**content.pop("how"), **content}


def write_result(path: Path | str, report: PeersReport) -> None:
    """Write a report as JSON; ``-`` is standard output.

    Raises:
        OutputError: The file cannot be written.
    """
    atomic.write_report(path, KIND, to_json(report))


def _comparison(matchup: Matchup, samples: PairedSamples) -> ComparisonReport:
    ratio = samples.ratio(matchup.candidate, matchup.reference)
    return ComparisonReport(
        key=matchup.key,
        what=matchup.what,
        candidate=matchup.candidate,
        reference=matchup.reference,
        ratio=ratio.ratio,
        ci=ratio.ci,
        pairs=ratio.pairs,
        bar=matchup.bar,
        verdict=None if matchup.bar is None else matchup.bar.judge(ratio),
    )


def _variant(one: Opened, folder: Path, agreement: dict[str, float], samples: PairedSamples) -> VariantReport:
    entry, series = one.entry, samples.of(one.entry.name)
    return VariantReport(
        name=entry.name,
        model=ModelInfo(entry.path, (folder / entry.path).stat().st_size),
        precision=entry.precision,
        arithmetic=one.arithmetic,
        runtime=one.runtime,
        agreement=agreement.get(entry.name),
        latency_ms=series.latency_ms,
        repeats=series.repeats,
        steady=series.steady,
        samples_ms=tuple(tuple(round(value, 4) for value in row) for row in series.times_ms.tolist()),
    )
