"""The whole of tuning: list, look, race, choose, remember."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from fcn_edge.errors import ModelFileError
from fcn_edge.machine.environment import find_environment
from fcn_edge.machine.processor import usable_cpus
from fcn_edge.model_file import TuneChoice, choice, find_family
from fcn_edge.runtime.registry import BACKENDS
from fcn_edge.runtime.segmenter import Segmenter
from fcn_edge.runtime.tune.agreement import shares
from fcn_edge.runtime.tune.candidate import Candidate, list_candidates
from fcn_edge.runtime.tune.choosing import choose, with_times
from fcn_edge.runtime.tune.config import TuneConfig, check
from fcn_edge.runtime.tune.pictures import find_pictures
from fcn_edge.runtime.tune.race import MOST_AT_ONCE, Race, run_race
from fcn_edge.runtime.tune.result import CandidateStats, TuneReport
from fcn_edge.runtime.tune.screening import Clock, Opener, look_at, screen

# Where nearly all pixels have one class, to agree is easy.
_ONE_CLASS = 0.995


def tune_model(
    model: str | Path,
    config: TuneConfig | None = None,
    *,
    opener: Opener | None = None,
    clock: Clock = time.perf_counter,
) -> TuneReport:
    """Measure how a model runs best on this device, and remember it.

    Args:
        model: A model file, or the name of a shipped model: then all its files may be chosen.
        config: How; the defaults suit most.
        opener: Opens a candidate; None for the real one.
        clock: Gives seconds.

    Raises:
        UsageError: There is no such model, nothing to run it with, or a wish that cannot be met.
        ModelFileError: The reference cannot be run, so there is nothing to compare with.
        OutputError: The choice cannot be kept.
    """
    config = config or TuneConfig()
    check(config)
    started = clock()
    family = find_family(model, siblings=config.siblings)
    field = list_candidates(family, config)
    opener = opener or _opener(config)
    pictures = find_pictures(config)
    expected = look_at(field.reference, pictures.bgr, opener=opener, clock=clock, fastest_s=float("inf"))
    if not expected.masks:
        reason = f"{field.reference.name}: the others are compared with it, but it fails: {expected.stats.reason}"
        raise ModelFileError(reason, hint="leave its backend out with --backends, or export the model again")
    screened = screen(
        field.candidates,
        expected,
        pictures.bgr,
        opener=opener,
        clock=clock,
        min_agreement=config.min_agreement,
        quiet=config.quiet,
    )
    screened, racing = _shortlist(screened)
    race = run_race(
        racing,
        pictures.bgr,
        opener=opener,
        clock=clock,
        time_budget_s=config.time_budget_s,
        seed=config.seed,
        quiet=config.quiet,
    )
    agreement = {stats.candidate: stats.agreement or 0.0 for stats in screened}
    chosen = choose(race, agreement)
    results = with_times(screened, race, chosen)
    kept = _choice(chosen, results, race, agreement[chosen])
    cache = choice.remember(family, kept, package=BACKENDS[chosen.backend].package) if config.remember else None
    by_name = dict(zip(expected.class_names, shares(expected.masks, classes=len(expected.class_names)), strict=True))
    return TuneReport(
        model=str(model),
        reference=field.reference.name,
        pictures=pictures.words,
        class_shares=by_name,
        candidates=results,
        absent=field.absent,
        choice=kept,
        cache=cache,
        notes=_idle_delegate(results) + _notes(chosen, by_name, drawn=config.images is None and config.data is None),
        interrupted=race.interrupted,
        seconds=clock() - started,
        env=find_environment(),
    )


def forget_choice(model: str | Path) -> bool:
    """Forget what was chosen for a model; tell whether there was anything.

    Raises:
        UsageError: There is no such model.
        OutputError: The cache cannot be written.
    """
    return choice.forget(find_family(model))


def _opener(config: TuneConfig) -> Opener:
    def open_candidate(candidate: Candidate) -> Segmenter:
        return Segmenter.open(
            candidate.path,
            backend=candidate.backend,
            threads=candidate.threads,
            delegate=candidate.delegate,
            classes=config.classes,
            preprocessing=config.preprocessing,
            activation=config.activation,
        )

    return open_candidate


def _shortlist(screened: Sequence[CandidateStats]) -> tuple[list[CandidateStats], list[Candidate]]:
    """Take the fastest few; there is not the memory for all to be open at once."""
    left = [stats for stats in screened if stats.verdict == "not_measured"]
    left.sort(key=lambda stats: stats.call_ms or 0.0)
    racing = [stats.candidate for stats in left[:MOST_AT_ONCE]]
    reason = f"not among the {MOST_AT_ONCE} fastest at first look"
    out = {stats.candidate for stats in left[MOST_AT_ONCE:]}
    kept = [replace(s, verdict="too_slow", reason=reason) if s.candidate in out else s for s in screened]
    return kept, racing


def _choice(chosen: Candidate, results: Sequence[CandidateStats], race: Race, agreement: float) -> TuneChoice:
    median_ms = float(np.median(race.times_ms[chosen]))
    equals = sum(stats.verdict == "equal" for stats in results)
    beside = f"; {equals} as fast within the noise or 3 %" if equals else ""
    why = f"fastest of {len(results)} candidates, {len(race.times_ms)} of them timed{beside}"
    return TuneChoice(
        path=chosen.path,
        backend=chosen.backend,
        threads=chosen.threads,
        delegate=chosen.delegate,
        median_ms=round(median_ms, 4),
        agreement=round(agreement, 6),
        tuned_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        why=why,
    )


def _idle_delegate(results: Sequence[CandidateStats]) -> tuple[str, ...]:
    """Say so where the delegate that was asked for served nowhere."""
    asked = [stats for stats in results if stats.candidate.delegate is not None]
    if asked and all(stats.verdict == "failed" for stats in asked):
        return (f"the delegate could not be used: {asked[0].reason}",)
    return ()


def _notes(chosen: Candidate, class_shares: Mapping[str, float], *, drawn: bool) -> tuple[str, ...]:
    notes = []
    cpus = usable_cpus()
    if chosen.threads >= cpus > 1:
        notes.append(
            f"{chosen.threads} threads take all of {cpus:g} processors; a camera needs one for capture and drawing: "
            f"tune with --threads {max(1, int(cpus) - 1)} if its frames come late"
        )
    largest = max(class_shares, key=lambda name: class_shares[name])
    if class_shares[largest] > _ONE_CLASS:
        notes.append(
            f"{100 * class_shares[largest]:.1f} % of the pixels are {largest}: that masks agree says little; "
            "give pictures of what the model is for: --images FOLDER"
        )
    elif drawn:
        notes.append("the pictures are drawn, not of what the model is for: --images FOLDER compares on your own")
    return tuple(notes)
