"""The camera modules of a Raspberry Pi, through Picamera2 and libcamera. Not yet run on hardware.

Written against the *Picamera2 Library* manual and the library's source; :mod:`fcn_edge.live.fake_picamera` is a fake of
what is used here. It needs a Picamera2 from July 2024 on, which can give up a camera that died
(raspberrypi/picamera2#1069).
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fcn_edge import optional
from fcn_edge.errors import MissingPackageError, SourceError
from fcn_edge.live.frame import WELL, Clock, Frame, SourceHealth, SourceInfo

# libcamera fills the next ones while one is copied out. Picamera2 takes six for video, of which each costs a picture's
# worth of the scarce memory that the camera can reach.
BUFFERS = 4
_MICROSECONDS = 1e6
_TURN_S = 0.1


class Picamera(Protocol):
    """The part of ``picamera2.Picamera2`` that is used here, with its names."""

    def create_video_configuration(
        self, *, main: dict[str, Any], buffer_count: int, queue: bool, controls: dict[str, Any]
    ) -> dict[str, Any]:
        """Make a configuration."""
        ...

    def configure(self, camera_config: dict[str, Any]) -> None:
        """Set it up; sizes may come out otherwise."""
        ...

    def camera_configuration(self) -> dict[str, Any]:
        """Tell what became of the configuration."""
        ...

    def start(self) -> None:
        """Begin to deliver."""
        ...

    def capture_request(self, *, wait: bool) -> Any:  # noqa: ANN401 - a job of the library
        """Ask for the next frame; with *wait* False a job comes back at once."""
        ...

    def wait(self, job: Any, timeout: float) -> Any:  # noqa: ANN401 - its request
        """Wait for a job; give the request, which is to be released."""
        ...

    def cancel_all_and_flush(self) -> None:
        """Forget jobs that wait."""
        ...

    def close(self) -> None:
        """Stop and give the camera back."""
        ...


MapArray = Callable[[Any, str], contextlib.AbstractContextManager[Any]]
"""``picamera2.MappedArray``: opens a request's picture in place; its ``array`` is ``(H, W, 3)`` uint8."""
OpenPicamera = Callable[[int], tuple[Picamera, MapArray]]
"""Opens a camera by number."""


def open_picamera(number: int) -> tuple[Picamera, MapArray]:
    """Open camera *number* with Picamera2.

    Raises:
        MissingPackageError: Picamera2 or libcamera is not there.
        RuntimeError: The camera is not there, or another program has it (Picamera2's own error).
    """
    try:
        module = optional.load("picamera2", feature="--source picamera", extra="picamera")
    except MissingPackageError as error:
        hint = (
            "sudo apt install python3-picamera2, and use a virtual environment made with --system-site-packages: "
            "libcamera comes with Raspberry Pi OS, not from pip"
        )
        raise MissingPackageError(error.message, hint=hint) from error
    return module.Picamera2(number), module.MappedArray


class PicameraSource:
    """A camera module, its newest frame only, stamped when the sensor exposed it.

    Args:
        number: Of the camera, from 0.
        size_wh: Wished width and height; the library makes both even.
        rate_fps: Wished frames a second.
        timeout_s: A camera that gives no frame for so long counts as lost.
        opener: What opens it; a fake in tests.
        clock: Monotonic seconds.
        boot_clock: Seconds since the system started, sleep included: the clock of libcamera's stamps.

    Raises:
        SourceError: It cannot be opened.
        MissingPackageError: Picamera2 is not installed.
    """

    def __init__(
        self,
        number: int,
        *,
        size_wh: tuple[int, int] = (640, 480),
        rate_fps: float = 30.0,
        timeout_s: float = 10.0,
        opener: OpenPicamera = open_picamera,
        clock: Clock = time.monotonic,
        boot_clock: Clock = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._name = "picamera" if number == 0 else f"picamera:{number}"
        self._timeout_s = timeout_s
        self._clock = clock
        self._boot_clock = boot_clock
        self._stop = threading.Event()
        self._delivered = 0
        self._first_at = 0.0
        self._closed = False
        with self._library_errors("cannot be opened"):
            self._camera, self._map_array = opener(number)
        try:
            with self._library_errors("cannot be set up"):
                self._info = self._start(size_wh, rate_fps)
        except BaseException:
            self.close()
            raise

    @property
    def info(self) -> SourceInfo:
        """What the camera was set to."""
        return self._info

    @property
    def health(self) -> SourceHealth:
        """Always well: a camera that is lost raises."""
        return WELL

    def read(self, spare: NDArray[np.uint8] | None = None) -> Frame | None:
        """Wait for the next frame; None after :meth:`interrupt`.

        Args:
            spare: Memory that the picture is copied into where its size fits.

        Raises:
            SourceError: The camera gives no more frames.
        """
        with self._library_errors(f"was lost after {self._delivered} frames"):
            request = self._next_request()
            if request is None:
                return None
            try:
                stamp_ns = request.get_metadata().get("SensorTimestamp")
                with self._map_array(request, "main") as mapped:
                    image = _copy(mapped.array, spare)
            finally:
                # A request that is kept is a buffer that the camera lacks: without any it stops.
                request.release()
        ready_at = self._clock()
        begun_at = ready_at if stamp_ns is None else self._from_boot_clock(stamp_ns)
        self._first_at = self._first_at if self._delivered else begun_at
        frame = Frame(image, self._delivered, begun_at, ready_at, begun_at - self._first_at)
        self._delivered += 1
        return frame

    def interrupt(self) -> None:
        """Let a waiting reader come back, within a tenth of a second."""
        self._stop.set()

    def close(self) -> None:
        """Give the camera back. May be called twice."""
        if self._closed:
            return
        self._closed = True
        # A camera that died may raise from here as well; then there is nothing left to give back.
        for give_back in (self._camera.cancel_all_and_flush, self._camera.close):
            with contextlib.suppress(RuntimeError, OSError):
                give_back()

    def _start(self, size_wh: tuple[int, int], rate_fps: float) -> SourceInfo:
        frame_us = round(_MICROSECONDS / rate_fps)
        configuration = self._camera.create_video_configuration(
            # libcamera names formats by their number in a word, low byte last: "RGB888" lies in memory as B, G, R.
            main={"size": size_wh, "format": "RGB888"},
            buffer_count=BUFFERS,
            # Not the frame that was finished before anybody asked, but the next one.
            queue=False,
            controls={"FrameDurationLimits": (frame_us, frame_us)},
        )
        self._camera.configure(configuration)
        main = self._camera.camera_configuration()["main"]
        if main["format"] != "RGB888":
            message = f"{self._name}: gives {main['format']}, expected RGB888"
            raise SourceError(message, hint="a USB camera is read with --source 0")
        self._camera.start()
        return SourceInfo(
            self._name,
            "device",
            live=True,
            rate_fps=_MICROSECONDS / frame_us,
            size_wh=(int(main["size"][0]), int(main["size"][1])),
            starts_at="sensor",
        )

    def _next_request(self) -> Any:  # noqa: ANN401 - the library's
        """Wait for a frame in turns, so that an interrupt is heard; None after one."""
        job = self._camera.capture_request(wait=False)
        until = self._clock() + self._timeout_s
        while not self._stop.is_set():
            # Two classes until Python 3.11, of which Picamera2 raises the former.
            with contextlib.suppress(concurrent.futures.TimeoutError, TimeoutError):
                return self._camera.wait(job, timeout=_TURN_S)
            if self._clock() >= until:
                raise TimeoutError
        return None

    def _from_boot_clock(self, stamp_ns: int) -> float:
        """Convert a stamp of libcamera to the clock of all others, which stops while the system sleeps."""
        age_s = self._boot_clock() - stamp_ns * 1e-9
        return self._clock() - max(0.0, age_s)

    @contextlib.contextmanager
    def _library_errors(self, what: str) -> Iterator[None]:
        """Turn what Picamera2 raises into a SourceError. libcamera's own words went to standard error."""
        try:
            yield
        except (concurrent.futures.TimeoutError, TimeoutError) as error:
            message = f"{self._name}: the camera {what}: no frame for {self._timeout_s:g} s"
            raise SourceError(message, hint="see that its ribbon cable sits and its power supply suffices") from error
        except (RuntimeError, OSError, IndexError, KeyError) as error:
            message = f"{self._name}: the camera {what}: {error}"
            hint = "see that rpicam-hello shows it (libcamera-hello on older systems) and no other program uses it"
            raise SourceError(message, hint=hint) from error


def _copy(picture: NDArray[np.uint8], spare: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Copy a picture out of the camera's buffer, into *spare* where it fits."""
    if spare is None or spare.shape != picture.shape:
        return np.array(picture, dtype=np.uint8, order="C")
    np.copyto(spare, picture)
    return spare
