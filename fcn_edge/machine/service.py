"""Telling systemd how a service is doing, in its notify protocol: started, alive, stopping, and a line of status.

The protocol is a datagram of ``NAME=value`` lines to the socket that the environment names (sd_notify(3)). Outside a
service there is none, and everything here is silent. Standard library only.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping

# A notice lost is better than a camera held up, so the longest status is cut and no send ever waits.
_LONGEST_STATUS = 500
_MICRO = 1e-6


class ServiceNotifier:
    """Speaks to the service manager that started this process, if one did.

    Nothing here raises or waits: a manager that is gone or does not read must not stop a camera. To be used from one
    thread.

    Args:
        environ: Where ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` are looked up; None for the process's.
        clock: Monotonic seconds.
        process_id: Of this process; the watchdog may be meant for another one.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        process_id: int | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        self._clock = clock
        self._socket = _connect(environ.get("NOTIFY_SOCKET", ""))
        own = os.getpid() if process_id is None else process_id
        self._watchdog_s = None if self._socket is None else _watchdog_s(environ, own)
        self._alive_at: float | None = None
        self._status = ""

    @property
    def active(self) -> bool:
        """Whether somebody listens."""
        return self._socket is not None

    @property
    def watchdog_s(self) -> float | None:
        """Seconds after which the manager ends a service that did not say that it is alive; None: it does not."""
        return self._watchdog_s

    def ready(self, status: str) -> None:
        """Say that the service has started; what is ordered after it may start now."""
        self._status = status
        self._send(f"READY=1\n{_status_line(status)}")

    def status(self, text: str) -> None:
        """Give the line that ``systemctl status`` shows; the same text again sends nothing."""
        if text != self._status:
            self._status = text
            self._send(_status_line(text))

    def alive(self) -> None:
        """Say that the loop still turns. To be called at every turn: it sends once in half the watchdog's interval."""
        if self._watchdog_s is None:
            return
        now = self._clock()
        if self._alive_at is None or now - self._alive_at >= self._watchdog_s / 2:
            self._alive_at = now
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the service puts its things away, and close the socket. Further calls are silent."""
        self._send("STOPPING=1")
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._watchdog_s = None

    def _send(self, text: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.send(text.encode("utf-8", errors="replace"))
        except OSError:
            # Full, or nobody there just now. The watchdog decides what becomes of a service that cannot be heard.
            return


def _connect(address: str) -> socket.socket | None:
    """Open the socket: a path, or an abstract name where it begins with ``@``; None where there is none to be had."""
    if not address.startswith(("/", "@")) or not hasattr(socket, "AF_UNIX"):
        # Also vsock:, over which a whole virtual machine reports; that is not for us.
        return None
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    except OSError:
        return None
    try:
        connection.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        connection.connect("\0" + address[1:] if address.startswith("@") else address)
    except OSError:
        connection.close()
        return None
    return connection


def _watchdog_s(environ: Mapping[str, str], process_id: int) -> float | None:
    meant_for, microseconds = environ.get("WATCHDOG_PID", ""), environ.get("WATCHDOG_USEC", "")
    if meant_for not in ("", str(process_id)) or not microseconds.isdecimal() or not int(microseconds):
        return None
    return int(microseconds) * _MICRO


def _status_line(text: str) -> str:
    # A line break would begin another assignment.
    return f"STATUS={' '.join(text.split())[:_LONGEST_STATUS]}"
