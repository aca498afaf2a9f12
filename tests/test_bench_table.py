"""What ``bench`` prints, whole."""

from __future__ import annotations

import dataclasses

from fcn_edge.machine.environment import EnvironmentInfo
from fcn_edge.machine.reading import Reading
from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.measure.bench.result import (
    BenchReport,
    BlockTrace,
    ComparisonStats,
    Doubt,
    MemoryStats,
    ModelSource,
    Reliability,
    RoundStats,
    RuntimeInfo,
    SameInput,
    VariantLatency,
)
from fcn_edge.measure.bench.table import format_table
from fcn_edge.timing.intervals import LatencyStats

QUIET = """\
Raspberry Pi 5 Model B, 2 threads, 8 drawn scenes
2 fresh processes, 100 blocks in 12 s; milliseconds

model              runtime       median     p90  p99     min   load   first  memory
─────────────────  ────────────  ──────  ──────  ───  ──────  ─────  ──────  ──────
road.fp32.tflite   litert 2.3.0  120.00  132.00    —  114.00  12.00  240.00   85 MB
road.int8.tflite   litert 2.3.0   30.00   33.00    —   28.50  12.00   60.00   85 MB
road2.int8.tflite  litert 2.3.0   31.20   34.32    —   29.64  12.00   62.40   85 MB

against road.fp32.tflite  wall time  98.3 % interval  same class
────────────────────────  ─────────  ───────────────  ──────────  ───────────────────────────────
road.int8.tflite             0.250x   0.248 to 0.252     99.12 %  4.00 times as fast
road2.int8.tflite            1.040x                —    >99.99 %  too few blocks to say
itself, a second session     1.001x   0.999 to 1.003              what a difference is worth here

✓ reliable"""


def variant(name: str, ms: float) -> VariantLatency:
    return VariantLatency(
        name=name,
        model=ModelSource(name, "road", "0" * 64, 1000, "tflite", "int8", (128, 128)),
        runtime=RuntimeInfo("litert", "2.3.0", "cpu", "xnnpack", 2),
        latency_ms=LatencyStats(300, 0.95 * ms, ms, 1.1 * ms, 1.2 * ms, None, ms, 0.01 * ms, 0),
        init_ms=12.0,
        first_inference_ms=2 * ms,
        repeats=1,
        rounds=(RoundStats(12.0, 2 * ms, ms, steady=True, blocks=50),) * 2,
        samples_ms=(ms,),
        memory=MemoryStats(85.4, 120.0),
    )


def report() -> BenchReport:
    names = ("road.fp32.tflite", "road.int8.tflite", "road2.int8.tflite")
    return BenchReport(
        config=BenchConfig(),
        inputs="8 drawn scenes",
        variants=tuple(variant(name, ms) for name, ms in zip(names, (120.0, 30.0, 31.2), strict=True)),
        comparisons=(
            ComparisonStats(names[1], names[0], 0.25, (0.248, 0.252), 0.9833, 100, (0.25,)),
            ComparisonStats(names[2], names[0], 1.04, None, 0.9833, 100, (1.04,)),
        ),
        control=ComparisonStats("road.fp32.tflite (control)", names[0], 1.001, (0.999, 1.003), 0.9833, 100, (1.0,)),
        same_input=(SameInput(names[1], names[0], 0.9912), SameInput(names[2], names[0], 0.99999)),
        blocks=(BlockTrace(0, 0.0, 51.0, 2400.0),) * 100,
        before=Reading(),
        after=Reading(),
        env=EnvironmentInfo("Raspberry Pi 5 Model B", "aarch64", 4, "Linux 6.12", "3.13.0", {"numpy": "2.4.6"}),
        reliability=Reliability("reliable", (), ()),
        looks=1,
        seconds=12.3,
    )


def test_a_quiet_benchmark_reads_at_a_glance():
    assert format_table(report()).splitlines() == QUIET.splitlines()


def test_doubts_stand_last_with_what_to_do():
    doubt = Doubt("throttled", "the board slowed itself down", "give it a fan")
    shown = format_table(dataclasses.replace(report(), reliability=Reliability("unreliable", ("throttled",), (doubt,))))

    assert shown.splitlines()[-3:] == ["✗ unreliable", "  throttled: the board slowed itself down", "    give it a fan"]


def test_a_small_difference_is_said_in_per_cent():
    small = dataclasses.replace(report().comparisons[0], ratio=1.052, ci=(1.04, 1.06))

    assert "5.2 % slower" in format_table(dataclasses.replace(report(), comparisons=(small,)))


def test_extensions_are_told():
    assert "in 12 s, extended 2 times; milliseconds" in format_table(dataclasses.replace(report(), looks=3))


def test_what_lies_within_the_control_is_no_difference():
    off = dataclasses.replace(report().control, ratio=0.92, ci=(0.90, 0.94))
    small = dataclasses.replace(report().comparisons[0], ratio=0.93, ci=(0.925, 0.935))

    assert "no difference shown" in format_table(dataclasses.replace(report(), control=off, comparisons=(small,)))


def test_a_variant_that_computes_something_else_is_warned_of():
    strange = (SameInput("road.int8.tflite", "road.fp32.tflite", 0.4), report().same_input[1])

    shown = format_table(dataclasses.replace(report(), same_input=strange))

    assert "note: road.int8.tflite gives only 40.00 % of the pixels the class that road.fp32.tflite gives" in shown
