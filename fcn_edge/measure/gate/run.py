"""The gate: time, compare, judge; a failure is measured again before it counts."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn_edge.dataset import DataFolder
from fcn_edge.machine.environment import find_environment
from fcn_edge.measure.accuracy.comparison import CompareConfig, compare
from fcn_edge.measure.accuracy.result import CompareReport
from fcn_edge.measure.bench.result import BenchReport
from fcn_edge.measure.gate import latency
from fcn_edge.measure.gate.accuracy import accuracy_checks
from fcn_edge.measure.gate.baseline import Baseline, BaselineEntry, differences, isa_of, key_of, read_baseline
from fcn_edge.measure.gate.config import GateConfig
from fcn_edge.measure.gate.plan import Model, Plan, describe, make_plan
from fcn_edge.measure.gate.result import Check, GateReport
from fcn_edge.measure.gate.rule import EVEN, Enough, Interval, confirmed, enough_for, overall
from fcn_edge.measure.spec import VariantSpec, named

Measure = Callable[..., BenchReport]
Compare = Callable[..., CompareReport]


@dataclass(frozen=True, slots=True)
class _Speed:
    """What latency says."""

    checks: tuple[Check, ...] = ()
    bench: BenchReport | None = None
    confirmation: BenchReport | None = None


def gate(
    head: Model,
    *,
    base: Model | None = None,
    reference: Model | None = None,
    baseline: Path | str | None = None,
    data: DataFolder | None = None,
    config: GateConfig | None = None,
    measure: Measure | None = None,
    accuracy: Compare = compare,
) -> GateReport:
    """Judge a model by its latency, its accuracy, or both.

    Args:
        head: The model, as ``MODEL@BACKEND:THREADS``, a path or a spec.
        base: Time the head against this one, interleaved in one run; any machine will do.
        reference: The float model; accuracy is held against it, else against the base.
        baseline: File of ratios; the head's ratio to *reference* now is held against the one in there.
        data: Judge accuracy on it as well.
        config: Limits, and how to measure.
        measure: Times models; :func:`fcn_edge.measure.bench.bench` by default.
        accuracy: Compares models.

    Raises:
        UsageError: Nothing to judge by, too much, a path that does not exist, or models of other classes.
        ResultFileError: The baseline is none.
        ModelFileError: A model cannot be read.
        DatasetError: The data cannot be used.
        MissingPackageError: A runtime is not installed.
    """
    began = time.monotonic()
    config = config or GateConfig()
    path = None if baseline is None else Path(baseline)
    plan = make_plan(head, config, base=base, reference=reference, baseline=path, data=data)
    speed = _speed(plan, config, None if path is None else read_baseline(path), measure)
    compared = None if data is None else compare_models(plan, data, config, accuracy)
    checks = (*speed.checks, *(accuracy_checks(compared, config) if compared else ()))
    return GateReport(
        verdict=overall(checks),
        mode=plan.mode(config),
        threshold=config.threshold,
        strict=config.strict,
        base=describe(plan.base) if plan.base else None,
        head=describe(plan.head),
        reference=describe(plan.reference) if plan.reference else None,
        baseline=None if path is None else str(path),
        checks=checks,
        bench=speed.bench,
        confirmation=speed.confirmation,
        compare=compared,
        env=find_environment(),
        seconds=round(time.monotonic() - began, 1),
    )


def time_models(
    specs: Sequence[VariantSpec], config: GateConfig, measure: Measure, *, enough: Enough | None, again: bool = False
) -> BenchReport:
    """Time named variants, the first of which is the reference; *again* draws another order and other scenes."""
    bench = dataclasses.replace(config.bench, quiet=config.quiet, seed=config.bench.seed + again)
    return measure(
        specs,
        config=bench,
        images=config.images,
        reference=specs[0].name,
        enough=enough,
        state=config.states()[again],
        resume=config.resume,
        preprocessing=config.preprocessing,
        activation=config.activation,
    )


def compare_models(plan: Plan, data: DataFolder, config: GateConfig, accuracy: Compare) -> CompareReport:
    """Compare the head with the reference, else with the base; with itself where that is the same file."""
    against = plan.reference or plan.base or plan.head
    same = (against.path.resolve(), against.backend) == (plan.head.path.resolve(), plan.head.backend)
    specs = [dataclasses.replace(spec, name=None) for spec in ([plan.head] if same else [against, plan.head])]
    return accuracy(
        specs,
        data,
        config.split,
        config=CompareConfig(
            reference=named(specs)[0].name,
            limit=config.limit,
            threads=config.bench.threads,
            pictures=config.pictures,
            quiet=config.quiet,
            preprocessing=config.preprocessing,
            activation=config.activation,
        ),
    )


def timed_variants(plan: Plan) -> tuple[VariantSpec, ...]:
    """Name what is timed: what the head is held against first, then the head."""
    head = dataclasses.replace(plan.head, name=latency.HEAD)
    if plan.base is not None:
        return dataclasses.replace(plan.base, name=latency.BASE), head
    if plan.baseline is not None and plan.reference is not None:
        return dataclasses.replace(plan.reference, name=latency.REFERENCE), head
    return (head,)


def _speed(plan: Plan, config: GateConfig, baseline: Baseline | None, measure: Measure | None) -> _Speed:
    mode = plan.mode(config)
    if mode == "accuracy":
        return _Speed()
    measure = measure or default_measure()
    specs = timed_variants(plan)
    enough = enough_for(config.threshold, _before(plan, baseline, config))
    first = time_models(specs, config, measure, enough=enough)
    checks = _judge(first, plan, config, baseline)
    if all(check.verdict != "fail" for check in checks):
        return _Speed(checks, first)
    second = time_models(specs, config, measure, enough=enough, again=True)
    repeated = {check.name: check for check in _judge(second, plan, config, baseline)}
    return _Speed(tuple(confirmed(check, repeated[check.name]) for check in checks), first, second)


def _judge(report: BenchReport, plan: Plan, config: GateConfig, baseline: Baseline | None) -> tuple[Check, ...]:
    checks = []
    entry = None
    if plan.base is not None:
        checks.append(latency.ratio_check(report, config.threshold, strict=config.strict))
    if baseline is not None:
        key = key_of(report.variant(latency.HEAD), report.variant(latency.REFERENCE), report)
        entry = baseline.find(key)
        if entry is None:
            checks.append(_incomparable(config.threshold, differences(baseline, key)))
        else:
            checks.append(_against_entry(report, entry, plan, config))
    if config.budget_ms is not None and config.board is not None:
        checks.append(latency.budget_check(report, config.budget_ms, config.board))
    elif entry is not None and entry.budget is not None:
        checks.append(latency.budget_check(report, entry.budget.ms, entry.budget.board))
    return tuple(checks)


def _against_entry(report: BenchReport, entry: BaselineEntry, plan: Plan, config: GateConfig) -> Check:
    check = latency.ratio_check(report, config.threshold, before=(entry.ratio, entry.ci), strict=config.strict)
    if plan.reference is None or describe(plan.reference).fingerprint == entry.reference.get("fingerprint"):
        return check
    return dataclasses.replace(check, detail=f"{check.detail}; the float file is not the baseline's")


def _incomparable(threshold: float, differing: Sequence[str]) -> Check:
    what = "; ".join(differing) or "it has no entries"
    return Check(
        name="latency",
        verdict="incomparable",
        value=None,
        limit=threshold,
        unit="ratio",
        detail=f"the baseline has no entry for this: {what}",
        hint='add one from here: the same command with --accept "REASON"; or use --base, which needs no baseline',
    )


def _before(plan: Plan, baseline: Baseline | None, config: GateConfig) -> tuple[Interval, ...]:
    """Give the ratios that a benchmark may have to be held against; which one, its runtime's version decides."""
    if plan.base is not None:
        return (EVEN,)
    if baseline is None:
        return ()
    isa, model, threads = isa_of(find_environment()), describe(plan.head).name, plan.head.threads
    return tuple(
        entry.ci
        for entry in baseline.entries
        if (entry.key.isa, entry.key.model, entry.key.threads) == (isa, model, threads or config.bench.threads)
    )


def default_measure() -> Measure:
    """Give the benchmark; imported where it is used, as accuracy alone needs none."""
    from fcn_edge.measure.bench.run import bench

    return bench
