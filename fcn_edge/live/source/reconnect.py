"""A live source that may be lost and comes back."""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import SourceError
from fcn_edge.live.frame import Clock, Frame, Source, SourceHealth, SourceInfo
from fcn_edge.live.source.config import Pauses
from fcn_edge.live.source.gaps import FrameTimes

# A source that is open but gives nothing for so long, and for three frame times, has a note in its health.
SILENT_S = 1.0
_TURN_S = 0.05

OpenAgain = Callable[[], Source]


def open_while(wanted: Callable[[], bool], opener: OpenAgain) -> Source | None:
    """Open a source in a thread of its own, and give up as soon as it is not *wanted* any more.

    OpenCV waits for a stream that does not answer in a call that nothing can interrupt. Given up, that call ends by
    itself, and what it then opened is closed.

    Args:
        wanted: False ends the waiting; asked twenty times a second.
        opener: Opens the source.

    Returns:
        The source, or None once it is not wanted.

    Raises:
        SourceError: Whatever *opener* raised.
    """
    opened: queue.SimpleQueue[Source | BaseException] = queue.SimpleQueue()

    def work() -> None:
        try:
            opened.put(opener())
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            opened.put(error)
        if not wanted():
            _close_unwanted(opened)

    threading.Thread(target=work, name="fcn-edge-open", daemon=True).start()
    while wanted():
        with contextlib.suppress(queue.Empty):
            answer = opened.get(timeout=_TURN_S)
            if isinstance(answer, BaseException):
                raise answer
            return answer
    # Whichever side comes second finds what the other has left, so a device is never kept open for nobody.
    _close_unwanted(opened)
    return None


def _close_unwanted(opened: queue.SimpleQueue[Source | BaseException]) -> None:
    with contextlib.suppress(queue.Empty):
        answer = opened.get_nowait()
        if not isinstance(answer, BaseException):
            answer.close()


@dataclass(frozen=True, slots=True)
class _Loss:
    """A loss that has not ended: since when, why, and when the next attempt is due (None: it is under way)."""

    since: float
    why: str
    next_try_at: float | None = None


@dataclass(frozen=True, slots=True)
class _State:
    """What became of the source so far; the loss that lasts is not in *gap_s* yet."""

    loss: _Loss | None = None
    losses: int = 0
    reconnects: int = 0
    gaps: int = 0
    gap_s: float = 0.0


class LiveSource:
    """A live source as whoever reads it wants it: lost, it is opened again; frames are counted through.

    Numbers and media times go on rising over a loss, the latter by the clock, so that a recording keeps its length. The
    size may be another afterwards.

    A read that waits inside a driver cannot be interrupted, only one that waits for a lost source to come back. Drivers
    end theirs by themselves after :attr:`SourceConfig.timeout_s`; one that never does holds the thread that reads, and
    nothing else: :attr:`health` and :meth:`interrupt` never wait for it.

    Args:
        source: Open.
        open_again: Opens it another time; None: a loss is an error.
        pauses: Before each attempt.
        clock: Monotonic seconds.
        wait: Waits for seconds and tells whether reading is over; by default an :meth:`interrupt` ends it.
        chance: Gives 0..1, for the pauses' jitter.
    """

    def __init__(
        self,
        source: Source,
        open_again: OpenAgain | None,
        *,
        pauses: Pauses | None = None,
        clock: Clock = time.monotonic,
        wait: Callable[[float], bool] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._source: Source | None = source
        self._info = source.info
        self._open_again = open_again
        self._pauses = pauses or Pauses()
        self._clock = clock
        self._chance = chance
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        # Replaced as a whole by the thread that reads, so that health needs no lock that a hanging read could hold.
        self._state = _State()
        self._times = FrameTimes(source.info.rate_fps)
        self._delivered = 0
        self._first_at = 0.0
        self._last_at = self._well_since = clock()
        self._attempts = 0

    @property
    def info(self) -> SourceInfo:
        """What the source is; after it came back, what it is now."""
        return self._info

    @property
    def health(self) -> SourceHealth:
        """How it is doing just now. For any thread."""
        state, now = self._state, self._clock()
        note, next_try_s, gap_s = "", None, state.gap_s
        if state.loss is not None:
            note = state.loss.why
            next_try_s = None if state.loss.next_try_at is None else max(0.0, state.loss.next_try_at - now)
            gap_s += max(0.0, now - state.loss.since)
        elif not self._stop.is_set() and now - self._last_at > max(SILENT_S, self._times.longest_s()):
            note = f"{self._info.name}: no frame for {now - self._last_at:.0f} s"
        return SourceHealth(
            waiting=state.loss is not None,
            note=note,
            next_try_s=next_try_s,
            losses=state.losses,
            reconnects=state.reconnects,
            gaps=state.gaps,
            gap_s=gap_s,
        )

    def read(self, spare: NDArray[np.uint8] | None = None) -> Frame | None:
        """Wait for the next frame, through losses; None after :meth:`interrupt`.

        Args:
            spare: Memory that the picture may be decoded into.

        Raises:
            SourceError: It was lost and is not to be opened again.
        """
        while not self._stop.is_set():
            if self._source is None and not self._bring_back():
                continue
            try:
                frame = None if self._source is None else self._source.read(spare)
            except SourceError as error:
                if self._open_again is None:
                    raise
                self._lose(error.message)
                continue
            if frame is not None:
                return self._take(frame)
            if self._open_again is None:
                return None
            self._lose(f"{self._info.name}: the {self._info.kind} ended after {self._delivered} frames")
        return None

    def interrupt(self) -> None:
        """Let a reader that waits for the lost source come back at once, with None. For any thread."""
        self._stop.set()
        source = self._source
        if source is not None:
            source.interrupt()

    def close(self) -> None:
        """Give the device back. May be called twice; not while another thread reads."""
        self._stop.set()
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _lose(self, why: str) -> None:
        """Give the device back and note since when there are no frames."""
        source, self._source = self._source, None
        if source is not None:
            source.close()
        if self._stop.is_set():
            return
        state = self._state
        if state.loss is not None:
            self._change_loss(why=why)
            return
        if self._last_at - self._well_since >= self._pauses.reset_after_s:
            self._attempts = 0
        self._state = dataclasses.replace(state, loss=_Loss(self._last_at, why), losses=state.losses + 1)

    def _change_loss(self, **changes: object) -> None:
        if self._state.loss is not None:
            loss = dataclasses.replace(self._state.loss, **changes)  # type: ignore[arg-type]  # names are checked there
            self._state = dataclasses.replace(self._state, loss=loss)

    def _bring_back(self) -> bool:
        """Wait a pause and try once to open the source; False when that failed or the run is over."""
        if self._open_again is None:
            return False
        pause_s = self._next_pause_s()
        self._change_loss(next_try_at=self._clock() + pause_s)
        if self._wait(pause_s):
            return False
        self._change_loss(next_try_at=None)
        try:
            source = open_while(lambda: not self._stop.is_set(), self._open_again)
        except SourceError as error:
            self._change_loss(why=error.message)
            return False
        if source is None:
            return False
        self._source, self._info = source, source.info
        self._times = FrameTimes(source.info.rate_fps)
        if self._stop.is_set():
            # The interrupt came between the opening and here, and found no source that it could pass itself on to.
            source.interrupt()
        return True

    def _next_pause_s(self) -> float:
        pauses = self._pauses
        # The power overflows a float after a thousand attempts, a night at the longest pause.
        grown = pauses.first_s * pauses.factor ** min(self._attempts, 30)
        self._attempts += 1
        return min(pauses.longest_s, grown) * (1 + pauses.jitter * (2 * self._chance() - 1))

    def _take(self, frame: Frame) -> Frame:
        """Count a frame, and with it the end of a loss or a gap."""
        state = self._state
        if state.loss is not None:
            gap_s = state.gap_s + max(0.0, frame.ready_at - state.loss.since)
            self._state = dataclasses.replace(state, loss=None, reconnects=state.reconnects + 1, gap_s=gap_s)
            self._well_since = frame.ready_at
        late_s = self._times.late_s(frame.begun_at)
        if late_s:
            self._state = dataclasses.replace(state, gaps=state.gaps + 1, gap_s=state.gap_s + late_s)
        if not self._delivered:
            self._first_at = frame.begun_at
        self._last_at = frame.ready_at
        counted = dataclasses.replace(
            frame, number=self._delivered, media_time_s=max(0.0, frame.begun_at - self._first_at)
        )
        self._delivered += 1
        return counted
