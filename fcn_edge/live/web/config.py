"""What a user may ask of the browser view, and what is refused."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

from fcn_edge.errors import OutputError, UsageError

PORT = 8080
SHORTEST_TOKEN = 16
# What needs no escaping in a URL, a cookie or a header.
_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")
_WELL_KNOWN_PORTS = 1024
_LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Where the page is served, to whom, and within which limits.

    Attributes:
        host: Address or name to listen at. Any but a loopback address needs a token; one is made if none is given.
        port: 0 for any free one.
        token: What a viewer has to know, at least 16 letters, digits or ``._~-``.
        max_viewers: How many may watch at once, page and MJPEG together.
        max_connections: Of any kind; when there are more, those that have asked for nothing yet are closed first.
        max_width: Wider pictures are sent at this width, in pixels.
        jpeg_quality: Of the pictures, 1..100.
        request_s: Seconds within which a request has to arrive, and its answer to be taken.
        viewer_s: Seconds after which a viewer that has not taken its picture is sent away.
        stale_after_s: Seconds without a result after which ``/healthz`` says so.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    token: str | None = None
    max_viewers: int = 16
    max_connections: int = 96
    max_width: int = 1280
    jpeg_quality: int = 80
    request_s: float = 8.0
    viewer_s: float = 20.0
    stale_after_s: float = 10.0


def check_web_config(config: WebConfig) -> None:
    """Find what is wrong with *config* before anything is opened.

    Raises:
        UsageError: A value out of range, or a token that is too short or does not fit into a URL.
    """
    if not 0 <= config.port <= _LARGEST_PORT:
        raise UsageError(f"--port {config.port}: expected 0 to {_LARGEST_PORT}", hint=f"use --port {PORT}")
    if config.max_viewers < 1:
        raise UsageError(f"{config.max_viewers} viewers at most: expected 1 or more", hint="use --view none for none")
    if config.token is None:
        return
    hint = (
        'leave the token out to have one made, or make one: python -c "import secrets; print(secrets.token_urlsafe())"'
    )
    if not _TOKEN.fullmatch(config.token):
        raise UsageError("the token for the browser view: expected letters, digits and ._~- only", hint=hint)
    if len(config.token) < SHORTEST_TOKEN:
        message = (
            f"the token for the browser view has {len(config.token)} characters: expected {SHORTEST_TOKEN} or more"
        )
        raise UsageError(message, hint=hint)


def is_loopback(host: str) -> bool:
    """Tell whether *host* can be reached from this machine only; a name counts where all its addresses do.

    Raises:
        OutputError: It is no address or name that this machine knows.
    """
    return all(ipaddress.ip_address(str(found[4][0]).partition("%")[0]).is_loopback for found in _resolve(host, 0))


def bind(host: str, port: int) -> socket.socket:
    """Open a listening socket, so that who asks first is answered once the server runs.

    Raises:
        OutputError: The address is taken, forbidden, or not one of this machine's.
    """
    family, kind, protocol, _, address = _resolve(host, port)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # A server that was ended a moment ago must not keep its port for a minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != "::"))
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise _refused(host, port, error) from error
    listener.setblocking(False)  # noqa: FBT003 - the standard library's
    return listener


def address_to_show(host: str) -> str:
    """Give the address a viewer has to use; for "all addresses" the one towards the default route."""
    if host not in ("", "0.0.0.0", "::"):  # noqa: S104 - a comparison, nothing is bound here
        return f"[{host}]" if ":" in host else host
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            # Connecting a datagram socket sends nothing; it only asks the routing table (RFC 5737 address).
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
    except OSError:
        return socket.gethostname()


def _resolve(host: str, port: int) -> list[tuple[int, int, int, str, tuple[str | int, ...]]]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        message = f"--host {host}: this is no address or name that this machine knows"
        raise OutputError(message, hint="use --host 0.0.0.0 for all of its addresses") from error
    return [
        (int(family), int(kind), protocol, name, tuple(address))  # type: ignore[arg-type] # bytes are for other families
        for family, kind, protocol, name, address in found
    ]


def _refused(host: str, port: int, error: OSError) -> OutputError:
    where = f"--port {port}: the browser view cannot listen at {host}:{port}"
    if isinstance(error, PermissionError) and port < _WELL_KNOWN_PORTS:
        return OutputError(f"{where}: ports below 1024 belong to root", hint=f"use --port {PORT}")
    text = (error.strerror or str(error)).lower()
    if "in use" in text:
        hint = f"another program has it (ss -ltnp 'sport = :{port}' names it); use --port {port + 1}, or --port 0"
        return OutputError(f"{where}: {text}", hint=hint)
    return OutputError(f"{where}: {text}", hint="use an address of this machine (ip addr), or --host 0.0.0.0 for all")
