"""The benchmark: rounds in fresh processes, as many as it takes, then what they say and how far to trust it."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fcn_edge.card import Activation
from fcn_edge.errors import UsageError
from fcn_edge.machine.environment import find_environment
from fcn_edge.machine.processor import fast_cluster, usable_cpus
from fcn_edge.machine.reading import Reading, take_reading
from fcn_edge.measure.bench import summary
from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.measure.bench.doubt import Evidence, judge
from fcn_edge.measure.bench.job import Job, RoundTimes, SessionInfo, SessionJob, round_from_json
from fcn_edge.measure.bench.passes import with_passes
from fcn_edge.measure.bench.pictures import Pictures, find_pictures, write_pictures
from fcn_edge.measure.bench.process import Event, run_job
from fcn_edge.measure.bench.result import BenchReport, ComparisonStats, SameInput
from fcn_edge.measure.bench.show import RoundProgress
from fcn_edge.measure.bench.store import RoundStore, job_key
from fcn_edge.measure.spec import VariantSpec, most_precise, named, parse_spec
from fcn_edge.runtime.pixels import Preprocessing

Enough = Callable[[Sequence[ComparisonStats]], bool]

# An interval this narrow decides every question a person has; it ends the looks where nobody asks another.
_NARROW = 0.05


@dataclass(frozen=True, slots=True)
class _Plan:
    """What stays the same in all rounds."""

    specs: tuple[VariantSpec, ...]
    reference: VariantSpec
    config: BenchConfig
    folder: Path
    pictures: Path
    preprocessing: Preprocessing | None
    activation: Activation
    pin: tuple[int, ...] | None

    @property
    def control(self) -> str:
        return f"{self.reference.name} (control)"

    def threads(self, spec: VariantSpec) -> int:
        return spec.threads or self.config.threads


def bench(
    models: Sequence[str | Path | VariantSpec],
    *,
    config: BenchConfig | None = None,
    images: Sequence[Path] | None = None,
    reference: str | None = None,
    enough: Enough | None = None,
    state: Path | None = None,
    resume: bool = False,
    preprocessing: Preprocessing | None = None,
    activation: Activation = "none",
) -> BenchReport:
    """Time models side by side.

    Args:
        models: ``MODEL``, ``MODEL@BACKEND:THREADS`` or a spec each; any mix of files and runtimes.
        config: The protocol.
        images: Picture files and folders to time on; None draws scenes.
        reference: Name of the variant the others are compared with, or the model as it was given; by default the most
            precise file.
        enough: Looks at the comparisons and says whether they decide; where not, the rounds are run again,
            ``config.extensions`` times at most. By default: when all intervals are narrower than 5 %.
        state: A file that keeps finished rounds until the caller removes it.
        resume: Go on with the rounds in *state*.
        preprocessing: For models without a card.
        activation: For models without a card.

    Raises:
        UsageError: No model, one that does not exist or is named twice, an unknown backend, too few pictures, or rounds
            to resume that are of something else.
        ModelFileError: A model cannot be read, or the process that ran it died.
        MissingPackageError: A runtime is not installed.
        OutputError: *state* cannot be written.
    """
    config = config or BenchConfig()
    _check(config)
    specs = named([model if isinstance(model, VariantSpec) else parse_spec(model) for model in models])
    chosen = _reference(specs, models, reference)
    pictures = find_pictures(images, count=config.inputs, seed=config.seed)
    store = RoundStore(state, job_key(specs, str(chosen.name), config, pictures.words), resume=resume)
    with tempfile.TemporaryDirectory(prefix="fcn-edge-bench-") as folder:
        plan = _Plan(
            specs,
            chosen,
            config,
            Path(folder),
            write_pictures(pictures, Path(folder) / "pictures.npz"),
            preprocessing,
            activation,
            fast_cluster(),
        )
        before = take_reading()
        infos = _look_first(plan)
        looks = _sample(plan, store, enough or _narrow)
        report = _report(plan, pictures, infos, store.rounds, before, looks)
        return with_passes(report, plan.specs, config)


def _look_first(plan: _Plan) -> dict[str, SessionInfo]:
    """Open every model and run all pictures once, before anything is timed."""
    sessions = [plan.reference, *(spec for spec in plan.specs if spec is not plan.reference)]
    job = _job(plan, "check", [_session(plan, spec) for spec in sessions])
    events = run_job(job, plan.folder)
    infos = [
        SessionInfo(
            **{**{k: v for k, v in event.items() if k != "event"}, "input_size_hw": tuple(event["input_size_hw"])}
        )
        for event in events
    ]
    return {info.name: info for info in infos}


def _sample(plan: _Plan, store: RoundStore, enough: Enough) -> int:
    """Run rounds until they are enough; give the number of looks."""
    config = plan.config
    for look in range(1, config.extensions + 2):
        wanted = look * config.rounds
        while len(store.rounds) < wanted:
            store.add(_round(plan, len(store.rounds), wanted, _spent(store.rounds)))
        comparisons = _comparisons(plan, store.rounds)
        decided = enough(
            [comparison for comparison in comparisons if comparison.candidate != plan.control] or comparisons
        )
        # Rounds kept from before may already be those of a later look.
        later = len(store.rounds) > wanted
        if not later and (decided or config.time_budget_s - _spent(store.rounds) < config.min_seconds):
            break
    return look


def _round(plan: _Plan, number: int, wanted: int, spent_s: float) -> RoundTimes:
    config = plan.config
    sessions = [*(_session(plan, spec) for spec in plan.specs), _session(plan, plan.reference, name=plan.control)]
    # Opened in another order each time: what lies where in memory, and what a cold disk costs, falls on all of them.
    turn = number % len(sessions)
    job = dataclasses.replace(
        _job(plan, "round", sessions[turn:] + sessions[:turn]),
        blocks=math.ceil(config.blocks / config.rounds),
        min_seconds=config.min_seconds / config.rounds,
        time_budget_s=(config.time_budget_s - spent_s) / (wanted - number),
        seed=config.seed * 1000 + number,
    )
    with RoundProgress(number, wanted, job, quiet=config.quiet) as progress:
        (event,) = run_job(job, plan.folder, on_event=progress.show)
    return round_from_json(_without_name(event))


def _report(
    plan: _Plan,
    pictures: Pictures,
    infos: dict[str, SessionInfo],
    rounds: Sequence[RoundTimes],
    before: Reading,
    looks: int,
) -> BenchReport:
    variants = tuple(
        summary.variant_latency(spec, plan.threads(spec), infos[str(spec.name)], rounds) for spec in plan.specs
    )
    comparisons = _comparisons(plan, rounds)
    control, after, seconds = comparisons.pop(), take_reading(), _spent(rounds)
    reference = str(plan.reference.name)
    evidence = Evidence(
        config=plan.config,
        before=before,
        after=after,
        usable_cpus=usable_cpus(allowed=plan.pin),
        threads=max(plan.threads(spec) for spec in plan.specs),
        control=control,
        block_medians_ms=np.concatenate([summary.block_medians(times, reference) for times in rounds]),
        rounds_of_block=np.repeat(np.arange(len(rounds)), [len(times.block_started) for times in rounds]),
        latency={variant.name: variant.latency_ms for variant in variants},
        steady=all(stats.steady for variant in variants for stats in variant.rounds),
        seconds=seconds,
    )
    return BenchReport(
        config=plan.config,
        inputs=pictures.words,
        variants=variants,
        comparisons=tuple(comparisons),
        control=control,
        same_input=tuple(
            SameInput(name, reference, info.agreement) for name, info in infos.items() if name != reference
        ),
        blocks=summary.block_traces(rounds),
        before=before,
        after=after,
        env=find_environment(),
        reliability=judge(evidence),
        looks=looks,
        seconds=round(seconds, 1),
    )


def _comparisons(plan: _Plan, rounds: Sequence[RoundTimes]) -> list[ComparisonStats]:
    """Compare every variant with the reference, and last the reference with itself."""
    names = [str(spec.name) for spec in plan.specs if spec is not plan.reference]
    return [
        summary.compare_sessions(rounds, name, str(plan.reference.name), confidence=plan.config.confidence)
        for name in [*names, plan.control]
    ]


def _job(plan: _Plan, task: str, sessions: Sequence[SessionJob]) -> Job:
    return Job(
        task="check" if task == "check" else "round",
        sessions=tuple(sessions),
        pictures=str(plan.pictures),
        preprocessing=plan.preprocessing,
        activation=plan.activation,
        pin=plan.pin,
        burst=plan.config.burst,
        dropped=plan.config.dropped,
        warm_up_s=plan.config.warm_up_s,
    )


def _session(plan: _Plan, spec: VariantSpec, *, name: str | None = None) -> SessionJob:
    return SessionJob(name or str(spec.name), str(spec.path), spec.backend, plan.threads(spec))


def _reference(
    specs: Sequence[VariantSpec], models: Sequence[str | Path | VariantSpec], wanted: str | None
) -> VariantSpec:
    if wanted is None:
        return most_precise(specs)
    for spec, model in zip(specs, models, strict=True):
        if wanted in (spec.name, str(model), str(spec.path)):
            return spec
    names = ", ".join(str(spec.name) for spec in specs)
    raise UsageError(f"{wanted}: the reference is not among the models", hint=f"use one of {names}")


def _narrow(comparisons: Sequence[ComparisonStats]) -> bool:
    return all(c.ci is not None and c.ci[1] / c.ci[0] - 1 <= _NARROW for c in comparisons)


def _spent(rounds: Sequence[RoundTimes]) -> float:
    return sum(times.seconds for times in rounds)


def _without_name(event: Event) -> Event:
    return {key: value for key, value in event.items() if key != "event"}


def _check(config: BenchConfig) -> None:
    if config.rounds < 1 or config.threads < 1 or config.time_budget_s <= 0:
        found = f"{config.rounds} rounds, {config.threads} threads, {config.time_budget_s:g} s"
        raise UsageError(f"{found}: each must be above 0", hint="leave the option out for the protocol's own value")
