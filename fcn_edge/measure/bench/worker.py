"""The process of one round: opens all sessions, warms them up, times them, and answers in JSON lines.

``python -m fcn_edge.measure.bench.worker JOB.json PARENT``. A fresh process for each round, because where a runtime's
memory happens to lie is drawn once per process and would otherwise be part of every time.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import FcnEdgeError
from fcn_edge.machine.reading import Gauge
from fcn_edge.measure.bench.job import (
    Job,
    RoundTimes,
    SessionInfo,
    SessionTimes,
    error_to_json,
    job_from_json,
    to_json,
)
from fcn_edge.measure.bench.session import OpenSession, delegate, open_sessions
from fcn_edge.runtime.contract import image_hw
from fcn_edge.timing.paired import Contestant, SamplingConfig, sample

# Often enough for a bar to move, too seldom to disturb what is measured.
TELL_EVERY_S = 0.25
# Of <sys/prctl.h>.
_PR_SET_PDEATHSIG = 1


def main(path: str, parent: int) -> int:
    """Do one job for the process *parent*.

    The answer goes to what was standard output, since native code writes there at will.
    """
    _die_with_parent(parent)
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            _run(job_from_json(json.loads(Path(path).read_bytes())), out)
        except FcnEdgeError as error:
            _tell(out, "error", error_to_json(error))
            return error.exit_code
    return 0


def _die_with_parent(parent: int) -> None:
    """Ask Linux for SIGKILL when the parent is gone, however it went: an orphan would spoil the next measurement."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before the request
        raise SystemExit(1)


def _run(job: Job, out: TextIO) -> None:
    if job.pin is not None:
        os.sched_setaffinity(0, job.pin)
    with np.load(job.pictures) as archive:
        pictures = [archive[f"arr_{i}"] for i in range(len(archive.files))]
    sessions = open_sessions(job, pictures)
    if job.task == "check":
        for info in _check(sessions, pictures):
            _tell(out, "session", to_json(info))
    else:
        _tell(out, "round", to_json(_time(job, sessions, out)))


def _check(sessions: Sequence[OpenSession], pictures: Sequence[NDArray[np.uint8]]) -> list[SessionInfo]:
    expected = [sessions[0].labels(picture) for picture in pictures]
    found = []
    for session in sessions:
        same = [float(np.mean(session.labels(p) == labels)) for p, labels in zip(pictures, expected, strict=True)]
        backend = session.segmenter.backend
        info = backend.info
        found.append(
            SessionInfo(
                session.name,
                info.runtime,
                info.version,
                info.device,
                delegate(backend),
                image_hw(info.input),
                float(np.mean(same)),
            )
        )
    return found


def _time(job: Job, sessions: Sequence[OpenSession], out: TextIO) -> RoundTimes:
    first = [_first_inference_ms(session) for session in sessions]
    _tell(out, "warm_up", {})
    contestants = [Contestant(session.name, session.segmenter.infer, session.inputs) for session in sessions]
    config = SamplingConfig(
        blocks=job.blocks,
        min_seconds=job.min_seconds,
        time_budget_s=job.time_budget_s,
        seed=job.seed,
        burst=job.burst,
        dropped=job.dropped,
        warm_up_s=job.warm_up_s,
    )
    trace = _Trace(out)
    samples = sample(contestants, config, also=time.process_time, before_block=trace)
    return RoundTimes(
        sessions=tuple(
            SessionTimes(
                series.name,
                session.init_ms,
                first_ms,
                series.repeats,
                series.steady,
                _rounded(series.times_ms),
                _rounded(series.times_ms if series.also_ms is None else series.also_ms),
            )
            for series, session, first_ms in zip(samples.series, sessions, first, strict=True)
        ),
        block_started=tuple(trace.started),
        temperature_c=tuple(trace.temperature_c),
        clock_mhz=tuple(trace.clock_mhz),
        seconds=samples.seconds,
    )


def _rounded(times_ms: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    # Ten nanoseconds are below what a clock resolves, and keep the file small.
    return tuple(tuple(round(float(ms), 5) for ms in block) for block in times_ms)


def _first_inference_ms(session: OpenSession) -> float:
    started = time.perf_counter()
    session.segmenter.infer(session.inputs[0])
    return 1000 * (time.perf_counter() - started)


class _Trace:
    """Notes when each block began and how hot and fast the processor was, and tells how far the round is."""

    def __init__(self, out: TextIO) -> None:
        self.started: list[float] = []
        self.temperature_c: list[float | None] = []
        self.clock_mhz: list[float | None] = []
        self._gauge = Gauge()
        self._out = out
        self._told = -TELL_EVERY_S

    def __call__(self, block: int) -> None:
        now = time.monotonic()
        self.started.append(now)
        self.temperature_c.append(self._gauge.temperature_c())
        self.clock_mhz.append(self._gauge.clock_mhz())
        if now - self._told >= TELL_EVERY_S:
            self._told = now
            _tell(self._out, "block", {"block": block, "seconds": now - self.started[0]})


def _tell(out: TextIO, event: str, content: Mapping[str, Any]) -> None:
    out.write(json.dumps({"event": event, **content}) + "\n")
    out.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
