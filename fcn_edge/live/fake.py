"""A camera without a camera: behaves as ``cv2.VideoCapture`` does with a USB device, its bad habits included."""

from __future__ import annotations

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
    """A device that delivers frames at a fixed rate into a small buffer and may be pulled out.

    Like a V4L2 device it fills its buffer whether or not anybody reads, keeps the *oldest* frames when the buffer is
    full, and gives them out in order: whoever reads slowly sees old pictures.

    Args:
        size_wh: Width and height of a frame.
        fps: Frames a second.
        buffered: How many frames the driver holds.
        opened: False for a camera that is not there.
        lost_after: The device is pulled out after this many frames.
        broken: Numbers of frames that cannot be decoded.
        draw: Gives the picture of a frame, from its number and *size_wh*.
        clock: Monotonic seconds.
        sleep: Waits for seconds.

    Attributes:
        released: How often the device was given back.
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
        broken: frozenset[int] = frozenset(),
        draw: Callable[[int, tuple[int, int]], NDArray[np.uint8]] = moving_square,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.released = 0
        self.delivered: deque[int] = deque(maxlen=1000)
        self._size_wh = size_wh
        self._fps = fps
        self._buffered = buffered
        self._opened = opened
        self._lost_after = lost_after
        self._broken = broken
        self._draw = draw
        self._clock = clock
        self._sleep = sleep
        self._began_at = clock()
        self._exposed = 0
        self._buffer: deque[int] = deque()
        self._handed_out = 0

    def __call__(self, target: int | str, wishes: Mapping[int, int]) -> FakeCapture:
        """Stand in for the function that opens a capture."""
        del target, wishes
        self._began_at = self._clock()
        return self

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Tell whether the camera is there."""
        return self._opened

    def grab(self) -> bool:
        """Wait for a frame and take the oldest one that the driver holds; False once the device is pulled out."""
        if not self._opened or self._handed_out == self._lost_after:
            return False
        self._expose()
        while not self._buffer:
            self._sleep(max(1e-4, self._began_at + (self._exposed + 1) / self._fps - self._clock()))
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
        """Give rate, width or height; 0 for anything else, as OpenCV does for what it does not know."""
        width, height = self._size_wh
        known = {
            cv2.CAP_PROP_FPS: self._fps,
            cv2.CAP_PROP_FRAME_WIDTH: float(width),
            cv2.CAP_PROP_FRAME_HEIGHT: float(height),
        }
        return known.get(property_id, 0.0)

    def release(self) -> None:
        """Count that the device was given back."""
        self.released += 1

    def _expose(self) -> None:
        """Let the sensor catch up with the clock; what finds no room in the buffer is lost."""
        until = int((self._clock() - self._began_at) * self._fps)
        # The buffer keeps the oldest frames, so only the first few of a long gap matter.
        room = self._buffered - len(self._buffer)
        self._buffer.extend(range(self._exposed, min(until, self._exposed + room)))
        self._exposed = max(self._exposed, until)
