"""Asking a program of the board's maker."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence

# From a program and its arguments to what it wrote on standard output; None where it is not there or failed.
Runner = Callable[[Sequence[str]], "str | None"]

_LONGEST_S = 3.0


def run_tool(command: Sequence[str]) -> str | None:
    """Run a program for at most 3 seconds and give what it wrote; None where it is not there or failed."""
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a program of the board's own system, with our arguments
            [program, *command[1:]],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
            text=True,
            errors="replace",
            timeout=_LONGEST_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
