"""A Raspberry Pi's camera without one: the part of Picamera2 used here, as its manual and source describe it."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.live.fake import moving_square
from fcn_edge.live.frame import Clock

# As on a Raspberry Pi 5: each line begins at a multiple of so many bytes, the rest is padding.
LINE_BYTES = 64
# From exposure until Picamera2 hands the frame over, read-out and image processor.
DELAY_S = 0.02


@dataclass
class FakeRequest:
    """A finished frame; until it is released, the camera lacks its buffer."""

    owner: FakePicamera
    number: int
    exposed_at: float

    def get_metadata(self) -> dict[str, Any]:
        """Give what libcamera tells of the frame; the stamp is nanoseconds since the system started."""
        frame_us = round(1e6 / self.owner.fps)
        return {"SensorTimestamp": int(self.exposed_at * 1e9), "FrameDuration": frame_us, "ExposureTime": 10_000}

    def release(self) -> None:
        """Give the buffer back; a second time is an error, as there."""
        self.owner.take_back()


class MappedArray:
    """Opens the buffer of a request in place, as ``picamera2.MappedArray``: lines may be padded, memory is not ours."""

    def __init__(self, request: FakeRequest, stream: str) -> None:
        if stream != "main":
            message = f"Stream {stream!r} is not defined"
            raise RuntimeError(message)
        self._request = request
        self.array: NDArray[np.uint8] | None = None

    def __enter__(self) -> MappedArray:  # noqa: PYI034 - typing.Self needs Python 3.11
        self.array = self._request.owner.buffer(self._request.number)
        return self

    def __exit__(self, *error: object) -> None:
        self.array = None


class FakePicamera:
    """A camera module with libcamera behind it.

    It behaves as the real one where that matters here: it makes sizes even; with ``queue`` False a capture waits for
    the next frame; without free buffers no frame comes; a job that is waited for in vain raises the error of
    ``concurrent.futures``; a camera that was unplugged just gives no more frames.

    Args:
        cameras: How many the board has.
        lost_after: The ribbon cable slips out after this many frames.
        boot_clock: Seconds since the system started.
        sleep: Waits for seconds.

    Attributes:
        closed: How often it was closed.
        in_use: Buffers that are out at present.
        jobs: Captures that wait.
        configuration: What was set up.
    """

    def __init__(
        self,
        *,
        cameras: int = 1,
        lost_after: int | None = None,
        boot_clock: Clock = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.closed = 0
        self.in_use = 0
        self.jobs = 0
        self.opened_number: int | None = None
        self.configuration: dict[str, Any] = {}
        self.fps = 0.0
        self._cameras = cameras
        self._lost_after = lost_after
        self._boot_clock = boot_clock
        self._sleep = sleep
        self._began_at: float | None = None
        self._delivered = 0
        self._last_number = 0
        self._buffer = np.zeros((0, 0), np.uint8)
        self._lock = threading.Lock()

    def __call__(self, number: int) -> tuple[FakePicamera, type[MappedArray]]:
        """Stand in for the function that opens a camera."""
        if number >= self._cameras:
            # What Picamera2 makes of an index out of range.
            message = "Camera __init__ sequence did not complete."
            raise RuntimeError(message)
        self.opened_number = number
        return self, MappedArray

    def create_video_configuration(
        self, *, main: dict[str, Any], buffer_count: int, queue: bool, controls: dict[str, Any]
    ) -> dict[str, Any]:
        """Make a configuration; sizes become even."""
        width, height = main["size"]
        aligned = {**main, "size": (width - width % 2, height - height % 2)}
        return {"main": aligned, "buffer_count": buffer_count, "queue": queue, "controls": controls}

    def configure(self, camera_config: dict[str, Any]) -> None:
        """Set it up."""
        width, _ = camera_config["main"]["size"]
        stride = -(-3 * width // LINE_BYTES) * LINE_BYTES
        self.configuration = {**camera_config, "main": {**camera_config["main"], "stride": stride}}
        self.fps = 1e6 / camera_config["controls"]["FrameDurationLimits"][0]

    def camera_configuration(self) -> dict[str, Any]:
        """Tell what became of the configuration."""
        return self.configuration

    def start(self) -> None:
        """Begin to deliver."""
        self._began_at = self._boot_clock()

    def capture_request(self, *, wait: bool) -> object:
        """Ask for the next frame."""
        if wait or self._began_at is None:
            message = "the fake gives jobs only, of a camera that was started"
            raise RuntimeError(message)
        self.jobs += 1
        return object()

    def wait(self, job: object, timeout: float) -> FakeRequest:
        """Wait for the next frame, *timeout* seconds at the longest."""
        del job
        now, began_at = self._boot_clock(), self._began_at or 0.0
        number = max(self._last_number, int((now - DELAY_S - began_at) * self.fps)) + 1
        exposed_at = began_at + number / self.fps
        gone = self._delivered == self._lost_after or self.in_use >= self.configuration["buffer_count"]
        if gone or exposed_at + DELAY_S > now + timeout:
            self._sleep(timeout)
            raise concurrent.futures.TimeoutError
        self._sleep(max(0.0, exposed_at + DELAY_S - now))
        with self._lock:
            self.jobs -= 1
            self.in_use += 1
            self._delivered += 1
            self._last_number = number
        return FakeRequest(self, number, exposed_at)

    def buffer(self, number: int) -> NDArray[np.uint8]:
        """Give the picture of frame *number* as it lies in a buffer, ``(H, W, 3)`` BGR without the padding."""
        main = self.configuration["main"]
        width, height = main["size"]
        if self._buffer.shape != (height, main["stride"]):
            self._buffer = np.full((height, main["stride"]), 255, np.uint8)
        picture = self._buffer[:, : 3 * width].reshape(height, width, 3)
        picture[...] = moving_square(number, (width, height))
        return picture

    def take_back(self) -> None:
        """Have a buffer back."""
        with self._lock:
            self.in_use -= 1
            if self.in_use < 0:
                message = "CompletedRequest: lock now has negative ref_count"
                raise RuntimeError(message)

    def cancel_all_and_flush(self) -> None:
        """Forget jobs that wait."""
        self.jobs = 0

    def close(self) -> None:
        """Give the camera back."""
        self.closed += 1
        self._began_at = None
