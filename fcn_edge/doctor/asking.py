"""Asking in a process of its own what may not import, may hang, or may die of an illegal instruction."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# A Raspberry Pi 3 needs seconds for what a desk does in a tenth.
_LONGEST_S = 60.0
_LONGEST_TEXT = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What a process said.

    Attributes:
        events: One mapping for each thing it had to tell, in order.
        failure: How it ended, where not well: ``died of SIGILL (illegal instruction)``; None for a good end.
    """

    events: tuple[Mapping[str, Any], ...]
    failure: str | None = None

    @property
    def first(self) -> Mapping[str, Any]:
        """The first event; empty where there is none."""
        return self.events[0] if self.events else {}


# From the arguments of fcn_edge.doctor.probe to what it answered.
Ask = Callable[[Sequence[str]], Answer]


def ask(arguments: Sequence[str], *, longest_s: float = _LONGEST_S) -> Answer:
    """Run :mod:`fcn_edge.doctor.probe` with *arguments*; whatever becomes of it, an answer comes.

    Args:
        arguments: See there.
        longest_s: Seconds after which it is ended.
    """
    command = [sys.executable, "-m", "fcn_edge.doctor.probe", *arguments]
    # The current folder must be importable from nowhere else than where this package came from.
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
            text=True,
            errors="replace",
            env=environ,
            timeout=longest_s,
        )
    except subprocess.TimeoutExpired as error:
        said = error.stdout or b""
        return Answer(_events(said.decode(errors="replace") if isinstance(said, bytes) else said), _too_long(longest_s))
    except OSError as error:
        return Answer((), f"could not be started: {error.strerror or error}")
    return Answer(_events(done.stdout), _how_it_ended(done.returncode, done.stderr))


def _events(text: str) -> tuple[Mapping[str, Any], ...]:
    found = []
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            # A library's greeting, or half a line of a process that died.
            continue
        if isinstance(event, dict):
            found.append(event)
    return tuple(found)


def _how_it_ended(code: int, chatter: str) -> str | None:
    if code == 0:
        return None
    if code < 0:
        return f"died of {_signal(-code)}"
    lines = [line.strip() for line in chatter.splitlines() if line.strip()]
    return f"ended with exit code {code}" + (f": {lines[-1][:_LONGEST_TEXT]}" if lines else "")


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    meaning = {"SIGILL": " (illegal instruction)", "SIGKILL": " (killed, for want of memory perhaps)"}
    return name + meaning.get(name, "")


def _too_long(longest_s: float) -> str:
    return f"did not answer within {longest_s:.0f} s"
