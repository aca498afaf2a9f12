"""The scenarios: one line each in a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from camera_proof import disk, speed, steady, viewers
from camera_proof.report import Bar

Found = tuple[tuple[Bar, ...], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something to put the camera to.

    Attributes:
        name: On the command line.
        what: In words.
        model: ``5ms`` or ``30ms``, or empty for a shipped one.
        run: From the folder of work, the model and the minutes of the long run to what was found.
    """

    name: str
    what: str
    model: str
    run: Callable[[Path, Path, float], Found]


def _speed(work: Path, model: Path, minutes: float) -> Found:
    del minutes
    return speed.measure_speed(work, model)


def _speed_and_besides(work: Path, model: Path, minutes: float) -> Found:
    bars, figures = _speed(work, model, minutes)
    return (*bars, speed.besides_bar(figures)), figures


def _short(run: Callable[[Path, Path], Found]) -> Callable[[Path, Path, float], Found]:
    return lambda work, model, minutes: run(work, model)  # noqa: ARG005 - only the long run has minutes


LONG_RUN = "live"
FULL_MINUTES = 10.0

SCENARIOS = (
    Scenario("speed-5ms", "throughput with a model of about 5 ms, overlay and recording on", "5ms", _speed),
    Scenario(
        "speed-30ms", "throughput with a model of about 30 ms, overlay and recording on", "30ms", _speed_and_besides
    ),
    Scenario("start", "from nothing to the first mask, with the shipped people", "", _short(steady.start)),
    Scenario(LONG_RUN, "a live stream at 30 frames a second, page and rotating recording on", "30ms", steady.live),
    Scenario(
        "server-killed", "the stream's server killed and started again ten times", "30ms", _short(steady.server_killed)
    ),
    Scenario("yanked", "a camera pulled out and plugged in ten times (the shipped fake)", "", _short(disk.yanked)),
    Scenario("disk-full", "a disk that is full while recording", "", _short(disk.disk_full)),
    Scenario("killed", "SIGKILL while recording, ten times", "", _short(disk.killed)),
    Scenario(
        "viewers",
        "a viewer that never reads, fifty viewers, a thousand requests of junk",
        "30ms",
        _short(viewers.viewers),
    ),
    Scenario("seats", "fifty viewers with a seat for each", "30ms", _short(viewers.seats)),
)
