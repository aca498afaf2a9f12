"""The door in front of the HTTP server: counts connections, shuts out the slow, tells when a socket is empty.

An HTTP server waits for the end of a request as long as its client likes, and takes as many clients as there are file
descriptors. Here a connection has to finish a request within some seconds, and when there are too many, those that
have not asked for anything yet are closed first, oldest first, so half-open ones keep nobody out.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any, Protocol

_FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\nRetry-After: 5\r\n\r\n"
# A request line and headers; nothing with a body is taken. Browsers send every cookie of "localhost" here.
_LONGEST_REQUEST = 48 * 1024


class Handler(Protocol):
    """What aiohttp makes for a connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        ...

    def connection_lost(self, exc: BaseException | None) -> None:
        """See asyncio."""
        ...

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        ...

    def eof_received(self) -> bool | None:
        """See asyncio."""
        ...

    def pause_writing(self) -> None:
        """See asyncio."""
        ...

    def resume_writing(self) -> None:
        """See asyncio."""
        ...


class Gate(asyncio.Protocol):
    """One connection: passes everything on to *handler*.

    Args:
        gates: All connections.
        handler: The server's side.
    """

    def __init__(self, gates: Gates, handler: Handler) -> None:
        self._gates = gates
        self._handler = handler
        self._transport: Any = None
        self._deadline: asyncio.TimerHandle | None = None
        self._received = 0
        self._refused = False
        self._watching = False
        self._emptied: asyncio.Event = asyncio.Event()
        self._emptied.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the connection in, or turn it away."""
        self._transport = transport
        if not self._gates.let_in(self, self._handler):
            self._refused = True
            self._transport.write(_FULL)
            self._transport.close()
            return
        # The kernel's own buffer is the only one: what cannot go out at once shall not pile up behind it.
        self._transport.set_write_buffer_limits(high=0)
        self._set_deadline()
        self._handler.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._cancel_deadline()
        self._emptied.set()
        if not self._refused:
            self._gates.let_out(self, self._handler)
            self._handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass on what arrived, unless it is too much for a request."""
        if self._refused:
            return
        self._received += len(data)
        if self._received > _LONGEST_REQUEST and not self._watching:
            self.abort()
            return
        self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on that nothing more comes."""
        return None if self._refused else self._handler.eof_received()

    def pause_writing(self) -> None:
        """Note that the socket is full."""
        self._emptied.clear()
        if not self._refused:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Note that everything is with the kernel."""
        self._emptied.set()
        if not self._refused:
            self._handler.resume_writing()

    def request_begins(self) -> None:
        """A whole request arrived; its answer has to be taken in time."""
        self._gates.has_asked(self)
        self._received = 0
        self._set_deadline()

    def request_ends(self) -> None:
        """The answer was taken; how long the connection may idle now is limited by the server's keep-alive."""
        self._cancel_deadline()
        self._gates.idles(self)

    def becomes_viewer(self) -> None:
        """A viewer stays as long as it likes, and its pace is watched by what serves it."""
        self._watching = True
        self._cancel_deadline()
        raw = self._transport.get_extra_info("socket")
        # Linux: what the network has not taken yet stays below this, so a slow viewer's next picture is a new one.
        option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
        if option is not None and raw is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.IPPROTO_TCP, option, 16 * 1024)

    async def emptied(self) -> None:
        """Wait until everything written is with the kernel."""
        await self._emptied.wait()

    def abort(self) -> None:
        """Close at once, whatever is still to be sent."""
        self._transport.abort()

    def _set_deadline(self) -> None:
        self._cancel_deadline()
        self._deadline = asyncio.get_running_loop().call_later(self._gates.request_s, self.abort)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Gates:
    """All connections of a server.

    Args:
        limit: How many there may be.
        request_s: Seconds for a request to arrive, and for its answer to be taken.
    """

    def __init__(self, limit: int, request_s: float) -> None:
        self.request_s = request_s
        self._limit = limit
        self._by_handler: dict[Handler, Gate] = {}
        # In the order in which they came.
        self._silent: dict[Gate, None] = {}

    def __len__(self) -> int:
        return len(self._by_handler)

    def of(self, handler: Handler) -> Gate | None:
        """Find the gate of a request's protocol; None where it was closed meanwhile."""
        return self._by_handler.get(handler)

    def let_in(self, gate: Gate, handler: Handler) -> bool:
        """Register a connection; False where there are too many that have business here."""
        if len(self._by_handler) >= self._limit:
            oldest = next(iter(self._silent), None)
            if oldest is None:
                return False
            # Its end is told later; its place is free now.
            del self._silent[oldest]
            oldest.abort()
        self._by_handler[handler] = gate
        self._silent[gate] = None
        return True

    def let_out(self, gate: Gate, handler: Handler) -> None:
        """Forget a connection."""
        self._by_handler.pop(handler, None)
        self._silent.pop(gate, None)

    def has_asked(self, gate: Gate) -> None:
        """Note that a connection is not one of the silent any more."""
        self._silent.pop(gate, None)

    def idles(self, gate: Gate) -> None:
        """Note that a connection has nothing in work any more, so it may be closed for another's sake."""
        if gate in self._by_handler.values():
            self._silent[gate] = None

    def abort(self) -> None:
        """Close every connection at once."""
        for gate in list(self._by_handler.values()):
            gate.abort()
