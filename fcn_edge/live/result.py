"""A segmented frame, and what can take one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fcn_edge.live.frame import Frame

STAGES = ("capture", "wait", "preprocess", "inference", "postprocess")
OUTPUT_STAGES = ("draw", "output")


@dataclass(frozen=True, slots=True)
class Result:
    """A frame and its mask.

    Attributes:
        frame: What was segmented.
        labels: ``(H, W)`` uint8 class ids at the frame's size.
        times_s: Seconds of each of :data:`STAGES`.
        shares: ``(K,)`` float64, share of each class in the picture, 0..1.
        fps: Frames processed a second, lately.
    """

    frame: Frame
    labels: NDArray[np.uint8]
    times_s: tuple[float, ...]
    shares: NDArray[np.float64]
    fps: float


class Sink(Protocol):
    """Where results go: a recording, a log, a window. Each sink is written by a thread of its own.

    Memory: the arrays of a result and the picture are used again for a later frame as soon as ``write`` returns. A
    sink that keeps something copies it.
    """

    @property
    def name(self) -> str:
        """A word for reports and messages: ``recording``, ``frame_log``, ``window``."""
        ...

    @property
    def needs_picture(self) -> bool:
        """True where the overlay has to be drawn for this sink."""
        ...

    @property
    def needs_frame(self) -> bool:
        """True where this sink wants the frame as the camera gave it; if none does, the overlay is drawn onto it."""
        ...

    def write(self, result: Result, picture_bgr: NDArray[np.uint8]) -> None:
        """Take one result.

        Args:
            result: Not to be changed.
            picture_bgr: ``(H, W, 3)`` uint8 with overlay, legend and figures where any sink needs it, else the plain
                frame. Not to be changed.

        Raises:
            OutputError: It cannot be written. Of a film or folder this ends the run. Of a live source the result is
                lost, and after a pause the sink is given results again, so it must be able to go on after an error.
        """
        ...

    def close(self) -> None:
        """Finish. May be called twice.

        Raises:
            OutputError: The end cannot be written.
        """
        ...
