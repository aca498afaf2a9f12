"""One output with a thread of its own, so that none of them waits for another and inference waits for none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import OutputError
from fcn_edge.live.frame import Clock
from fcn_edge.live.handover import Handover
from fcn_edge.live.result import Result, Sink
from fcn_edge.live.status import OutputStatus

# Enough to ride out a disk that pauses for some hundredths of a second, little enough that nothing shown is late.
RESULTS_WAITING = 2
# After a failure a live output is left alone for so long, then longer each time: a full disk stays full for a while.
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A result on its way to an output.

    Attributes:
        result: What was segmented.
        picture_bgr: What is shown of it.
        done: To be called once when the output needs neither any more: True if it took the result, False if not.
    """

    result: Result
    picture_bgr: NDArray[np.uint8]
    done: Callable[[bool], None]


class Outlet:
    """Writes results to a sink in a thread of its own.

    Of a live source a result that finds the sink busy replaces one that waits, and a sink that fails is tried again
    after a pause; of a film or folder every result is written, and a failure ends the run.

    Args:
        sink: Closed here.
        live: Whether the source is live.
        on_error: Told of what ends the run.
        on_trouble: Told when a live output fails, and with an empty text when it works again.
        seat: Called by the thread before it begins.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        live: bool,
        on_error: Callable[[BaseException], None],
        on_trouble: Callable[[str, str], None] | None = None,
        seat: Callable[[], None] = lambda: None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._sink = sink
        self._live = live
        self._on_error = on_error
        self._on_trouble = on_trouble
        self._seat = seat
        self._clock = clock
        self._queue = Handover[Delivery](RESULTS_WAITING, drop_oldest=live)
        # Each counter is written by one thread only: those of the queue by who delivers, the others by the own thread.
        self._written = self._undrawn = self._pushed_out = self._lost = 0
        self._error = ""
        self._pause_s = FIRST_PAUSE_S
        self._retry_at = 0.0
        self._thread = threading.Thread(target=self._work, name=f"fcn-edge-{sink.name}", daemon=True)

    @property
    def name(self) -> str:
        """Of the sink."""
        return self._sink.name

    @property
    def needs_picture(self) -> bool:
        """Whether the overlay has to be drawn for it."""
        return self._sink.needs_picture

    @property
    def needs_frame(self) -> bool:
        """Whether it wants the frame without the overlay."""
        return self._sink.needs_frame

    @property
    def status(self) -> OutputStatus:
        """What became of the results so far."""
        return OutputStatus(self._written, self._undrawn + self._pushed_out + self._lost, self._error)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def count_lost(self) -> None:
        """Count a result that was lost before it came here."""
        self._undrawn += 1

    def put(self, delivery: Delivery) -> None:
        """Hand a result over: at once where the source is live, else when there is room."""
        lost = self._queue.put(delivery)
        if lost is not None:
            self._pushed_out += 1
            lost.done(False)  # noqa: FBT003 - the one thing it tells

    def finish(self, timeout_s: float | None) -> bool:
        """Write what still waits and close the sink; False if that took too long, so that its thread is left behind."""
        self._queue.close()
        if self._thread.ident is None:
            self._close()
        else:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        self._seat()
        try:
            while (delivery := self._queue.get()) is not None:
                written = False
                try:
                    written = self._write(delivery)
                finally:
                    delivery.done(written)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for the run
            self._on_error(error)
            for delivery in self._queue.close(discard=True):
                delivery.done(False)  # noqa: FBT003 - the one thing it tells
        self._close()

    def _write(self, delivery: Delivery) -> bool:
        if self._error and self._clock() < self._retry_at:
            self._lost += 1
            return False
        try:
            self._sink.write(delivery.result, delivery.picture_bgr)
        except (OutputError, OSError) as error:
            if not self._live:
                raise
            self._fail(getattr(error, "message", None) or f"{self.name}: {error}")
            return False
        self._written += 1
        if self._error:
            self._error, self._pause_s = "", FIRST_PAUSE_S
            self._tell("")
        return True

    def _fail(self, error: str) -> None:
        self._lost += 1
        first = not self._error
        self._error = error
        self._retry_at = self._clock() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        if first:
            self._tell(error)

    def _tell(self, error: str) -> None:
        if self._on_trouble is not None:
            self._on_trouble(self.name, error)

    def _close(self) -> None:
        try:
            self._sink.close()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other outputs have to be closed too
            # What could not be written has been told of already.
            if not self._error:
                self._on_error(error)
