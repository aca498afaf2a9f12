"""Changing the baseline: on purpose, with a reason, and never from figures that are in doubt."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fcn_edge.dataset import DataFolder
from fcn_edge.errors import UnreliableError, UsageError
from fcn_edge.machine.environment import find_environment
from fcn_edge.measure.accuracy.comparison import compare
from fcn_edge.measure.accuracy.result import CompareReport
from fcn_edge.measure.bench.result import BenchReport, ModelSource
from fcn_edge.measure.gate import latency
from fcn_edge.measure.gate.baseline import (
    Baseline,
    BaselineEntry,
    BaselineKey,
    Budget,
    key_of,
    read_baseline,
    with_entry,
    write_baseline,
)
from fcn_edge.measure.gate.config import GateConfig
from fcn_edge.measure.gate.plan import Model, make_plan
from fcn_edge.measure.gate.run import Compare, Measure, compare_models, default_measure, time_models, timed_variants


def accept_baseline(
    head: Model,
    *,
    reference: Model,
    baseline: Path | str,
    reason: str,
    data: DataFolder | None = None,
    config: GateConfig | None = None,
    measure: Measure | None = None,
    accuracy: Compare = compare,
) -> BaselineEntry:
    """Measure the head against its float model and keep the ratio in the baseline file, in the place of an older one.

    Args:
        head: The model.
        reference: The float model.
        baseline: The file; made where it does not exist.
        reason: Why this is the ratio to keep from now on.
        data: Keep the accuracy as well.
        config: How to measure; of the limits only ``budget_ms`` counts, which is kept for this board.
        measure: Times models; :func:`fcn_edge.measure.bench.bench` by default.
        accuracy: Compares models.

    Raises:
        UsageError: An empty reason, a budget for another board, or models that make no pair.
        UnreliableError: The measurement is in doubt. The file stays as it was.
        ResultFileError: The file is there, but is no baseline.
        OutputError: It cannot be written.
    """
    path, config = Path(baseline), config or GateConfig()
    if not reason.strip():
        raise UsageError("an empty reason", hint='say why this ratio is right from now on: --accept "faster head"')
    config = _with_board(config)
    plan = make_plan(head, config, reference=reference, baseline=path, data=data)
    # Read first: nobody wants to wait for a measurement that then has no place.
    before = read_baseline(path) if path.exists() else Baseline(path)
    report = time_models(timed_variants(plan), config, measure or default_measure(), enough=None)
    _check_reliable(report, path)
    compared = None if data is None else compare_models(plan, data, config, accuracy)
    after = with_entry(before, _entry(report, compared, config, reason.strip()))
    write_baseline(after)
    return next(entry for entry in after.entries if entry.key == _key(report))


def _with_board(config: GateConfig) -> GateConfig:
    """Declare this board where a budget is to be kept."""
    here = find_environment().board
    if config.budget_ms is None or config.board == here:
        return config
    if config.board is not None:
        raise UsageError(
            f"a budget for {config.board}, but this is {here}",
            hint="accept a budget on its own board; here leave --board out",
        )
    return dataclasses.replace(config, board=here)


def _check_reliable(report: BenchReport, path: Path) -> None:
    reliability = report.reliability
    if reliability.verdict == "unreliable":
        doubt = reliability.doubts[0] if reliability.doubts else None
        why = f"{doubt.flag}, {doubt.detail}" if doubt else ", ".join(reliability.flags)
        raise UnreliableError(
            f"{path}: stays as it was: the run is unreliable ({why})",
            hint=doubt.hint if doubt else "run again on a quieter machine",
        )
    if report.comparison(latency.HEAD).ci is None:
        raise UnreliableError(
            f"{path}: stays as it was: {latency.too_few(report.comparison(latency.HEAD).pairs)}",
            hint="give it more time: --time-budget S",
        )


def _entry(report: BenchReport, compared: CompareReport | None, config: GateConfig, reason: str) -> BaselineEntry:
    now = report.comparison(latency.HEAD)
    if now.ci is None:
        raise ValueError(now)
    return BaselineEntry(
        key=_key(report),
        ratio=_rounded(now.ratio),
        ci=(_rounded(now.ci[0]), _rounded(now.ci[1])),
        reference=_model(report.variant(latency.REFERENCE).model),
        candidate=_model(report.variant(latency.HEAD).model),
        accuracy=None if compared is None else _accuracy(compared),
        budget=None if config.budget_ms is None or config.board is None else Budget(config.board, config.budget_ms),
        env=dataclasses.asdict(report.env),
        date=dt.datetime.now(dt.timezone.utc).date().isoformat(),
        reason=reason,
    )


def _key(report: BenchReport) -> BaselineKey:
    return key_of(report.variant(latency.HEAD), report.variant(latency.REFERENCE), report)


def _model(source: ModelSource) -> Mapping[str, Any]:
    """Describe a file without its path, which is of one machine."""
    return {"name": source.name, "fingerprint": source.fingerprint, "precision": source.precision}


def _accuracy(compared: CompareReport) -> Mapping[str, Any]:
    head = next((v for v in compared.variants if v.name != compared.reference), compared.variants[0])
    return {
        "miou": head.miou,
        "per_class_iou": dict(head.per_class_iou),
        "agreement": compared.agreement[0].pixel if compared.agreement else 1.0,
        "split": compared.split,
        "images": compared.images,
    }


def _rounded(value: float) -> float:
    # Five digits are more than any interval here is worth, and a diff of the file stays readable.
    return float(f"{value:.5g}")
