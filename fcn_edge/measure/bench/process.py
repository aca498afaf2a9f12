"""Running a job in a process of its own, and reading what it answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from fcn_edge.errors import FcnEdgeError, ModelFileError
from fcn_edge.measure.bench.job import Job, error_from_json, to_json

Event = Mapping[str, Any]
_LAST_LINES = 3


def run_job(job: Job, folder: Path, *, on_event: Callable[[Event], None] | None = None) -> list[Event]:
    """Run one job and give all its events but those of progress.

    Args:
        job: What to do.
        folder: A temporary one, for the job's file.
        on_event: Called with every event as it comes.

    Raises:
        FcnEdgeError: What the process met, in its own class.
        ModelFileError: The process died, of a fault in native code or for want of memory.
    """
    path = folder / "job.json"
    path.write_text(json.dumps(to_json(job)), encoding="utf-8")
    events = []
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as chatter:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "fcn_edge.measure.bench.worker", str(path), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=chatter,
            text=True,
            env=_environment(job),
            # An interrupt at the terminal is for the parent, which then ends this process.
            start_new_session=True,
        )
        try:
            for event in _events(process):
                if event["event"] == "error":
                    raise error_from_json(event)
                if on_event is not None:
                    on_event(event)
                if event["event"] not in ("block", "warm_up"):
                    events.append(event)
            if code := process.wait():
                raise _died(job, code, chatter)
        finally:
            _end(process)
    return events


def _events(process: subprocess.Popen[str]) -> Iterator[Event]:
    lines: IO[str] = process.stdout  # type: ignore[assignment] # a pipe was asked for
    for line in lines:
        # A process that is killed leaves half a line.
        if line.endswith("\n"):
            yield json.loads(line)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _environment(job: Job) -> dict[str, str]:
    """TensorFlow takes its threads from the environment, when it is first imported."""
    threads = str(max(session.threads for session in job.sessions))
    # The current folder must be importable from nowhere else than where this package came from.
    return {
        **os.environ,
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }


def _died(job: Job, code: int, chatter: IO[str]) -> FcnEdgeError:
    files = ", ".join(dict.fromkeys(Path(session.path).name for session in job.sessions))
    chatter.seek(0)
    said = " / ".join(line.strip() for line in chatter.read().splitlines()[-_LAST_LINES:] if line.strip())
    how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return ModelFileError(
        f"{files}: the process that timed them ended {how}{': ' if said else ''}{said}",
        hint="time the models one by one to find the one, or try another runtime: MODEL@BACKEND",
    )
