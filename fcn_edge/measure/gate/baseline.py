"""The baseline: a committed file of the ratios to keep, one entry for each machine, runtime and model it was made with.

It is changed only on purpose, with a reason, and keeps the reasons of before. What it does not know it leaves as it is.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fcn_edge.atomic import REPORT_SCHEMA_VERSION, write_report
from fcn_edge.errors import ResultFileError, UsageError
from fcn_edge.machine.environment import EnvironmentInfo
from fcn_edge.measure.bench.result import BenchReport, VariantLatency
from fcn_edge.measure.gate.rule import Interval

KIND = "baseline"
_HINT = 'make one: fcn-edge gate --head HEAD --reference FLOAT --baseline FILE --accept "REASON"'


@dataclass(frozen=True, slots=True)
class BaselineKey:
    """What a ratio depends on beside the weights; ratios of different keys say nothing of each other.

    Attributes:
        machine: Architecture, such as ``aarch64``.
        isa: Instructions for inference that the processor has, joined by ``+``; ``none`` where none is known of.
        runtime: Of the head, with version.
        threads: Of the head.
        reference_runtime: Of the float model.
        reference_threads: Of the float model.
        model: The head's name.
        precision: The head's; ``unknown`` where nothing tells.
        input_size: Of the head, height x width.
    """

    machine: str
    isa: str
    runtime: str
    threads: int
    reference_runtime: str
    reference_threads: int
    model: str
    precision: str
    input_size: str


@dataclass(frozen=True, slots=True)
class Budget:
    """Milliseconds that the head may take on one board."""

    board: str
    ms: float


@dataclass(frozen=True, slots=True)
class BaselineEntry:
    """A ratio to keep.

    Attributes:
        key: Where it holds.
        ratio: Head time / float time.
        ci: Its interval.
        reference: Name, fingerprint and precision of the float model.
        candidate: Those of the head.
        accuracy: ``miou``, ``per_class_iou`` and ``agreement`` of the head; None where it was not measured.
        budget: None where none was set.
        env: Where it was measured.
        date: When, ISO 8601.
        reason: Why it was accepted.
        history: Earlier ratios with dates and reasons, the latest first.
    """

    key: BaselineKey
    ratio: float
    ci: Interval
    reference: Mapping[str, Any]
    candidate: Mapping[str, Any]
    accuracy: Mapping[str, Any] | None
    budget: Budget | None
    env: Mapping[str, Any]
    date: str
    reason: str
    history: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline file as read; *content* holds all of it, with what this version does not know."""

    path: Path
    entries: tuple[BaselineEntry, ...] = ()
    content: Mapping[str, Any] = field(default_factory=dict)

    def find(self, key: BaselineKey) -> BaselineEntry | None:
        """Give the entry with this very key."""
        return next((entry for entry in self.entries if entry.key == key), None)


def key_of(head: VariantLatency, reference: VariantLatency, report: BenchReport) -> BaselineKey:
    """Say where the ratio of two variants holds."""
    height, width = head.model.input_size_hw
    return BaselineKey(
        machine=report.env.machine,
        isa=isa_of(report.env),
        runtime=_runtime(head),
        threads=head.runtime.threads,
        reference_runtime=_runtime(reference),
        reference_threads=reference.runtime.threads,
        model=head.model.name,
        precision=head.model.precision or "unknown",
        input_size=f"{height}x{width}",
    )


def isa_of(env: EnvironmentInfo) -> str:
    """Name what the processor has for inference: the ratio of int8 to float depends on nothing more."""
    return "+".join(env.isa) or "none"


def differences(baseline: Baseline, key: BaselineKey) -> tuple[str, ...]:
    """Say in what *key* differs from the entry nearest to it; nothing where there is no entry at all."""
    listed = [_differences(entry.key, key) for entry in baseline.entries]
    return min(listed, key=len, default=())


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file; keys that this version does not know are kept.

    Raises:
        UsageError: It does not exist.
        ResultFileError: It is no baseline, or of a newer schema.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(f"{path}: does not exist; a baseline file was expected", hint=_HINT) from error
    except OSError as error:
        raise ResultFileError(f"{path}: cannot be read: {error.strerror or error}", hint=_HINT) from error
    except ValueError as error:
        raise ResultFileError(f"{path}: is not JSON: {error}", hint=_HINT) from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        kind = content.get("kind") if isinstance(content, dict) else None
        found = "has no kind" if kind is None else f"is of kind {kind!r}"
        raise ResultFileError(f"{path}: {found}; a baseline was expected", hint=_HINT)
    version = content.get("schema_version")
    if not isinstance(version, int) or version > REPORT_SCHEMA_VERSION:
        message = f"{path}: has schema version {version}, this fcn-edge reads up to {REPORT_SCHEMA_VERSION}"
        raise ResultFileError(message, hint="pip install --upgrade fcn-edge")
    try:
        return Baseline(path, tuple(_entry(raw) for raw in content["entries"]), content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"{path}: calls itself a baseline but does not read as one: {error!r}"
        raise ResultFileError(message, hint="take the last committed version of the file") from error


def with_entry(baseline: Baseline, entry: BaselineEntry) -> Baseline:
    """Put an entry in the place of the one with its key, whose ratio and reason become history.

    A budget that was set stays until another is; so does the accuracy of the same candidate.
    """
    before = baseline.find(entry.key)
    if before is not None:
        past = {"date": before.date, "reason": before.reason, "ratio": before.ratio, "ci": list(before.ci)}
        same = before.candidate.get("fingerprint") == entry.candidate["fingerprint"]
        entry = dataclasses.replace(
            entry,
            history=(past, *before.history),
            budget=entry.budget or before.budget,
            accuracy=entry.accuracy or (before.accuracy if same else None),
        )
    raws = {_entry(raw).key: raw for raw in baseline.content.get("entries", ())}
    # Through JSON, so that what is kept in memory is what will be read.
    raws[entry.key] = json.loads(json.dumps({**raws.get(entry.key, {}), **dataclasses.asdict(entry)}))
    ordered = [raws[key] for key in sorted(raws, key=dataclasses.astuple)]
    return Baseline(baseline.path, tuple(map(_entry, ordered)), {**baseline.content, "entries": ordered})


def write_baseline(baseline: Baseline) -> None:
    """Write the file whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    known = ("schema_version", "kind")
    content = {"entries": [], **baseline.content}
    write_report(baseline.path, KIND, {key: value for key, value in content.items() if key not in known})


def _entry(raw: Mapping[str, Any]) -> BaselineEntry:
    key, budget = raw["key"], raw.get("budget")
    low, high = map(float, raw["ci"])
    ratio = float(raw["ratio"])
    if not 0 < low <= ratio <= high:
        message = f"ratio {ratio:g} with interval {low:g} to {high:g}"
        raise ValueError(message)
    return BaselineEntry(
        key=BaselineKey(**{field.name: key[field.name] for field in dataclasses.fields(BaselineKey)}),
        ratio=ratio,
        ci=(low, high),
        reference=dict(raw["reference"]),
        candidate=dict(raw["candidate"]),
        accuracy=raw.get("accuracy"),
        budget=None if budget is None else Budget(str(budget["board"]), float(budget["ms"])),
        env=dict(raw.get("env", {})),
        date=str(raw["date"]),
        reason=str(raw["reason"]),
        history=tuple(raw.get("history", ())),
    )


def _differences(before: BaselineKey, now: BaselineKey) -> tuple[str, ...]:
    fields: Sequence[str] = [field.name for field in dataclasses.fields(BaselineKey)]
    return tuple(
        f"{name.replace('_', ' ')}: {getattr(before, name)} in the baseline, {getattr(now, name)} now"
        for name in fields
        if getattr(before, name) != getattr(now, name)
    )


def _runtime(variant: VariantLatency) -> str:
    runtime = variant.runtime
    device = "" if runtime.device == "cpu" else f" on {runtime.device}"
    return f"{runtime.backend} {runtime.version}{device}"
