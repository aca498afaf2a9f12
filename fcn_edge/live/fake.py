"""A camera without a camera: behaves as ``cv2.VideoCapture`` does with a USB device, its bad habits included."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.live.frame import Clock


def moving_square(number: int, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw a bright square that moves by four pixels a frame over dark ground, ``(H, W, 3)`` uint8 BGR."""
    width, height = size_wh
    image = np.full((height, width, 3), 40, np.uint8)
    side = max(2, min(width, height) // 3)
    left = (4 * number) % max(1, width - side)
    top = (height - side) // 2
    image[top : top + side, left : left + side] = (60, 200, 240)
    return image


class FakeCapture:
    """A device that delivers frames at a fixed rate into a small buffer, may be pulled out and plugged in again.

    Like a V4L2 device it fills its buffer whether or not anybody reads, keeps the *oldest* frames when the buffer is
    full, and gives them out in order: whoever reads slowly sees old pictures. It stands in for the capture as well as
    for the function that opens one.

    Args:
        size_wh: Width and height of a frame.
        fps: Frames a second.
        buffered: How many frames the driver holds.
        opened: False for a camera that is not there.
        lost_after: The device is pulled out after this many frames, counted from each opening.
        back_after_s: It is plugged in again so many seconds later; None: only by :meth:`plug_in`.
        opens_in_s: How long opening takes.
        hangs_after: The driver hangs in the grab after this many frames until :meth:`let_go`.
        fourcc: Four letters that it says its frames come in as, whatever was wished.
        broken: Numbers of frames that cannot be decoded.
        draw: Gives the picture of a frame, from its number and *size_wh*.
        clock: Monotonic seconds.
        sleep: Waits for seconds.

    Attributes:
        released: How often the device was given back.
        openings: How often it was tried to open it.
        wishes: What was wished at the last opening, in its order.
        delivered: Numbers of the frames handed out last, at most 1,000.
    """

    def __init__(
        self,
        *,
        size_wh: tuple[int, int] = (64, 48),
        fps: float = 30.0,
        buffered: int = 4,
        opened: bool = True,
        lost_after: int | None = None,
        back_after_s: float | None = None,
        opens_in_s: float = 0.0,
        hangs_after: int | None = None,
        fourcc: str | None = None,
        broken: frozenset[int] = frozenset(),
        draw: Callable[[int, tuple[int, int]], NDArray[np.uint8]] = moving_square,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.released = 0
        self.openings = 0
        self.wishes: dict[int, float] = {}
        self.delivered: deque[int] = deque(maxlen=1000)
        self._size_wh = size_wh
        self._fps = fps
        self._buffered = buffered
        # When it comes back by itself; None: not before it is plugged in. There at present: not in the future.
        self._back_at: float | None = clock() if opened else None
        self._lost_after = lost_after
        self._back_after_s = back_after_s
        self._opens_in_s = opens_in_s
        self._hangs_after = hangs_after
        self._let_go = threading.Event()
        self._fourcc = fourcc
        self._broken = broken
        self._draw = draw
        self._clock = clock
        self._sleep = sleep
        self._open = opened
        self._begin()

    def __call__(self, target: int | str, wishes: Mapping[int, float]) -> FakeCapture:
        """Stand in for the function that opens a capture."""
        del target
        self.openings += 1
        self.wishes = dict(wishes)
        if self._opens_in_s:
            self._sleep(self._opens_in_s)
        self._open = self._is_there()
        self._begin()
        return self

    def pull_out(self) -> None:
        """Take the device away: it delivers no more, and whoever has it open has to open it again."""
        self._open, self._back_at = False, None

    def plug_in(self, size_wh: tuple[int, int] | None = None) -> None:
        """Bring the device back, if wished with another size."""
        self._size_wh = size_wh or self._size_wh
        self._back_at = self._clock()

    def let_go(self) -> None:
        """End the hanging of the driver."""
        self._let_go.set()

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Tell whether the camera is there."""
        return self._open

    def grab(self) -> bool:
        """Wait for a frame and take the oldest one that the driver holds; False once the device is pulled out."""
        if self._handed_out == self._hangs_after:
            self._let_go.wait()
        if self._open and self._handed_out == self._lost_after:
            self._open = False
            self._back_at = None if self._back_after_s is None else self._clock() + self._back_after_s
        if not self._open:
            return False
        self._expose()
        while not self._buffer:
            self._sleep(max(1e-4, self._began_at + (self._exposed + 1) / self._fps - self._clock()))
            if not self._open:
                return False
            self._expose()
        self.delivered.append(self._buffer.popleft())
        self._handed_out += 1
        return True

    def retrieve(self, image: NDArray[np.uint8] | None = None) -> tuple[bool, NDArray[np.uint8] | None]:
        """Give the picture of the frame taken last, in *image* where it fits."""
        number = self.delivered[-1]
        if number in self._broken:
            return False, None
        picture = self._draw(number, self._size_wh)
        if image is None or image.shape != picture.shape:
            return True, picture
        np.copyto(image, picture)
        return True, image

    def get(self, property_id: int) -> float:
        """Give rate, width, height or letters; 0 for anything else, as OpenCV does for what it does not know."""
        width, height = self._size_wh
        known = {
            cv2.CAP_PROP_FPS: self._fps,
            cv2.CAP_PROP_FRAME_WIDTH: float(width),
            cv2.CAP_PROP_FRAME_HEIGHT: float(height),
        }
        if self._fourcc is not None:
            known[cv2.CAP_PROP_FOURCC] = float(cv2.VideoWriter.fourcc(*self._fourcc))
        return known.get(property_id, 0.0)

    def release(self) -> None:
        """Count that the device was given back."""
        self.released += 1

    def _is_there(self) -> bool:
        return self._back_at is not None and self._clock() >= self._back_at

    def _begin(self) -> None:
        """Start the sensor: frames count from 0."""
        self._began_at = self._clock()
        self._exposed = 0
        self._buffer: deque[int] = deque()
        self._handed_out = 0

    def _expose(self) -> None:
        """Let the sensor catch up with the clock; what finds no room in the buffer is lost."""
        until = int((self._clock() - self._began_at) * self._fps)
        # The buffer keeps the oldest frames, so only the first few of a long gap matter.
        room = self._buffered - len(self._buffer)
        self._buffer.extend(range(self._exposed, min(until, self._exposed + room)))
        self._exposed = max(self._exposed, until)
