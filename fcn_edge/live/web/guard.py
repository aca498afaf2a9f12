"""Who may see the page: token, Host and Origin. Knows nothing of the server that asks it."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from fcn_edge.live.frame import Clock
from fcn_edge.live.web.guesses import Guesses

_BEARER = "Bearer "


class Verdict(Enum):
    """What becomes of a request."""

    WELCOME = "welcome"
    ARRIVED = "arrived"
    """The token came in the address and is right."""
    NO_TOKEN = "no_token"  # noqa: S105 - a word for a verdict
    WRONG_TOKEN = "wrong_token"  # noqa: S105 - likewise
    TOO_MANY_GUESSES = "too_many_guesses"
    WRONG_HOST = "wrong_host"
    WRONG_ORIGIN = "wrong_origin"


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request says of itself.

    Attributes:
        address: Of the other side.
        headers: Of the request; the mapping ignores case.
        cookies: By name.
        token: From the address bar; None where there is none.
        websocket: A WebSocket is asked for, so Origin counts.
    """

    address: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    token: str | None = None
    websocket: bool = False


class Guard:
    """Judges visits.

    Without a token only this machine can connect, and the Host has to be this machine's own name: a foreign page whose
    name was made to point here (DNS rebinding) is turned away. With a token it is the token that counts.

    Args:
        token: None where none is needed.
        clock: Monotonic seconds.
    """

    def __init__(self, token: str | None, clock: Clock) -> None:
        self._token = token
        self._guesses = Guesses(clock)
        self._pass = "" if token is None else hmac.new(token.encode(), b"fcn-edge viewer", hashlib.sha256).hexdigest()

    @property
    def cookie(self) -> str:
        """What a viewer keeps instead of the token; the token cannot be found from it."""
        return self._pass

    def judge(self, visit: Visit, cookie_name: str) -> Verdict:
        """Say what becomes of a visit."""
        if self._token is None:
            verdict = Verdict.WELCOME if is_local_name(visit.headers.get("Host", "")) else Verdict.WRONG_HOST
        else:
            verdict = self._look_at_token(visit, visit.cookies.get(cookie_name), self._token)
        if verdict in (Verdict.WELCOME, Verdict.ARRIVED) and _is_foreign(visit):
            return Verdict.WRONG_ORIGIN
        return verdict

    def _look_at_token(self, visit: Visit, cookie: str | None, token: str) -> Verdict:
        authorization = visit.headers.get("Authorization", "")
        bearer = authorization[len(_BEARER) :] if authorization.startswith(_BEARER) else None
        shown = [
            (given, expected)
            for given, expected in ((cookie, self._pass), (bearer, token), (visit.token, token))
            if given is not None
        ]
        if not shown:
            return Verdict.NO_TOKEN
        if self._guesses.exhausted(visit.address):
            return Verdict.TOO_MANY_GUESSES
        right = [_equal(given, expected) for given, expected in shown]
        if visit.token is not None and right[-1]:
            return Verdict.ARRIVED
        # A token in the address that is wrong is wrong, even where a cookie would do: a link to another camera.
        if any(right) and visit.token is None:
            return Verdict.WELCOME
        for (given, _), fits in zip(shown, right, strict=True):
            if not fits:
                self._guesses.wrong(visit.address, given)
        return Verdict.WRONG_TOKEN


def is_local_name(host: str) -> bool:
    """Tell whether a Host header, with or without a port, names this machine."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name[1:-1] if name.startswith("[") and name.endswith("]") else name).is_loopback
    except ValueError:
        return False


def _is_foreign(visit: Visit) -> bool:
    """Tell whether another site's page asks: it could neither read nor show the answer, but make us work."""
    origin, host = visit.headers.get("Origin"), visit.headers.get("Host", "")
    if visit.websocket:
        return origin is None or not _same_site(origin, host)
    if origin is not None and not _same_site(origin, host):
        return True
    return visit.headers.get("Sec-Fetch-Site") == "cross-site" and visit.headers.get("Sec-Fetch-Dest") != "document"


def _same_site(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and parts.netloc.lower() == host.lower()


def _equal(given: str, expected: str) -> bool:
    # As bytes: compare_digest refuses text that is not ASCII.
    return hmac.compare_digest(given.encode(errors="surrogateescape"), expected.encode())
