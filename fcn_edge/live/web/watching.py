"""Serving viewers: the page over a WebSocket, other programs by MJPEG."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fcn_edge.live.web.audience import Audience, Seat
from fcn_edge.live.web.encoder import OVERLAY, PAGE
from fcn_edge.live.web.gate import Gate
from fcn_edge.live.web.status_text import StatusText

if TYPE_CHECKING:
    from aiohttp import web

_STATUS_EVERY_S = 1.0
# A page sends one word a picture and a few more; whoever sends this many is no page.
_MESSAGES_A_SECOND = 200
_LONGEST_MESSAGE = 64
_DRAWN = "drawn"
_CLOCK = "clock "
_HEARTBEAT_S = 15.0
TRY_LATER = 1013


class Watching:
    """Serves viewers, each at its own pace.

    Args:
        audience: Where pictures come from.
        status: What the page is told once a second.
        hello: First message to a page: classes and title.
        viewer_s: Seconds after which a viewer that took no picture is sent away.
        result_age_s: Gives the seconds since the last result; None before the first.
    """

    def __init__(
        self,
        audience: Audience,
        status: StatusText,
        hello: dict[str, Any],
        viewer_s: float,
        result_age_s: Callable[[], float | None],
    ) -> None:
        self._audience = audience
        self._status = status
        self._hello = json.dumps({"type": "hello", **hello}, separators=(",", ":"))
        self._viewer_s = viewer_s
        self._sockets: set[web.WebSocketResponse] = set()
        self._result_age_s = result_age_s

    async def page(self, request: web.BaseRequest, gate: Gate) -> web.StreamResponse:
        """Serve the page: pictures as it acknowledges them, state once a second, clock when asked."""
        from aiohttp import web

        socket = web.WebSocketResponse(
            compress=False, max_msg_size=_LONGEST_MESSAGE, heartbeat=_HEARTBEAT_S, timeout=0.5, autoping=True
        )
        await socket.prepare(request)
        gate.becomes_viewer()
        if self._audience.full:
            await socket.close(code=TRY_LATER, message=b"full")
            return socket
        self._sockets.add(socket)
        try:
            with self._audience.seat(PAGE) as seat:
                await self._converse(socket, gate, seat)
        finally:
            self._sockets.discard(socket)
        return socket

    async def mjpeg(self, request: web.BaseRequest, gate: Gate) -> web.StreamResponse:
        """Serve pictures with the overlay one after the other, each when the one before is out."""
        from aiohttp import web

        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=picture"})
        response.force_close()
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        gate.becomes_viewer()
        with self._audience.seat(OVERLAY) as seat, contextlib.suppress(ConnectionError):
            while True:
                data = (await self._audience.picture(seat)).data
                head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                if not await self._sent(response.write(head.encode() + data + b"\r\n"), gate):
                    return response
        return response

    async def close(self) -> None:
        """Tell every page that the server goes."""
        goodbyes = [socket.close(code=1001, message=b"the server ends") for socket in self._sockets]
        await asyncio.gather(*goodbyes, return_exceptions=True)

    async def _converse(self, socket: web.WebSocketResponse, gate: Gate, seat: Seat) -> None:
        drawn = asyncio.Event()
        drawn.set()
        tasks = [
            asyncio.ensure_future(self._send_pictures(socket, gate, seat, drawn)),
            asyncio.ensure_future(self._send_status(socket, gate)),
        ]
        try:
            await socket.send_str(self._hello)
            await self._listen(socket, drawn)
        except ConnectionError:
            pass
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send_pictures(self, socket: web.WebSocketResponse, gate: Gate, seat: Seat, drawn: asyncio.Event) -> None:
        """Send the newest picture each time the viewer has drawn the one before."""
        while True:
            try:
                await asyncio.wait_for(drawn.wait(), self._viewer_s)
            except asyncio.TimeoutError:
                gate.abort()
                return
            picture = await self._audience.picture(seat)
            drawn.clear()
            if not await self._sent(socket.send_bytes(picture.data), gate):
                return

    async def _send_status(self, socket: web.WebSocketResponse, gate: Gate) -> None:
        while True:
            text = self._status.message(viewers=self._audience.viewers, result_age_s=self._result_age_s())
            if not await self._sent(socket.send_str(text), gate):
                return
            await asyncio.sleep(_STATUS_EVERY_S)

    async def _sent(self, sending: Any, gate: Gate) -> bool:  # noqa: ANN401 - any awaitable
        """Send and wait until it is out; False where the viewer is gone or took too long and was closed."""
        try:
            await asyncio.wait_for(_send_and_empty(sending, gate), self._viewer_s)
        except ConnectionError:
            return False
        except asyncio.TimeoutError:
            gate.abort()
            return False
        return True

    async def _listen(self, socket: web.WebSocketResponse, drawn: asyncio.Event) -> None:
        """Hear what a page says until it goes, talks nonsense or talks too much."""
        from aiohttp import WSMsgType

        second, heard = 0, 0
        while (message := await socket.receive()).type is WSMsgType.TEXT:
            now = int(time.monotonic())
            second, heard = (second, heard + 1) if now == second else (now, 1)
            if message.data == _DRAWN:
                drawn.set()
            elif message.data.startswith(_CLOCK) and heard < _MESSAGES_A_SECOND:
                # The page finds the distance of the clocks from the quickest of these answers.
                server_ms = round(1000 * time.monotonic(), 2)
                reply = {"type": "clock", "asked": message.data[len(_CLOCK) :], "server_ms": server_ms}
                await socket.send_str(json.dumps(reply))
            else:
                break
            if heard >= _MESSAGES_A_SECOND:
                break
        if not socket.closed:
            await socket.close(code=1008, message=b"not understood")


async def _send_and_empty(sending: Any, gate: Gate) -> None:  # noqa: ANN401 - any awaitable
    await sending
    await gate.emptied()
