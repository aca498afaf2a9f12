"""A frame and what can deliver one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Clock = Callable[[], float]
"""Seconds on a clock that never goes back: ``time.monotonic`` everywhere but in tests."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source.

    Attributes:
        image_bgr: ``(H, W, 3)`` uint8. It belongs to whoever takes the frame; may be the array that was offered to
            :meth:`Source.read`.
        number: Counts what the source delivered, from 0.
        begun_at: Monotonic seconds at which the capture stage begins, see :attr:`SourceInfo.starts_at`.
        ready_at: Monotonic seconds at which the picture was decoded.
        media_time_s: Where the picture belongs in a recording: by the clock if live, by frame rate for a film.
        lost_before: Frames delivered since the one before that could not be decoded.
    """

    image_bgr: NDArray[np.uint8]
    number: int
    begun_at: float
    ready_at: float
    media_time_s: float
    lost_before: int = 0


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source turned out to be once it was open.

    Attributes:
        name: As the user gave it, without the password of a URL.
        kind: ``device``, ``stream``, ``film``, ``folder`` or ``scene`` (drawn here).
        live: True where only the newest frame counts; False where every frame does.
        rate_fps: Frames a second by its own account; 0 where it does not say.
        size_wh: Width and height of the first picture where known before reading, else None.
        starts_at: The moment ``begun_at`` stands for. ``sensor``: its first row was exposed. ``read_return``: the
            device handed the frame over (what lies before, in sensor and driver, is not seen). ``read_call``: reading
            began; a file has no earlier moment.
        fourcc: Four letters for how frames come in (``MJPG``, ``YUYV``), by the source's own account; None where it
            does not say.
    """

    name: str
    kind: str
    live: bool
    rate_fps: float
    size_wh: tuple[int, int] | None
    starts_at: str
    fourcc: str | None = None


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How a source is doing just now, and what became of it so far. A film or folder is always well.

    Attributes:
        waiting: A live source was lost and has not come back yet.
        note: Why, in words for people; empty while frames come. A source that is open and gives nothing has a note too.
        next_try_s: Seconds until it is opened again; None while frames come or it is being opened right now.
        losses: How often it was lost.
        reconnects: How often it came back.
        gaps: How often its next frame came more than three frame times late without its being lost.
        gap_s: Seconds without frames, in gaps and losses together, a loss that lasts included.
    """

    waiting: bool = False
    note: str = ""
    next_try_s: float | None = None
    losses: int = 0
    reconnects: int = 0
    gaps: int = 0
    gap_s: float = 0.0


WELL = SourceHealth()


class Source(Protocol):
    """An open source of frames. One thread reads; :attr:`health` and :meth:`interrupt` are for any thread."""

    @property
    def info(self) -> SourceInfo:
        """What the source is."""
        ...

    @property
    def health(self) -> SourceHealth:
        """How it is doing just now."""
        ...

    def read(self, spare: NDArray[np.uint8] | None = None) -> Frame | None:
        """Wait for the next frame; None when a film or folder is over, or after :meth:`interrupt`.

        Args:
            spare: ``(H, W, 3)`` uint8, memory that the picture may be decoded into where its size fits.

        Raises:
            SourceError: A live source was lost.
            ImageError: A picture of a folder cannot be decoded.
        """
        ...

    def interrupt(self) -> None:
        """Let a reader that waits for a lost source come back at once, with None; may be called at any time."""
        ...

    def close(self) -> None:
        """Give the device back. May be called twice."""
        ...


class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that is used here, with its names; :mod:`fcn_edge.live.fake` has another."""

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Tell whether the source could be opened."""
        ...

    def grab(self) -> bool:
        """Take the next frame from the device; False when there is none any more."""
        ...

    def retrieve(self, image: NDArray[np.uint8] | None = None) -> tuple[bool, NDArray[np.uint8] | None]:
        """Decode the frame taken last into ``(H, W, 3)`` uint8 BGR, which the caller owns: *image* where it fits."""
        ...

    def get(self, property_id: int) -> float:
        """Read a property by its ``cv2.CAP_PROP_…`` number."""
        ...

    def release(self) -> None:
        """Give the device back."""
        ...


OpenCapture = Callable[[int | str, Mapping[int, float]], Capture]
"""Opens a device index, a path, a URL or ``gst:PIPELINE``, with ``cv2.CAP_PROP_…`` values wished for in their order."""
