"""What a gate found: frozen data, and its JSON."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fcn_edge.machine.environment import EnvironmentInfo
from fcn_edge.measure.accuracy.result import CompareReport
from fcn_edge.measure.accuracy.result import to_json as compare_to_json
from fcn_edge.measure.bench.result import BenchReport
from fcn_edge.measure.bench.result import to_json as bench_to_json

Verdict = Literal["pass", "fail", "inconclusive", "incomparable"]
Mode = Literal["relative", "ratio", "budget", "accuracy"]
Unit = Literal["ratio", "ms", "share", "points"]


@dataclass(frozen=True, slots=True)
class WorstImage:
    """An image that shows what was lost.

    Attributes:
        sample_id: Of the data folder.
        pixel: Share of its pixels with the reference's class, 0..1.
        picture: A difference picture, where one was written.
    """

    sample_id: str
    pixel: float
    picture: Path | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One question and its answer.

    Attributes:
        name: ``latency``, ``budget``, ``miou_kept``, ``iou.CLASS`` or ``agreement``.
        verdict: In one word.
        value: What was found, in *unit*; None where there is nothing to hold against the limit.
        limit: What is allowed: at least for ``miou_kept`` and ``agreement``, at most for the others.
        unit: ``ratio`` of times, ``ms``, ``share`` (0..1) or ``points`` (0..100).
        interval: Of the value; None where none was computed.
        detail: What was found, in a sentence.
        hint: What to do about it; None where nothing is to be done.
        worst: Images that show it, worst first; only for accuracy that failed.
    """

    name: str
    verdict: Verdict
    value: float | None
    limit: float | None
    unit: Unit
    interval: tuple[float, float] | None = None
    detail: str = ""
    hint: str | None = None
    worst: tuple[WorstImage, ...] = ()


@dataclass(frozen=True, slots=True)
class GatedModel:
    """A model file that took part.

    Attributes:
        path: As it was found.
        name: Of the model, from its card, else the file's.
        fingerprint: SHA-256 of the file without its card.
        precision: ``fp32``, ``fp16``, ``int8``; None where neither card nor name tells.
        bytes: Size of the file.
    """

    path: str
    name: str
    fingerprint: str
    precision: str | None
    bytes: int


@dataclass(frozen=True, slots=True)
class GateReport:
    """A whole gate.

    Attributes:
        verdict: The worst of the checks.
        mode: How latency was judged; ``budget`` and ``accuracy`` where only that was.
        threshold: Largest ratio of times that passes.
        strict: Whether what could not be decided counts as failed.
        base: What the head was timed against; None outside relative mode.
        head: The model that is judged.
        reference: The float model; None where there is none.
        baseline: File of the ratios to keep; None where none was given.
        checks: All questions.
        bench: The benchmark; None where only accuracy was judged.
        confirmation: The second one, which a failure must stand; None where nothing failed in the first.
        compare: Accuracy; None without data.
        env: Where it ran.
        seconds: How long it took.
    """

    verdict: Verdict
    mode: Mode
    threshold: float
    strict: bool
    base: GatedModel | None
    head: GatedModel
    reference: GatedModel | None
    baseline: str | None
    checks: tuple[Check, ...]
    bench: BenchReport | None
    confirmation: BenchReport | None
    compare: CompareReport | None
    env: EnvironmentInfo
    seconds: float

    @property
    def exit_code(self) -> int:
        """0, or 3 where a check failed or, if strict, could not be decided."""
        return 3 if self.verdict == "fail" or (self.strict and self.verdict != "pass") else 0


def to_json(report: GateReport, *, beside: Path | None = None) -> dict[str, Any]:
    """Make plain JSON types of a gate.

    Args:
        report: The gate.
        beside: The folder the JSON goes to; paths of pictures are written relative to it, so that both can be moved
            together.
    """
    whole = {field.name: getattr(report, field.name) for field in dataclasses.fields(report)}
    return {
        **whole,
        "base": _plain(report.base),
        "head": _plain(report.head),
        "reference": _plain(report.reference),
        "checks": [_check(check, beside) for check in report.checks],
        "bench": None if report.bench is None else bench_to_json(report.bench),
        "confirmation": None if report.confirmation is None else bench_to_json(report.confirmation),
        "compare": None if report.compare is None else compare_to_json(report.compare, beside=beside),
        "env": dataclasses.asdict(report.env),
    }


def _plain(model: GatedModel | None) -> dict[str, Any] | None:
    return None if model is None else dataclasses.asdict(model)


def _check(check: Check, beside: Path | None) -> dict[str, Any]:
    return {**dataclasses.asdict(check), "worst": [_image(image, beside) for image in check.worst]}


def _image(image: WorstImage, beside: Path | None) -> dict[str, Any]:
    named = {"id": image.sample_id, "pixel": image.pixel}
    if image.picture is None:
        return named
    picture = image.picture if beside is None else os.path.relpath(image.picture, beside)
    return {**named, "picture": str(picture)}
