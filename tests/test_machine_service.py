"""Talking to systemd, through real datagram sockets."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys

import pytest

from fcn_edge.machine.service import ServiceNotifier

if not hasattr(socket, "AF_UNIX"):
    pytest.skip("this system has no Unix sockets", allow_module_level=True)


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """The manager's end of a socket, with the environment it gives to a service."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f"@fcn-edge-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
        listener.bind("\0" + name[1:] if name.startswith("@") else name)
        yield listener, {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}


def heard(listener) -> list[str]:
    messages = []
    with contextlib.suppress(BlockingIOError):
        while True:
            messages.append(listener.recv(4096, socket.MSG_DONTWAIT).decode())
    return messages


def test_a_service_says_when_it_is_ready_how_it_does_and_when_it_stops(manager):
    listener, environ = manager
    notifier = ServiceNotifier(environ)
    notifier.ready("people on /dev/video0")
    notifier.status("29.8 FPS")
    notifier.stopping()

    assert heard(listener) == ["READY=1\nSTATUS=people on /dev/video0", "STATUS=29.8 FPS", "STOPPING=1"]
    assert not notifier.active


def test_a_status_that_did_not_change_is_not_sent_again(manager):
    listener, environ = manager
    notifier = ServiceNotifier(environ)
    notifier.ready("waiting")
    for text in ("waiting", "running", "running", "waiting"):
        notifier.status(text)
    notifier.stopping()

    assert heard(listener)[1:-1] == ["STATUS=running", "STATUS=waiting"]


def test_it_says_that_it_is_alive_at_once_and_then_every_half_interval(manager):
    listener, environ = manager
    clock = Clock()
    notifier = ServiceNotifier(environ, clock=clock)
    sent = []
    for _ in range(40):
        notifier.alive()
        sent.append(len(heard(listener)))
        clock.now += 1.0
    notifier.stopping()

    assert notifier.watchdog_s is None
    assert [turn for turn, count in enumerate(sent) if count] == [0, 15, 30]


def test_a_line_break_in_a_status_cannot_become_a_command(manager):
    listener, environ = manager
    notifier = ServiceNotifier(environ)
    notifier.status("lost\nSTOPPING=1\n" + "x" * 5000)
    notifier.stopping()

    status, _ = heard(listener)
    assert status.startswith("STATUS=lost STOPPING=1 x")
    assert "\n" not in status
    assert len(status) < 600


@pytest.mark.parametrize(
    "changed",
    [{"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": ""}],
)
def test_a_watchdog_that_is_another_processs_or_none_is_left_alone(manager, changed):
    listener, environ = manager
    notifier = ServiceNotifier({**environ, **changed})
    notifier.alive()
    assert notifier.watchdog_s is None
    assert heard(listener) == []
    notifier.stopping()


def test_a_watchdog_without_a_process_is_for_this_one(manager):
    _, environ = manager
    del environ["WATCHDOG_PID"]
    notifier = ServiceNotifier(environ)
    assert notifier.watchdog_s == 30.0
    notifier.stopping()


@pytest.mark.parametrize("address", [None, "", "relative", "vsock:2:1234", "/nowhere/at/all", "@" + "x" * 200])
def test_where_nobody_listens_everything_is_silent(address):
    notifier = ServiceNotifier({} if address is None else {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
    assert not notifier.active
    assert notifier.watchdog_s is None
    notifier.ready("ready")
    notifier.alive()
    notifier.status("fine")
    notifier.stopping()
    notifier.stopping()


def test_a_manager_that_does_not_read_holds_nothing_up(manager):
    listener, environ = manager
    clock = Clock()
    notifier = ServiceNotifier(environ, clock=clock)
    for i in range(2000):
        notifier.status(f"{i}")
    notifier.stopping()

    assert heard(listener)[0] == "STATUS=0"


def test_a_manager_that_goes_away_is_no_error(tmp_path):
    path = str(tmp_path / "notify")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
    notifier = ServiceNotifier({"NOTIFY_SOCKET": path})
    listener.close()
    notifier.ready("ready")
    notifier.stopping()


def test_it_needs_the_standard_library_only():
    code = "import sys; from fcn_edge.machine.service import ServiceNotifier; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
