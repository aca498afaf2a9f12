"""The benchmark: rounds in fresh processes, as many as it takes, then what they say and how far to trust it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fcn_edge.card import Activation
from fcn_edge.errors import UsageError
from fcn_edge.machine.environment import find_environment
from fcn_edge.machine.processor import fast_cluster, usable_cpus
from fcn_edge.measure.bench import summary
from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.measure.bench.doubt import Evidence, judge
from fcn_edge.measure.bench.job import RoundTimes, SessionInfo
from fcn_edge.measure.bench.passes import with_passes
from fcn_edge.measure.bench.pictures import Pictures, find_pictures, write_pictures
from fcn_edge.measure.bench.preflight import preflight
from fcn_edge.measure.bench.result import BenchReport, ComparisonStats, SameInput
from fcn_edge.measure.bench.rounds import (
    Enough,
    Plan,
    Watch,
    clock_for,
    comparisons_of,
    look_first,
    sample_rounds,
    spent_s,
)
from fcn_edge.measure.bench.show import tell
from fcn_edge.measure.bench.store import RoundStore, job_key
from fcn_edge.measure.spec import VariantSpec, most_precise, named, parse_spec
from fcn_edge.runtime.pixels import Preprocessing

# An interval this narrow decides every question a person has; it ends the looks where nobody asks another.
_NARROW = 0.05


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
            ``config.extensions`` times at most. The last comparison is the reference with itself. By default: when all
            intervals are narrower than 5 %.
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
    surroundings = (pictures.digest(), repr(preprocessing), activation, repr(find_environment()))
    store = RoundStore(state, job_key(specs, str(chosen.name), config, surroundings), resume=resume)
    with tempfile.TemporaryDirectory(prefix="fcn-edge-bench-") as folder:
        plan = Plan(
            specs,
            chosen,
            config,
            Path(folder),
            write_pictures(pictures, Path(folder) / "pictures.npz"),
            preprocessing,
            activation,
            fast_cluster(),
        )
        watch = Watch()
        watch.look()
        for note in preflight(plan, watch.readings[0]):
            tell(note, quiet=config.quiet)
        infos = look_first(plan)
        try:
            looks = sample_rounds(plan, store, enough or _narrow, watch, clock_for(plan, infos.values()))
        except KeyboardInterrupt:
            if state is not None and store.rounds:
                tell(f"{len(store.rounds)} finished rounds are kept; --resume goes on with them", quiet=config.quiet)
            raise
        report = _report(plan, pictures, infos, store.rounds, watch, looks)
        return with_passes(report, plan.specs, config)


def _report(
    plan: Plan,
    pictures: Pictures,
    infos: dict[str, SessionInfo],
    rounds: Sequence[RoundTimes],
    watch: Watch,
    looks: int,
) -> BenchReport:
    variants = tuple(
        summary.variant_latency(spec, plan.threads(spec), infos[str(spec.name)], rounds) for spec in plan.specs
    )
    comparisons = comparisons_of(plan, rounds, clock_for(plan, infos.values()))
    control, before, after, seconds = comparisons.pop(), watch.readings[0], watch.last(), spent_s(rounds)
    reference = str(plan.reference.name)
    evidence = Evidence(
        config=plan.config,
        before=before,
        after=after,
        usable_cpus=usable_cpus(allowed=plan.pin),
        threads=max(plan.threads(spec) for spec in plan.specs),
        control=control,
        block_medians_ms=np.concatenate([summary.block_medians(times, reference) for times in rounds]),
        round_medians_ms=np.array([stats.p50_ms for v in variants if v.name == reference for stats in v.rounds]),
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
        pinned=plan.pin,
    )


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


def _check(config: BenchConfig) -> None:
    budget = config.time_budget_s
    if config.rounds < 1 or config.threads < 1 or not (math.isfinite(budget) and budget > 0):
        found = f"{config.rounds} rounds, {config.threads} threads, {budget:g} s"
        raise UsageError(f"{found}: each must be above 0", hint="leave the option out for the protocol's own value")
    if config.seed < 0:
        raise UsageError(f"a seed of {config.seed}: 0 or more was expected", hint="write --seed 0")
