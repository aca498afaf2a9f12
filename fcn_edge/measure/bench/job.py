"""What a round's process is asked for and what it answers: JSON lines between two processes of ours."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fcn_edge import errors
from fcn_edge.card import Activation
from fcn_edge.errors import FcnEdgeError
from fcn_edge.runtime.pixels import Preprocessing

Task = Literal["check", "round"]


@dataclass(frozen=True, slots=True)
class SessionJob:
    """One session to open: a name unique among them, and a model in a runtime."""

    name: str
    path: str
    backend: str | None
    threads: int


@dataclass(frozen=True, slots=True)
class Job:
    """One process's work.

    Attributes:
        task: ``check``: run every session once on all pictures and compare; ``round``: time them.
        sessions: Opened in this order; the first is the reference.
        pictures: Path of a ``.npz`` with BGR pictures ``arr_0``, ``arr_1``, …, each ``(H, W, 3)`` uint8.
        preprocessing: For models without a card.
        activation: For models without a card.
        pin: Processors to stay on; None for no binding.
        blocks: As :class:`fcn_edge.timing.paired.SamplingConfig` has it, like the following.
        min_seconds: Of this round.
        time_budget_s: Of this round.
        burst: Calls of each session in a block.
        dropped: How many of them do not count.
        warm_up_s: Of each session.
        seed: Of this round.
    """

    task: Task
    sessions: tuple[SessionJob, ...]
    pictures: str
    preprocessing: Preprocessing | None = None
    activation: Activation = "none"
    pin: tuple[int, ...] | None = None
    blocks: int = 20
    min_seconds: float = 2.0
    time_budget_s: float = 24.0
    burst: int = 5
    dropped: int = 2
    warm_up_s: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What was found of a session on opening."""

    name: str
    backend: str
    version: str
    device: str
    delegate: str | None
    input_size_hw: tuple[int, int]
    agreement: float


@dataclass(frozen=True, slots=True)
class SessionTimes:
    """A session's times in one round, by block, of each the calls that count.

    ``samples_ms`` is what passed, ``processor_ms`` what the process spent on processors meanwhile.
    """

    name: str
    init_ms: float
    first_inference_ms: float
    repeats: int
    steady: bool
    samples_ms: tuple[tuple[float, ...], ...]
    processor_ms: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class RoundTimes:
    """A whole round.

    Attributes:
        sessions: In the order of the job.
        block_started: Of each block, on the system's monotonic clock, in seconds.
        temperature_c: Before each block.
        clock_mhz: Before each block.
        seconds: Sampling alone.
    """

    sessions: tuple[SessionTimes, ...]
    block_started: tuple[float, ...]
    temperature_c: tuple[float | None, ...]
    clock_mhz: tuple[float | None, ...]
    seconds: float


def job_from_json(content: Mapping[str, Any]) -> Job:
    """Read a job that :func:`dataclasses.asdict` wrote."""
    fields = dict(content)
    fields["sessions"] = tuple(SessionJob(**session) for session in content["sessions"])
    wanted = content["preprocessing"]
    if wanted is not None:
        wanted = Preprocessing(**{**wanted, "mean": tuple(wanted["mean"]), "std": tuple(wanted["std"])})
    fields["preprocessing"] = wanted
    fields["pin"] = None if content["pin"] is None else tuple(content["pin"])
    return Job(**fields)


def round_from_json(content: Mapping[str, Any]) -> RoundTimes:
    """Read a round that :func:`dataclasses.asdict` wrote."""
    sessions = tuple(
        SessionTimes(**{**session, **{key: tuple(map(tuple, session[key])) for key in ("samples_ms", "processor_ms")}})
        for session in content["sessions"]
    )
    series = {key: tuple(content[key]) for key in ("block_started", "temperature_c", "clock_mhz")}
    return RoundTimes(sessions=sessions, seconds=content["seconds"], **series)


def error_to_json(error: FcnEdgeError) -> dict[str, str]:
    """Write an error so that the other process can raise it."""
    return {"class": type(error).__name__, "message": error.message, "hint": error.hint}


def error_from_json(content: Mapping[str, str]) -> FcnEdgeError:
    """Make the error that the other process met."""
    kind = getattr(errors, content["class"], FcnEdgeError)
    made: FcnEdgeError = kind(content["message"], hint=content["hint"])
    return made


def to_json(answer: RoundTimes | Job | SessionInfo) -> dict[str, Any]:
    """Make plain JSON types."""
    return dataclasses.asdict(answer)
