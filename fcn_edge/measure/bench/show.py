"""Live progress of a benchmark: a bar with the time left on a terminal, a line for each round elsewhere."""

from __future__ import annotations

import contextlib
import sys
from types import TracebackType
from typing import Any, TextIO

from tqdm import tqdm

from fcn_edge.measure.bench.job import Job
from fcn_edge.measure.bench.process import Event

_STEPS = 1000


def tell(text: str, *, quiet: bool, stream: TextIO | None = None) -> None:
    """Say a line on *stream*, standard error by default."""
    if not quiet:
        print(text, file=stream or sys.stderr, flush=True)


class RoundProgress:
    """Shows one round.

    Args:
        number: Of the round, from 0.
        of: How many there are to be.
        job: What the round is asked for.
        quiet: Show nothing.
        stream: Where to; standard error by default.
    """

    def __init__(self, number: int, of: int, job: Job, *, quiet: bool, stream: TextIO | None = None) -> None:
        self._title = f"round {number + 1} of {of}"
        self._job = job
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._bar: Any = None
        self._blocks = 0
        self._seconds = 0.0

    def __enter__(self) -> RoundProgress:  # noqa: PYI034 - typing.Self needs Python 3.11
        if not self._quiet and self._stream.isatty():
            form = "{desc} {bar:24} {percentage:3.0f} %{postfix}"
            self._bar = tqdm(
                total=_STEPS, desc=f"{self._title}: loading", file=self._stream, bar_format=form, leave=False
            )
        return self

    def show(self, event: Event) -> None:
        """Take an event of the round's process."""
        if event["event"] == "warm_up" and self._bar is not None:
            self._bar.set_description_str(f"{self._title}: warming up")
        if event["event"] != "block":
            return
        self._blocks, self._seconds = event["block"], event["seconds"]
        if self._bar is not None:
            self._bar.set_description_str(f"{self._title}: measuring", refresh=False)
            self._bar.set_postfix_str(f"block {self._blocks}, {self._left_s():.0f} s left", refresh=False)
            self._bar.n = int(_STEPS * self._done())
            self._bar.refresh()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif not self._quiet and kind is None:
            # A log that nobody reads any more is no reason to lose the round.
            with contextlib.suppress(OSError):
                print(f"{self._title}: {self._seconds:.0f} s of blocks", file=self._stream, flush=True)

    def _done(self) -> float:
        by_blocks = self._blocks / self._job.blocks
        by_time = self._seconds / self._job.min_seconds if self._job.min_seconds else 1.0
        budget = self._seconds / self._job.time_budget_s
        return min(1.0, max(budget, min(by_blocks, by_time)))

    def _left_s(self) -> float:
        done = self._done()
        return self._seconds * (1 - done) / done if done else self._job.min_seconds
