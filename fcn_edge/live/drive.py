"""The main thread of a run: the window lives there, and the end is decided there."""

from __future__ import annotations

import threading
import time

from fcn_edge.errors import OutputError
from fcn_edge.live.frame import Clock
from fcn_edge.live.pipeline import Pipeline
from fcn_edge.live.status_line import StatusLine
from fcn_edge.live.window import Window

_TURN_S = 0.05


class Driver:
    """Keeps a pipeline company until it is finished.

    Args:
        pipeline: Not started yet.
        window: Shown from here; None for none.
        status: The line for people.
        stop: Ends the run when set.
        minutes: Ends it after so many; None for never.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        window: Window | None,
        status: StatusLine,
        stop: threading.Event,
        *,
        minutes: float | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.stopped = False
        self._pipeline = pipeline
        self._window = window
        self._status = status
        self._stop = stop
        self._clock = clock
        self._minutes = minutes
        self._failed: BaseException | None = None

    def run(self) -> BaseException | None:
        """Start the pipeline and wait for its end; give the error that ended it."""
        ends_at = None if self._minutes is None else self._clock() + 60 * self._minutes
        self._pipeline.start()
        try:
            while not self._pipeline.finished.is_set():
                if ends_at is not None and self._clock() >= ends_at:
                    ends_at = None
                    self._pipeline.cancel()
                self._turn()
                self._status.update()
        except BaseException:
            self._pipeline.cancel()
            self._pipeline.finished.wait()
            raise
        finally:
            self._status.close()
            if self._window is not None:
                self._window.close()
        return self._failed or self._pipeline.join()

    def _turn(self) -> None:
        if self._stop.is_set() and not self.stopped:
            self.stopped = True
            self._pipeline.cancel()
        if self._window is None or self.stopped or self._failed:
            self._pipeline.finished.wait(_TURN_S)
            return
        try:
            if not self._window.turn():
                self._stop.set()
        except OutputError as error:
            self._failed = error
            self._pipeline.cancel()
