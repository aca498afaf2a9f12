"""From what a user writes after ``--source`` to an open source."""

from __future__ import annotations

import contextlib
import queue
import threading
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.live.frame import WELL, OpenCapture, Source, SourceHealth, SourceInfo
from fcn_edge.live.source.capture import CaptureSource, display_name, open_capture
from fcn_edge.live.source.config import SourceConfig, check_source, is_index
from fcn_edge.live.source.folder import FolderSource


def open_source(config: SourceConfig, *, opener: OpenCapture = open_capture) -> Source:
    """Open what *config* names.

    Raises:
        UsageError: A path that does not exist, or a scheme that is not supported.
        SourceError: It is there but cannot be opened.
    """
    check_source(config)
    if Path(config.target).is_dir():
        return FolderSource(Path(config.target), rate_fps=config.fps or 0.0, loop=config.loop)
    wished = {
        cv2.CAP_PROP_FRAME_WIDTH: config.width,
        cv2.CAP_PROP_FRAME_HEIGHT: config.height,
        cv2.CAP_PROP_FPS: config.fps,
    }
    target = int(config.target) if is_index(config.target) else config.target
    is_device = isinstance(target, int) or target.startswith("/dev/")
    wishes = {key: int(value) for key, value in wished.items() if value is not None} if is_device else {}
    if is_device:
        # Fewer old pictures waiting in the driver; a driver that cannot do it keeps its own number.
        wishes[cv2.CAP_PROP_BUFFERSIZE] = 1
    return CaptureSource(target, wishes=wishes, loop=config.loop, opener=opener)


class UnopenedSource:
    """Stands for a source that was still opening when the user ended the run: it has no frames."""

    def __init__(self, config: SourceConfig) -> None:
        self._info = SourceInfo(display_name(config.target), "unopened", False, 0.0, None, "read_call")  # noqa: FBT003

    @property
    def info(self) -> SourceInfo:
        """Its name."""
        return self._info

    @property
    def health(self) -> SourceHealth:
        """Nothing is wrong with it."""
        return WELL

    def read(self, spare: NDArray[np.uint8] | None = None) -> None:
        """Give no frame."""

    def interrupt(self) -> None:
        """Nothing to do: reading never waits."""

    def close(self) -> None:
        """Nothing is held open."""


def open_unless_stopped(config: SourceConfig, opener: OpenCapture, stop: threading.Event) -> Source:
    """Open a source as :func:`open_source` does, but give up when *stop* is set.

    A stream that does not answer keeps OpenCV waiting for seconds in a call that nothing can interrupt.
    """
    opened: queue.SimpleQueue[Source | BaseException] = queue.SimpleQueue()

    def work() -> None:
        try:
            opened.put(open_source(config, opener=opener))
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            opened.put(error)
        if stop.is_set():
            _close_unwanted(opened)

    threading.Thread(target=work, name="fcn-edge-open", daemon=True).start()
    while not stop.is_set():
        with contextlib.suppress(queue.Empty):
            answer = opened.get(timeout=0.05)
            if isinstance(answer, BaseException):
                raise answer
            return answer
    # Whichever side comes second finds what the other has left, so a device is never kept open for nobody.
    _close_unwanted(opened)
    return UnopenedSource(config)


def _close_unwanted(opened: queue.SimpleQueue[Source | BaseException]) -> None:
    with contextlib.suppress(queue.Empty):
        answer = opened.get_nowait()
        if not isinstance(answer, BaseException):
            answer.close()
