"""Who is watching: seats, and handing each viewer the newest picture when it is ready for one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from fcn_edge.live.web.encoder import Encoded
from fcn_edge.live.web.newest import Newest


class Seat:
    """One viewer's place.

    Attributes:
        form: In which it takes results.
        had: Number of the result it took last.
        waiting: Set while it waits for a picture.
    """

    __slots__ = ("form", "had", "waiting")

    def __init__(self, form: str) -> None:
        self.form = form
        self.had = 0
        self.waiting: asyncio.Future[Encoded] | None = None


class Audience:
    """All viewers. Belongs to the server's event loop but for :attr:`watching`.

    Nobody has a queue: a viewer that is ready gets the newest result there is, and what came meanwhile it never sees.

    Args:
        newest: Where results come from.
        seats: How many may watch at once.

    Attributes:
        watching: Somebody is there; read by the thread that writes results.
    """

    def __init__(self, newest: Newest, seats: int) -> None:
        self.watching = False
        self._newest = newest
        self._free = seats
        self._seats: set[Seat] = set()
        self._latest: dict[str, Encoded] = {}

    @property
    def viewers(self) -> int:
        """How many watch."""
        return len(self._seats)

    @property
    def full(self) -> bool:
        """No seat is free."""
        return len(self._seats) >= self._free

    @contextlib.contextmanager
    def seat(self, form: str) -> Iterator[Seat]:
        """Take a seat for as long as the context lasts; whether one is free is for the caller to ask."""
        seat = Seat(form)
        if not self._seats:
            # A result that was being copied while the last viewer left is still there, and may be hours old.
            self._newest.forget()
        self._seats.add(seat)
        self.watching = True
        try:
            yield seat
        finally:
            self._seats.discard(seat)
            if not self._seats:
                self.watching = False
                self._latest.clear()
                self._newest.forget()

    async def picture(self, seat: Seat) -> Encoded:
        """Wait for the newest result that *seat* has not had yet."""
        latest = self._latest.get(seat.form)
        if latest is None or latest.number == seat.had or latest.number != self._newest.number:
            seat.waiting = asyncio.get_running_loop().create_future()
            self._newest.want(seat.form)
            try:
                latest = await seat.waiting
            finally:
                seat.waiting = None
        seat.had = latest.number
        return latest

    def publish(self, encoded: Encoded) -> None:
        """Hand a picture to everyone who waits for one of its form."""
        if not self._seats:
            return
        self._latest[encoded.form] = encoded
        for seat in self._seats:
            if seat.form == encoded.form and seat.waiting is not None and not seat.waiting.done():
                seat.waiting.set_result(encoded)
