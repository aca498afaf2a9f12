"""The thread that the HTTP server lives in."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fcn_edge.live.web.gate import Gate, Gates

if TYPE_CHECKING:
    from aiohttp import web

_KEEP_ALIVE_S = 15.0
_LONGEST_LINE = 4096
# Browsers send all cookies of "localhost" to each of its ports, and developers have many.
_LONGEST_HEADER = 16384
_GOODBYE_S = 0.25
_SHUTDOWN_S = 0.1

_LOG = logging.getLogger(__name__)


class Server:
    """Runs an event loop with an HTTP server in a daemon thread.

    aiohttp is imported in that thread, so that starting costs the camera nothing; who connects meanwhile waits.

    Args:
        listener: Bound and listening; closed here.
        gates: Count and limit connections.
        answer: Answers a request.
        goodbye: Run before connections are closed.

    Attributes:
        failure: Why the thread ended by itself; None while it runs.
    """

    def __init__(
        self,
        listener: socket.socket,
        gates: Gates,
        answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        goodbye: Callable[[], Awaitable[None]],
    ) -> None:
        self.failure: BaseException | None = None
        self._listener = listener
        self._gates = gates
        self._answer = answer
        self._goodbye = goodbye
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="fcn-edge-web", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def post(self, callback: Callable[..., object], *args: Any) -> None:  # noqa: ANN401 - as asyncio's
        """Have something called in the loop; from any thread, and for nothing once the server has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *args)

    def close(self, timeout_s: float) -> None:
        """Stop listening, take leave of the viewers for a quarter of a second, close everything."""
        if self._thread.ident is None:
            self._listener.close()
            self._loop.close()
            return
        self.post(self._end.set)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - told by the sink, whose thread can raise
            self.failure = error
        finally:
            self._listener.close()
            self._cancel_the_rest()
            self._loop.close()

    async def _serve(self) -> None:
        from aiohttp import web

        http = web.Server(
            self._answer,
            handler_cancellation=True,
            logger=_LOG,
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE_S,
            lingering_time=0,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_HEADER,
        )
        listening = await self._loop.create_server(lambda: Gate(self._gates, http()), sock=self._listener, backlog=128)
        await self._end.wait()
        listening.close()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._goodbye(), _GOODBYE_S)
        self._gates.abort()
        await http.shutdown(_SHUTDOWN_S)

    def _cancel_the_rest(self) -> None:
        """End what a viewer left behind, so that nothing is destroyed while it waits."""
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.wait(tasks, timeout=_SHUTDOWN_S))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
