"""What a service manager and onlookers are told of a run."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import socket
import threading

import numpy as np
import pytest

from fcn_edge.live.drive import Driver
from fcn_edge.live.frame import SourceHealth
from fcn_edge.live.status import LiveStatus, OutputStatus, summarise
from fcn_edge.live.status_line import StatusLine
from fcn_edge.live.tally import Tally
from fcn_edge.machine.service import ServiceNotifier

STATUS = LiveStatus(
    running_s=60.0,
    model="people.int8.tflite",
    runtime="litert 2.3.0, 1 thread",
    source="0",
    live=True,
    processed_fps=29.94,
    age_ms=34.2,
    processed=1203,
    dropped_by_cause={"newer_frame": 2, "undecodable": 1},
)


class StandingPipeline:
    """Turns *turns* times, a second each on the clock given, processes a frame at those named, and calls *turned*."""

    def __init__(self, clock, turns, turned, frames_at=frozenset()):
        self.tally = Tally(classes=2)
        self.finished = self
        self.cancelled = 0
        self._clock = clock
        self._turns = turns
        self._turned = turned
        self._frames_at = frames_at

    def start(self):
        pass

    def is_set(self):
        return self._clock[0] >= self._turns

    def wait(self, timeout_s=None):
        self._turned()
        self._clock[0] += 1
        if self._clock[0] in self._frames_at:
            self.tally.frame_processed(self._clock[0], (0.0, 0.0, 0.0, 0.01, 0.0), np.array([0.5, 0.5]))

    def cancel(self):
        self.cancelled += 1
        self._turns = 0

    def join(self):
        return None


def _run(tmp_path, turns, look, **options):
    clock, told, address = [0.0], [], str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(0)

        def listen():
            with contextlib.suppress(BlockingIOError):
                while True:
                    told.append(manager.recv(4096).decode())

        environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "20000000"}
        # The kernel keeps ten notices at most, so they are taken at every turn.
        pipeline = StandingPipeline(clock, turns, listen, **options)
        driver = Driver(
            pipeline,
            None,
            StatusLine(pipeline.tally, stream=io.StringIO(), quiet=True),
            threading.Event(),
            service=ServiceNotifier(environ, clock=lambda: clock[0]),
            look=look,
            clock=lambda: clock[0],
        )
        assert driver.run() is None
        listen()
    return told


def test_a_service_is_ready_alive_and_stopping_with_a_status(tmp_path):
    told = _run(tmp_path, 25, lambda: STATUS, frames_at=frozenset(range(1, 26)))
    assert told[0].startswith("READY=1\nSTATUS=waiting for the first frame")
    assert told.count("WATCHDOG=1") == 3
    assert "STATUS=29.9 FPS, 34 ms old, 1203 frames, 3 dropped\n" in [line.rstrip("\n") + "\n" for line in told]
    assert told[-1].rstrip() == "STOPPING=1"


def test_a_run_that_stands_still_is_not_said_to_be_alive(tmp_path):
    told = _run(tmp_path, 100, lambda: STATUS)
    assert 1 <= told.count("WATCHDOG=1") <= 4


def test_a_run_that_waits_for_its_lost_camera_is_alive(tmp_path):
    lost = LiveStatus(
        60.0, "m", "r", "0", live=True, health=SourceHealth(waiting=True, note="no such device", losses=1)
    )
    told = _run(tmp_path, 100, lambda: lost)
    assert told.count("WATCHDOG=1") >= 9
    assert any("source lost: no such device" in text for text in told)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "29.9 FPS, 34 ms old, 1203 frames, 3 dropped"),
        ({"temperature_c": 81.6, "throttled": True}, "29.9 FPS, 34 ms old, 1203 frames, 3 dropped, 82 °C, throttled"),
        (
            {"outputs": {"frame_log": OutputStatus(error="no space left"), "web": OutputStatus()}},
            "29.9 FPS, 34 ms old, 1203 frames, 3 dropped; frame log: no space left",
        ),
    ],
)
def test_a_status_is_said_in_a_line(changes, text):
    assert summarise(dataclasses.replace(STATUS, **changes)) == text
