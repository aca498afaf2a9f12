"""Memory for frames on their way, used again and again so that a run allocates nothing large for each frame."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import DTypeLike, NDArray


class FrameBuffers:
    """Room for one frame: what each stage writes for the next. Counts who still needs it.

    Attributes:
        image: ``(H, W, 3)`` uint8 BGR, the frame as the source gave it; None before the first.
        pixels: The model's input; None before the first.
        raw: The model's output; None before the first.
        labels: ``(H, W)`` uint8 class ids.
        picture: ``(H, W, 3)`` uint8 BGR, what is shown.
    """

    __slots__ = ("_holders", "_pool", "image", "labels", "picture", "pixels", "raw")

    def __init__(self, pool: BufferPool) -> None:
        self.image: NDArray[np.uint8] | None = None
        self.pixels: NDArray[np.generic] | None = None
        self.raw: NDArray[np.generic] | None = None
        self.labels: NDArray[np.uint8] | None = None
        self.picture: NDArray[np.uint8] | None = None
        self._pool = pool
        self._holders = 0

    def hold(self, holders: int = 1) -> None:
        """Note that *holders* more need it; each of them calls :meth:`release` once."""
        with self._pool.lock:
            self._holders += holders

    def release(self) -> bool:
        """Give it back; True if nobody needs it any more, and it serves another frame."""
        with self._pool.lock:
            self._holders -= 1
            if self._holders:
                return False
            self._pool.free.append(self)
        return True


class BufferPool:
    """Hands out buffers; makes new ones only while more frames are on their way than ever before.

    How many that can be is bounded by the queues between the stages, not here.

    Attributes:
        lock: Guards everything here.
        free: Those that nobody needs.
        made: How many there are in all.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.free: list[FrameBuffers] = []
        self.made = 0

    def take(self) -> FrameBuffers:
        """Give buffers that nobody else has, with one holder: the caller."""
        with self.lock:
            if self.free:
                buffers = self.free.pop()
            else:
                buffers = FrameBuffers(self)
                self.made += 1
            buffers._holders = 1  # noqa: SLF001 - the count belongs to the pool
        return buffers


def room(array: NDArray[np.generic] | None, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[np.generic]:
    """Give *array* if it has this shape and type, else a new one."""
    if array is not None and array.shape == shape and array.dtype == dtype:
        return array
    return np.empty(shape, dtype)


def picture_room(array: NDArray[np.uint8] | None, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Give *array* if it has this shape, else a new one; uint8."""
    return array if array is not None and array.shape == shape else np.empty(shape, np.uint8)
