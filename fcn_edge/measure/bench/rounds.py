"""The rounds of a benchmark: one fresh process each, as many as it takes for the figures to decide."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fcn_edge.card import Activation
from fcn_edge.machine.reading import Reading, take_reading
from fcn_edge.measure.bench import summary
from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.measure.bench.job import Job, RoundTimes, SessionInfo, SessionJob, Task, round_from_json
from fcn_edge.measure.bench.process import Event, run_job
from fcn_edge.measure.bench.result import ClockName, ComparisonStats
from fcn_edge.measure.bench.show import RoundProgress
from fcn_edge.measure.bench.store import RoundStore
from fcn_edge.measure.spec import VariantSpec
from fcn_edge.runtime.pixels import Preprocessing

Enough = Callable[[Sequence[ComparisonStats]], bool]

CONTROL = " (control)"


@dataclass(frozen=True, slots=True)
class Plan:
    """What stays the same in all rounds.

    Attributes:
        specs: What is timed, named.
        reference: One of them, which the others are compared with.
        config: The protocol.
        folder: A temporary one.
        pictures: File of the pictures in it.
        preprocessing: For models without a card.
        activation: For models without a card.
        pin: Processors to stay on; None for no binding.
    """

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
        """Name of the second session of the reference."""
        return f"{self.reference.name}{CONTROL}"

    def threads(self, spec: VariantSpec) -> int:
        """Tell how many threads a variant has."""
        return self.config.threads if spec.threads is None else spec.threads

    def session(self, spec: VariantSpec, *, name: str | None = None) -> SessionJob:
        """Make a variant's session, under its own name or another."""
        return SessionJob(name or str(spec.name), str(spec.path), spec.backend, self.threads(spec))

    def job(self, task: Task, sessions: Sequence[SessionJob]) -> Job:
        """Make a job of sessions."""
        return Job(
            task=task,
            sessions=tuple(sessions),
            pictures=str(self.pictures),
            preprocessing=self.preprocessing,
            activation=self.activation,
            pin=self.pin,
            burst=self.config.burst,
            dropped=self.config.dropped,
            warm_up_s=self.config.warm_up_s,
        )


@dataclass(slots=True)
class Watch:
    """Looks at the machine after each round, so that what happens in between is not missed."""

    readings: list[Reading] = field(default_factory=list)

    def look(self) -> None:
        """Take a reading."""
        self.readings.append(take_reading())

    def last(self) -> Reading:
        """Give the last reading, with what was ever seen of throttling and too weak a supply."""
        last = self.readings[-1]
        return dataclasses.replace(
            last,
            throttled_now=_ever([reading.throttled_now for reading in self.readings]),
            undervoltage_now=_ever([reading.undervoltage_now for reading in self.readings]),
        )


def look_first(plan: Plan) -> dict[str, SessionInfo]:
    """Open every model and run all pictures once, before anything is timed; the reference comes first."""
    sessions = [plan.reference, *(spec for spec in plan.specs if spec is not plan.reference)]
    events = run_job(plan.job("check", [plan.session(spec) for spec in sessions]), plan.folder)
    infos = [
        SessionInfo(**{**_without_name(event), "input_size_hw": tuple(event["input_size_hw"])}) for event in events
    ]
    return {info.name: info for info in infos}


def clock_for(plan: Plan, infos: Iterable[SessionInfo]) -> ClockName:
    """Choose the clock of the ratios; see :attr:`fcn_edge.measure.bench.result.ComparisonStats.clock`."""
    alone = all(plan.threads(spec) == 1 for spec in plan.specs) and all(info.device == "cpu" for info in infos)
    return "processor" if alone else "wall"


def sample_rounds(plan: Plan, store: RoundStore, enough: Enough, watch: Watch, clock: ClockName) -> int:
    """Run rounds until they are enough; give the number of looks."""
    config = plan.config
    for look in range(1, config.extensions + 2):
        wanted = look * config.rounds
        while len(store.rounds) < wanted:
            store.add(_round(plan, len(store.rounds), wanted, spent_s(store.rounds)))
            watch.look()
        decided = enough(comparisons_of(plan, store.rounds, clock))
        # Rounds kept from before may already be those of a later look.
        later = len(store.rounds) > wanted
        if not later and (decided or config.time_budget_s - spent_s(store.rounds) < config.min_seconds):
            break
    watch.look()
    return look


def comparisons_of(plan: Plan, rounds: Sequence[RoundTimes], clock: ClockName) -> list[ComparisonStats]:
    """Compare every variant with the reference, and last the reference with itself."""
    names = [str(spec.name) for spec in plan.specs if spec is not plan.reference]
    return [
        summary.compare_sessions(rounds, name, str(plan.reference.name), confidence=plan.config.confidence, clock=clock)
        for name in [*names, plan.control]
    ]


def spent_s(rounds: Sequence[RoundTimes]) -> float:
    """Sum up the seconds of sampling."""
    return sum(times.seconds for times in rounds)


def _round(plan: Plan, number: int, wanted: int, spent_s: float) -> RoundTimes:
    config = plan.config
    sessions = [*(plan.session(spec) for spec in plan.specs), plan.session(plan.reference, name=plan.control)]
    # Opened in another order each time: what lies where in memory, and what a cold disk costs, falls on all of them.
    turn = number % len(sessions)
    job = dataclasses.replace(
        plan.job("round", sessions[turn:] + sessions[:turn]),
        blocks=math.ceil(config.blocks / config.rounds),
        min_seconds=config.min_seconds / config.rounds,
        time_budget_s=(config.time_budget_s - spent_s) / (wanted - number),
        seed=config.seed * 1000 + number,
    )
    with RoundProgress(number, wanted, job, quiet=config.quiet) as progress:
        (event,) = run_job(job, plan.folder, on_event=progress.show)
    return round_from_json(_without_name(event))


def _without_name(event: Event) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key != "event"}


def _ever(seen: Sequence[bool | None]) -> bool | None:
    known = [value for value in seen if value is not None]
    return any(known) if known else None
