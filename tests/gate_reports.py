"""Benchmarks and comparisons written by hand, for the rules of the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fcn_edge.machine.environment import EnvironmentInfo
from fcn_edge.machine.reading import Reading
from fcn_edge.measure.accuracy.result import (
    AgreementReport,
    CompareReport,
    FlipStats,
    SampleAccuracy,
    SampleAgreement,
    VariantReport,
)
from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.measure.bench.result import (
    BenchReport,
    ComparisonStats,
    Doubt,
    ModelSource,
    Reliability,
    RoundStats,
    RuntimeInfo,
    SameInput,
    VariantLatency,
)
from fcn_edge.timing.intervals import LatencyStats

BOARD = "Raspberry Pi 5 Model B"
ENV = EnvironmentInfo(BOARD, "aarch64", 4, "Linux 6.12", "3.13.0", {"numpy": "2.4.6"}, isa=("asimddp",))


def bench_report(
    ratio: float = 1.0,
    ci: tuple[float, float] | None = (0.99, 1.01),
    *,
    other: str = "base",
    head_ms: float = 30.0,
    rounds_ms: Sequence[float] | None = None,
    verdict: str = "reliable",
    flags: Sequence[str] = (),
    control: float = 1.0,
    version: str = "2.3.0",
) -> BenchReport:
    """Make a benchmark of a head that takes *ratio* times as long as the other."""
    head = _variant("head", rounds_ms or [head_ms] * 5, "int8", version)
    doubts = tuple(Doubt(flag, f"{flag} was seen", f"mend {flag}") for flag in flags)
    return BenchReport(
        config=BenchConfig(),
        inputs="8 drawn scenes",
        variants=(_variant(other, [head_ms / ratio] * 5, "fp32" if other == "reference" else "int8", version), head),
        comparisons=(ComparisonStats("head", other, ratio, ci, 0.9833, 100, (ratio,) * 5),),
        control=ComparisonStats(f"{other} (control)", other, control, (control, control), 0.9833, 100, (control,) * 5),
        same_input=(SameInput("head", other, 0.99),),
        blocks=(),
        before=Reading(),
        after=Reading(),
        env=ENV,
        reliability=Reliability(verdict, tuple(flags), doubts),
        looks=1,
        seconds=12.0,
    )


def _variant(name: str, rounds_ms: Sequence[float], precision: str, version: str) -> VariantLatency:
    middle = sorted(rounds_ms)[len(rounds_ms) // 2]
    return VariantLatency(
        name=name,
        model=ModelSource(f"road.{precision}.tflite", "road", precision[0] * 64, 1000, "tflite", precision, (96, 128)),
        runtime=RuntimeInfo("litert", version, "cpu", "xnnpack", 2),
        latency_ms=LatencyStats(300, middle, middle, middle, middle, None, middle, 0.0, 0),
        init_ms=10.0,
        first_inference_ms=40.0,
        repeats=1,
        rounds=tuple(RoundStats(10.0, 40.0, ms, steady=True, blocks=20) for ms in rounds_ms),
        samples_ms=(middle,),
    )


def compare_report(
    before: Mapping[str, float | None],
    now: Mapping[str, float | None],
    *,
    pixel: float = 0.99,
    samples: tuple[Sequence[SampleAccuracy], Sequence[SampleAccuracy]] = ((), ()),
    masks: bool = True,
) -> CompareReport:
    """Make a comparison from the IoU of each class, of a float model and of the head."""
    names = ("float.tflite", "head.tflite")
    images = tuple(SampleAgreement(f"image{i}", pixel - 0.01 * i) for i in range(3))
    first, *_, last = before
    return CompareReport(
        data="data",
        split="val",
        classes=tuple(before),
        images=3,
        reference=names[0],
        tiled=False,
        variants=tuple(
            _accuracy(name, iou, counts, masks=masks)
            for name, iou, counts in zip(names, (before, now), samples, strict=True)
        ),
        agreement=(AgreementReport(names[1], names[0], pixel, 3, (FlipStats(last, first, 50),), images[::-1], images),),
        env=ENV,
    )


def _accuracy(
    name: str, iou: Mapping[str, float | None], samples: Sequence[SampleAccuracy], *, masks: bool
) -> VariantReport:
    found = [value for value in iou.values() if value is not None]
    return VariantReport(
        name=name,
        path=name,
        format="tflite",
        precision="fp32",
        bytes=1000,
        runtime="litert 2.3.0",
        input_size_hw=(96, 128),
        fingerprint="0" * 64,
        images=3 if masks else 0,
        miou=sum(found) / len(found) if masks else None,
        pixel_accuracy=0.9 if masks else None,
        per_class_iou=dict(iou) if masks else dict.fromkeys(iou),
        confusion=(),
        samples=tuple(samples),
    )
