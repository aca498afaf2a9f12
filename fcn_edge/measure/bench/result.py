"""What a benchmark found: frozen data, and its JSON."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from fcn_edge.machine.environment import EnvironmentInfo
from fcn_edge.machine.reading import Reading
from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.timing.intervals import LatencyStats

Flag = Literal[
    "throttled",
    "undervoltage",
    "drift",
    "aa_control",
    "interference",
    "noisy",
    "busy",
    "oversubscribed",
    "not_steady",
    "few_blocks",
]
ClockName = Literal["wall", "processor"]
ReliabilityVerdict = Literal["reliable", "degraded", "unreliable"]


@dataclass(frozen=True, slots=True)
class ModelSource:
    """The file that was timed.

    Attributes:
        path: As it was found.
        name: Of the model, from its card, else the file's.
        fingerprint: SHA-256 of the file without its card.
        bytes: Size of the file.
        format: ``tflite``, ``onnx`` or ``keras``.
        precision: ``fp32``, ``fp16``, ``int8``; None where neither card nor name tells.
        input_size_hw: Height and width of its input.
    """

    path: str
    name: str
    fingerprint: str
    bytes: int
    format: str
    precision: str | None
    input_size_hw: tuple[int, int]


@dataclass(frozen=True, slots=True)
class RuntimeInfo:
    """What ran it.

    Attributes:
        backend: A name of :data:`fcn_edge.runtime.registry.BACKENDS`.
        version: Of the runtime.
        device: ``cpu``, or what the runtime calls its accelerator.
        delegate: ``xnnpack``, or None where none is known of.
        threads: Of the runtime.
    """

    backend: str
    version: str
    device: str
    delegate: str | None
    threads: int


@dataclass(frozen=True, slots=True)
class RoundStats:
    """One fresh process.

    Attributes:
        init_ms: From the file's path to a loaded model.
        first_inference_ms: The first call, before any warm-up.
        p50_ms: Median of the calls that count.
        steady: Whether the times had settled when the warm-up ended.
        blocks: How many blocks of it.
    """

    init_ms: float
    first_inference_ms: float
    p50_ms: float
    steady: bool
    blocks: int


@dataclass(frozen=True, slots=True)
class MemoryStats:
    """What a model adds to a process of its own, in MB of 1,000,000 bytes.

    Attributes:
        resident_mb: After warm-up, above the same process before the runtime was imported.
        peak_mb: The most that the whole process had at any time.
    """

    resident_mb: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class LayerTime:
    """One operation of the graph that really runs, in the order it runs.

    Attributes:
        name: As the runtime calls it.
        op: Its kind, such as ``CONV_2D`` or ``Convolution (NHWC, QC8)``.
        ms: Mean time of a call.
        share: Of the sum over all operations, 0..1.
    """

    name: str
    op: str
    ms: float
    share: float


@dataclass(frozen=True, slots=True)
class VariantLatency:
    """One model in one runtime.

    Attributes:
        name: Unique in the report.
        model: The file.
        runtime: What ran it.
        latency_ms: Of single calls, over all rounds.
        init_ms: Median over the rounds.
        first_inference_ms: Median over the rounds.
        repeats: Calls inside a sample, 1 unless a call is under a millisecond.
        rounds: One for each fresh process.
        samples_ms: Every call that counts, in the order of time; ``config.kept`` of them belong to one block.
        memory: None where the pass was not run.
        layers: None where the pass was not run or the runtime does not tell.
        processor_ms: What the same calls spent on processors, all threads together.
    """

    name: str
    model: ModelSource
    runtime: RuntimeInfo
    latency_ms: LatencyStats
    init_ms: float
    first_inference_ms: float
    repeats: int
    rounds: tuple[RoundStats, ...]
    samples_ms: tuple[float, ...]
    memory: MemoryStats | None = None
    layers: tuple[LayerTime, ...] | None = None
    processor_ms: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ComparisonStats:
    """Two variants compared, by the medians of each one's calls in a block.

    Attributes:
        candidate: Name of a variant.
        reference: Name of a variant.
        ratio: Median over the blocks of candidate time / reference time; below 1 the candidate is faster.
        ci: Interval that holds the median ratio of these sessions with ``confidence``; None with too few blocks. Other
            processes of the same files differ by some tenths of a per cent, see ``round_ratios``.
        confidence: Of the interval, corrected for the looks that were planned.
        pairs: Number of blocks.
        round_ratios: The ratio of each round alone.
        clock: That the ratio is taken by. Processor time where every variant runs on one thread of the CPU: what other
            programs took does not grow with the model, and on a machine with more work than processors it drowned a
            head that was 9 % slower. Wall time otherwise.
        wall_ratio: The same ratio by wall time.
    """

    candidate: str
    reference: str
    ratio: float
    ci: tuple[float, float] | None
    confidence: float
    pairs: int
    round_ratios: tuple[float, ...]
    clock: ClockName = "wall"
    wall_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason not to trust the figures: the flag, what was seen, and what to do about it."""

    flag: Flag
    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far the figures can be trusted.

    Attributes:
        verdict: In one word.
        flags: Names of the doubts.
        doubts: In words.
    """

    verdict: ReliabilityVerdict
    flags: tuple[Flag, ...]
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True)
class SameInput:
    """How far a variant gives the reference's classes on the pictures that are timed: share of pixels, 0..1."""

    candidate: str
    reference: str
    pixel: float


@dataclass(frozen=True, slots=True)
class BlockTrace:
    """One block, for latency over time.

    Attributes:
        round: From 0.
        at_s: When it began, in seconds since the benchmark did.
        temperature_c: Hottest sensor of the processor; None where there is none.
        clock_mhz: Of the processor it ran on, as the system tells; None where it does not.
    """

    round: int
    at_s: float
    temperature_c: float | None
    clock_mhz: float | None


@dataclass(frozen=True, slots=True)
class BenchReport:
    """A whole benchmark.

    Attributes:
        config: How it was made.
        inputs: What pictures were timed, in words.
        variants: In the order they were given.
        comparisons: Each variant but the reference against it.
        control: The reference against a second session of itself (A/A): what differences are worth here.
        same_input: Correctness, looked at before any timing.
        blocks: In the order of time.
        before: The machine before the first round.
        after: The machine after the last.
        env: Where it ran.
        reliability: How far to trust it.
        looks: How often the figures were looked at; 1: never extended.
        seconds: How long the sampling took, without loading and warm-up.
        pinned: Processors that everything stayed on, the fast ones of mixed cores; None for no binding.
    """

    config: BenchConfig
    inputs: str
    variants: tuple[VariantLatency, ...]
    comparisons: tuple[ComparisonStats, ...]
    control: ComparisonStats
    same_input: tuple[SameInput, ...]
    blocks: tuple[BlockTrace, ...]
    before: Reading
    after: Reading
    env: EnvironmentInfo
    reliability: Reliability
    looks: int
    seconds: float
    pinned: tuple[int, ...] | None = None

    def variant(self, name: str) -> VariantLatency:
        """Give the variant called *name*.

        Raises:
            KeyError: There is none.
        """
        for variant in self.variants:
            if variant.name == name:
                return variant
        raise KeyError(name)

    def comparison(self, candidate: str) -> ComparisonStats:
        """Give the comparison of the variant called *candidate* with the reference.

        Raises:
            KeyError: There is none.
        """
        for comparison in self.comparisons:
            if comparison.candidate == candidate:
                return comparison
        raise KeyError(candidate)


def to_json(report: BenchReport) -> dict[str, Any]:
    """Make plain JSON types of a benchmark."""
    return dataclasses.asdict(report)
