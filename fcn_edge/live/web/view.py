"""The sink that shows results in browsers."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fcn_edge import optional
from fcn_edge.card import ClassSpec
from fcn_edge.errors import MissingPackageError, OutputError
from fcn_edge.live.frame import Clock
from fcn_edge.live.result import Result
from fcn_edge.live.status import AskStatus
from fcn_edge.live.web.answers import Answers
from fcn_edge.live.web.audience import Audience
from fcn_edge.live.web.config import WebConfig, address_to_show, bind, check_web_config, is_loopback
from fcn_edge.live.web.encoder import Encoded, Encoder
from fcn_edge.live.web.gate import Gates
from fcn_edge.live.web.guard import Guard
from fcn_edge.live.web.newest import Newest
from fcn_edge.live.web.server import Server
from fcn_edge.live.web.status_text import StatusText
from fcn_edge.live.web.watching import Watching

_ENCODER_S = 0.3
_SERVER_S = 0.6

# A library does not print: who wants to see what went wrong with a viewer configures logging.
logging.getLogger("fcn_edge.live.web").addHandler(logging.NullHandler())


class WebView:
    """Serves the page and gives each viewer the newest result as fast as it takes them.

    Nothing a viewer does reaches :meth:`write`: that copies the result where somebody watches and does nothing where
    nobody does; encoding and network have threads of their own.

    Args:
        classes: In id order.
        ask_status: Takes a look at the run.
        config: Where to listen, and the limits.
        title: Of the page, such as the model's file name.
        clock: Monotonic seconds, the clock of the frames.

    Raises:
        UsageError: A value of *config* is out of range.
        OutputError: The host is no address or name that this machine knows.
        MissingPackageError: aiohttp is not installed.
    """

    name = "web"
    needs_picture = False
    needs_frame = True

    def __init__(
        self,
        classes: Sequence[ClassSpec],
        ask_status: AskStatus,
        config: WebConfig | None = None,
        *,
        title: str,
        clock: Clock = time.monotonic,
    ) -> None:
        config = config or WebConfig()
        check_web_config(config)
        if not optional.available("aiohttp"):
            raise MissingPackageError(
                "the browser view needs aiohttp, which is not installed", hint="pip install aiohttp, or: --view none"
            )
        self._classes = tuple(classes)
        self._config = config
        self._title = title
        self._clock = clock
        self._status = StatusText(ask_status, clock)
        self._token = config.token
        if config.token is None and not is_loopback(config.host):
            self._token = secrets.token_urlsafe(24)
        self._newest = Newest()
        self._audience = Audience(self._newest, config.max_viewers)
        self._written_at: float | None = None
        self._started_at = clock()
        self._port = config.port
        self._server: Server | None = None
        self._encoder: Encoder | None = None

    @property
    def token(self) -> str | None:
        """What a viewer has to know; None where only this machine can connect and nothing is needed."""
        return self._token

    @property
    def url(self) -> str:
        """The address to open, with the token where one is needed; for a terminal, not for a log."""
        query = "" if self._token is None else f"?token={self._token}"
        return f"http://{address_to_show(self._config.host)}:{self._port}/{query}"

    @property
    def port(self) -> int:
        """Where it listens, once started."""
        return self._port

    @property
    def viewers(self) -> int:
        """How many watch just now."""
        return self._audience.viewers

    def start(self) -> None:
        """Begin to listen.

        Raises:
            OutputError: The address is taken, forbidden, or not one of this machine's.
        """
        listener = bind(self._config.host, self._config.port)
        self._port = int(listener.getsockname()[1])
        self._started_at = self._clock()
        hello = {
            "title": self._title,
            "classes": [{"name": spec.name, "color_rgb": spec.color_rgb} for spec in self._classes],
        }
        watching = Watching(self._audience, self._status, hello, self._config.viewer_s, self._result_age_s)
        gates = Gates(self._config.max_connections, self._config.request_s)
        answers = Answers(
            title=self._title,
            guard=Guard(self._token, self._clock),
            gates=gates,
            audience=self._audience,
            watching=watching,
            status=self._status,
            is_fresh=self._is_fresh,
            cookie_name=f"fcn_edge_{self._port}",
        )
        self._server = Server(listener, gates, answers, watching.close)
        self._encoder = Encoder(self._newest, self._classes, self._config, self._publish)
        self._encoder.start()
        self._server.start()

    def write(self, result: Result, picture_bgr: NDArray[np.uint8]) -> None:
        """Leave a copy of a result for whoever watches.

        Raises:
            OutputError: The server's thread has ended.
        """
        del picture_bgr
        self._written_at = self._clock()
        if self._audience.watching:
            self._newest.put(result)
        if self._server is not None and self._server.failure is not None:
            message = f"the browser view's server ended: {self._server.failure!r}"
            raise OutputError(message, hint="run without it: --view none") from self._server.failure

    def close(self) -> None:
        """End in well under a second, whatever viewers do. May be called twice."""
        server, encoder = self._server, self._encoder
        self._server = self._encoder = None
        if encoder is not None:
            encoder.close(_ENCODER_S)
        if server is not None:
            server.close(_SERVER_S)

    def _publish(self, encoded: Encoded) -> None:
        server = self._server
        if server is not None:
            server.post(self._audience.publish, encoded)

    def _result_age_s(self) -> float | None:
        written_at = self._written_at
        return None if written_at is None else round(self._clock() - written_at, 2)

    def _is_fresh(self) -> bool:
        since = self._started_at if self._written_at is None else self._written_at
        return self._clock() - since < self._config.stale_after_s
