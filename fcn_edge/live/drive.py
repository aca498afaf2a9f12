"""The main thread of a run: the window lives there, and the end is decided there."""

from __future__ import annotations

import threading
import time

from fcn_edge.errors import OutputError
from fcn_edge.live.frame import Clock
from fcn_edge.live.pipeline import Pipeline
from fcn_edge.live.status import AskStatus, summarise
from fcn_edge.live.status_line import StatusLine
from fcn_edge.live.window import Window
from fcn_edge.machine.service import ServiceNotifier

_TURN_S = 0.05
# A model on a slow board may take some seconds for a frame; a camera without one for so long is not working.
_STANDS_STILL_S = 30.0
_TELL_EVERY_S = 5.0


class Driver:
    """Keeps a pipeline company until it is finished.

    Args:
        pipeline: Not started yet.
        window: Shown from here; None for none.
        status: The line for people.
        stop: Ends the run when set.
        minutes: Ends it after so many; None for never.
        service: Told that the run is alive as long as frames become masks, or a lost source is waited for.
        look: Takes one look at the run, for the service's status.
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
        service: ServiceNotifier | None = None,
        look: AskStatus | None = None,
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
        self._service = service or ServiceNotifier({})
        self._look = look
        self._processed = 0
        self._moved_at = self._told_at = clock()

    def run(self) -> BaseException | None:
        """Start the pipeline and wait for its end; give the error that ended it."""
        ends_at = None if self._minutes is None else self._clock() + 60 * self._minutes
        self._pipeline.start()
        self._moved_at = self._clock()
        self._service.ready("waiting for the first frame")
        try:
            while not self._pipeline.finished.is_set():
                if ends_at is not None and self._clock() >= ends_at:
                    ends_at = None
                    self._pipeline.cancel()
                self._turn()
                self._status.update()
                self._tell_service()
        except BaseException:
            self._pipeline.cancel()
            self._pipeline.finished.wait()
            raise
        finally:
            self._service.stopping()
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

    def _tell_service(self) -> None:
        """Say that the run is alive, unless it stands still: then the service manager starts it anew."""
        if not self._service.active or self._look is None:
            return
        now, processed = self._clock(), self._pipeline.tally.processed
        if processed != self._processed:
            self._processed, self._moved_at = processed, now
        told = now - self._told_at >= _TELL_EVERY_S
        status = self._look() if told or now - self._moved_at > _STANDS_STILL_S else None
        if status is not None and status.health.waiting:
            # The camera is gone, which a new start would not mend.
            self._moved_at = now
        if now - self._moved_at <= _STANDS_STILL_S:
            self._service.alive()
        if told and status is not None:
            self._told_at = now
            self._service.status(summarise(status))
