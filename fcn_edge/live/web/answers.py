"""What each address of the server answers, and to whom. There are six addresses and no others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from fcn_edge.live.web.audience import Audience
from fcn_edge.live.web.encoder import OVERLAY
from fcn_edge.live.web.gate import Gate, Gates
from fcn_edge.live.web.guard import Guard, Verdict, Visit
from fcn_edge.live.web.page import Notice, Page, live_page, notice_page, policy_for
from fcn_edge.live.web.status_text import StatusText
from fcn_edge.live.web.watching import Watching

if TYPE_CHECKING:
    from aiohttp import web

_LOG = logging.getLogger(__name__)
_WRONG_TOKEN_DELAY_S = 0.3
_SNAPSHOT_S = 3.0
_COOKIE_S = 30 * 24 * 3600
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "Server": "fcn-edge",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_TOKEN_HINT = "It is part of the address that fcn-edge camera printed when it started."  # noqa: S105 - a sentence
_REFUSALS = {
    Verdict.NO_TOKEN: (401, Notice("This camera needs a token", _TOKEN_HINT, ask_token=True)),
    Verdict.WRONG_TOKEN: (403, Notice("That token is not right", _TOKEN_HINT, ask_token=True)),
    Verdict.TOO_MANY_GUESSES: (429, Notice("Too many wrong tokens", "Wait a minute, then try again.", ask_token=True)),
    Verdict.WRONG_HOST: (
        403,
        Notice(
            "Only for this machine",
            "Open http://localhost and the port here, also through an SSH tunnel. For other names start the camera "
            "with a token.",
        ),
    ),
    Verdict.WRONG_ORIGIN: (403, Notice("Only for its own page", "Another site's page asked for this camera.")),
}


class Answers:
    """Answers requests.

    Args:
        title: Of the page.
        guard: Decides who may see anything.
        gates: The connections.
        audience: Who is watching.
        watching: Serves viewers.
        status: The state of the run.
        is_fresh: Tells whether results come.
        cookie_name: Of the viewer's cookie.
    """

    def __init__(
        self,
        *,
        title: str,
        guard: Guard,
        gates: Gates,
        audience: Audience,
        watching: Watching,
        status: StatusText,
        is_fresh: Callable[[], bool],
        cookie_name: str,
    ) -> None:
        self._title = title
        self._guard = guard
        self._gates = gates
        self._audience = audience
        self._watching = watching
        self._status = status
        self._is_fresh = is_fresh
        self._cookie_name = cookie_name
        self._by_path: dict[str, Callable[[web.BaseRequest, Gate], Awaitable[web.StreamResponse]]] = {
            "/": self._page,
            "/live": self._live,
            "/status.json": self._status_json,
            "/snapshot.jpg": self._snapshot,
            "/stream.mjpg": self._stream,
        }

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; nothing that happens here is told to the other side but its status."""
        gate = self._gates.of(request.protocol)
        response: web.StreamResponse | None = None
        with contextlib.suppress(ConnectionError):
            # Who is gone gets no answer; the server finds that out once more and closes.
            if gate is not None:
                gate.request_begins()
                response = await self._answer_safely(request, gate)
                await _send(request, response)
                await gate.emptied()
                gate.request_ends()
        return response if response is not None else self._notice(400, Notice("Gone", ""))

    async def _answer_safely(self, request: web.BaseRequest, gate: Gate) -> web.StreamResponse:
        try:
            return await self._answer(request, gate)
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, the other side learns nothing and the camera goes on
            _LOG.exception("%s %s", request.method, request.path)
            return self._notice(500, Notice("Something went wrong", "The camera goes on; try again."))

    async def _answer(self, request: web.BaseRequest, gate: Gate) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD") or request.can_read_body or request.headers.get("Expect"):
            return self._only_for_looking(request)
        if request.path == "/healthz":
            return self._healthz()
        token = request.query.get("token")
        visit = Visit(request.remote or "", request.headers, request.cookies, token, request.path == "/live")
        verdict = self._guard.judge(visit, self._cookie_name)
        if verdict in _REFUSALS:
            return await self._refuse(verdict)
        if verdict is Verdict.ARRIVED and request.path == "/":
            return self._arrival()
        answer = self._by_path.get(request.path)
        if answer is None:
            return self._notice(404, Notice("There is nothing here", "The page is at /."))
        return await answer(request, gate)

    async def _page(self, request: web.BaseRequest, gate: Gate) -> web.StreamResponse:
        del gate
        if self._audience.full:
            return self._full()
        return self._html(200, live_page(self._title), request.headers.get("Host", ""))

    async def _live(self, request: web.BaseRequest, gate: Gate) -> web.StreamResponse:
        from aiohttp import web

        if not web.WebSocketResponse().can_prepare(request):
            return self._notice(400, Notice("This address is for the page", "Open / instead."))
        return await self._watching.page(request, gate)

    async def _stream(self, request: web.BaseRequest, gate: Gate) -> web.StreamResponse:
        return self._full() if self._audience.full else await self._watching.mjpeg(request, gate)

    async def _status_json(self, request: web.BaseRequest, gate: Gate) -> web.StreamResponse:
        from aiohttp import web

        del request, gate
        return web.Response(body=json.dumps(self._status.status()).encode(), content_type="application/json")

    async def _snapshot(self, request: web.BaseRequest, gate: Gate) -> web.StreamResponse:
        from aiohttp import web

        del request, gate
        if self._audience.full:
            return self._full()
        with self._audience.seat(OVERLAY) as seat:
            try:
                picture = await asyncio.wait_for(self._audience.picture(seat), _SNAPSHOT_S)
            except asyncio.TimeoutError:
                return self._notice(503, Notice("No picture just now", "No frame was segmented in the last seconds."))
        return web.Response(body=picture.data, content_type="image/jpeg")

    def _healthz(self) -> web.Response:
        from aiohttp import web

        fresh = self._is_fresh()
        return web.Response(status=200 if fresh else 503, text="ok\n" if fresh else "no result lately\n")

    def _arrival(self) -> web.Response:
        """Keep who came with the token, and have the browser go on to the address without it.

        By a page and not by a redirect: a browser that followed a link from another site to here counts a redirect as
        part of that link, and does not send a SameSite=Strict cookie along.
        """
        response = self._notice(200, Notice("Opening the camera", "One moment.", refresh=(0, "/")))
        response.set_cookie(
            self._cookie_name, self._guard.cookie, max_age=_COOKIE_S, path="/", httponly=True, samesite="Strict"
        )
        return response

    def _only_for_looking(self, request: web.BaseRequest) -> web.Response:
        wrong_method = request.method not in ("GET", "HEAD")
        text = "Nothing can be sent to this camera."
        response = self._notice(405 if wrong_method else 413, Notice("Only for looking at", text))
        if wrong_method:
            response.headers["Allow"] = "GET, HEAD"
        return response

    async def _refuse(self, verdict: Verdict) -> web.Response:
        if verdict is Verdict.WRONG_TOKEN:
            # A person does not notice; who tries thousands does. Nobody else waits meanwhile.
            await asyncio.sleep(_WRONG_TOKEN_DELAY_S)
        status, notice = _REFUSALS[verdict]
        response = self._notice(status, notice)
        if verdict is Verdict.NO_TOKEN:
            response.headers["WWW-Authenticate"] = "Bearer"
        if verdict is Verdict.TOO_MANY_GUESSES:
            response.headers["Retry-After"] = "30"
        return response

    def _full(self) -> web.Response:
        text = f"{self._audience.viewers} viewers are watching, which is the limit. This page tries again by itself."
        response = self._notice(503, Notice("All seats are taken", text, refresh=(10, "/")))
        response.headers["Retry-After"] = "10"
        return response

    def _notice(self, status: int, notice: Notice) -> web.Response:
        return self._html(status, notice_page(notice), "")

    def _html(self, status: int, page: Page, host: str) -> web.Response:
        from aiohttp import web

        headers = {"Content-Security-Policy": policy_for(page, host)}
        return web.Response(status=status, text=page.html, content_type="text/html", headers=headers)


async def _send(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Send an answer here rather than leave it to the server, to know when it was taken."""
    if response.prepared:
        return
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if response.status >= 400:  # noqa: PLR2004 - HTTP's errors
        response.force_close()
    await response.prepare(request)
    await response.write_eof()
