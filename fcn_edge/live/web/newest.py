"""The newest result, copied out of the run's memory, for the thread that encodes it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcn_edge.live.result import Result


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a result.

    Attributes:
        number: Counts copies, from 1.
        frame: The source's number of the frame.
        image_bgr: ``(H, W, 3)`` uint8, the plain frame.
        labels: ``(H, W)`` uint8 class ids.
        shares: ``(K,)`` float64, share of each class, 0..1.
        begun_at: Monotonic seconds of the capture.
        result_s: Seconds from capture to mask.
        fps: Masks a second, lately.
    """

    number: int
    frame: int
    image_bgr: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    shares: NDArray[np.float64]
    begun_at: float
    result_s: float
    fps: float


class Newest:
    """Keeps the newest result and who wants it in which form.

    One thread puts, one takes, any may want. Putting never waits for an encoding: it copies into memory that the taker
    does not hold at the moment. Three pictures' memory goes round: one being filled, the newest, one being encoded.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: Copy | None = None
        self._taken: Copy | None = None
        self._spare: list[Copy] = []
        self._count = 0
        self._wanted: set[str] = set()
        self._encoded: dict[str, int] = {}
        self._closed = False

    @property
    def number(self) -> int:
        """Of the newest copy; 0 before the first."""
        return self._count

    def put(self, result: Result) -> None:
        """Copy a result; it becomes the newest. For one thread only."""
        with self._changed:
            room = self._spare.pop() if self._spare else None
        frame = result.frame
        copy = Copy(
            self._count + 1,
            frame.number,
            _copied(frame.image_bgr, room.image_bgr if room else None),
            _copied(result.labels, room.labels if room else None),
            result.shares.copy(),
            frame.begun_at,
            sum(result.times_s),
            result.fps,
        )
        with self._changed:
            if self._closed:
                return
            if self._newest is not None and self._newest is not self._taken:
                self._spare.append(self._newest)
            self._newest = copy
            self._count += 1
            self._changed.notify_all()

    def want(self, form: str) -> None:
        """Ask that the newest result that was not encoded in *form* yet be taken for it."""
        with self._changed:
            self._wanted.add(form)
            self._changed.notify_all()

    def take(self) -> tuple[Copy, tuple[str, ...]] | None:
        """Wait for a result that somebody wants; give it and the forms wanted. None after :meth:`close`.

        The copy taken before may be overwritten from now on.
        """
        with self._changed:
            if self._taken is not None and self._taken is not self._newest:
                self._spare.append(self._taken)
            self._taken = None
            self._changed.wait_for(lambda: self._closed or bool(self._due()))
            if self._closed or self._newest is None:
                return None
            forms = self._due()
            self._wanted.difference_update(forms)
            self._encoded.update(dict.fromkeys(forms, self._newest.number))
            self._taken = self._newest
            return self._newest, forms

    def forget(self) -> None:
        """Drop the newest result: what nobody watched becomes old."""
        with self._changed:
            if self._newest is not None and self._newest is not self._taken:
                self._spare.append(self._newest)
            self._newest = None
            self._wanted.clear()

    def close(self) -> None:
        """Let the taker come back; what is put afterwards is lost."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _due(self) -> tuple[str, ...]:
        newest = self._newest
        if newest is None:
            return ()
        return tuple(form for form in sorted(self._wanted) if self._encoded.get(form) != newest.number)


def _copied(array: NDArray[np.uint8], room: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    if room is None or room.shape != array.shape:
        return np.array(array, np.uint8, order="C")
    np.copyto(room, array)
    return room
