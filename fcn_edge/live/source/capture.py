"""Devices, streams and films through ``cv2.VideoCapture``."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import SourceError
from fcn_edge.live.frame import WELL, Capture, Clock, Frame, OpenCapture, SourceHealth, SourceInfo
from fcn_edge.live.source.gstreamer import GSTREAMER_PREFIX
from fcn_edge.live.source.opener import open_capture

__all__ = ["CaptureSource", "display_name", "open_capture"]

# A stream that was cut recovers at its next key frame, which is seldom more than this many frames away.
UNDECODABLE_IN_A_ROW = 300
_COLOURS, _COLOUR_AXES = 3, 3


class CaptureSource:
    """A device, a stream or a film; a live one that is lost raises, see :mod:`fcn_edge.live.source.reconnect`.

    Args:
        target: Index of a device, path of a device or film, a URL, or ``gst:PIPELINE``.
        wishes: ``cv2.CAP_PROP_…`` to value, set in their order.
        name: What to call it; *target*, without a password, by default.
        loop: Begin a film again when it is over.
        opener: What opens the target; a fake in tests.
        clock: Monotonic seconds.

    Raises:
        SourceError: It cannot be opened.
    """

    def __init__(
        self,
        target: int | str,
        *,
        wishes: Mapping[int, float] | None = None,
        name: str | None = None,
        loop: bool = False,
        opener: OpenCapture = open_capture,
        clock: Clock = time.monotonic,
    ) -> None:
        self._target = target
        self._name = name or display_name(target)
        self._wishes = dict(wishes or {})
        self._loop = loop
        self._opener = opener
        self._clock = clock
        self._capture = self._open()
        self._info = self._describe()
        self._delivered = 0
        self._first_at = 0.0

    @property
    def info(self) -> SourceInfo:
        """What the source is."""
        return self._info

    @property
    def health(self) -> SourceHealth:
        """Always well: a source that is lost raises."""
        return WELL

    def interrupt(self) -> None:
        """Nothing to do: a driver's call cannot be interrupted. It ends by itself, after the timeout at the latest."""

    def read(self, spare: NDArray[np.uint8] | None = None) -> Frame | None:
        """Wait for the next frame; None when a film is over.

        Args:
            spare: Memory that the picture may be decoded into.

        Raises:
            SourceError: A live source was lost, or a film has no frame that can be read.
        """
        # OpenCV refuses memory that is not one piece, and takes other memory where the size does not fit.
        fit = spare if spare is not None and spare.flags.c_contiguous else None
        lost = 0
        while lost < UNDECODABLE_IN_A_ROW:
            called_at = self._clock()
            if not self._grab():
                self._raise_if_lost()
                return None
            begun_at = self._clock() if self._info.live else called_at
            image = self._decoded(fit)
            if image is not None:
                return self._stamp(Frame(image, self._delivered, begun_at, self._clock(), 0.0, lost))
            lost += 1
        message = f"{self._info.name}: {lost} frames in a row could not be decoded"
        raise SourceError(message, hint="play it with another program to see whether the source is damaged")

    def close(self) -> None:
        """Give the device back. May be called twice."""
        self._capture.release()

    def _open(self) -> Capture:
        capture = self._opener(self._target, self._wishes)
        if not capture.isOpened():
            capture.release()
            raise _cannot_open(self._target, self._name)
        return capture

    def _describe(self) -> SourceInfo:
        kind = _kind(self._target)
        # A film behind a URL knows its length; a stream does not.
        if kind == "stream" and self._capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
            kind = "film"
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        size = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        live = kind != "film"
        return SourceInfo(
            name=self._name,
            kind=kind,
            live=live,
            # Some files say 90000 or -1: not a frame rate that anything could be paced by.
            rate_fps=rate if 0 < rate <= 1000 else 0.0,  # noqa: PLR2004 - see above
            size_wh=size if min(size) > 0 else None,
            starts_at="read_return" if live else "read_call",
            fourcc=_letters(self._capture.get(cv2.CAP_PROP_FOURCC)),
        )

    def _decoded(self, room: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
        """Decode the frame taken last to ``(H, W, 3)`` uint8 BGR; None where that cannot be."""
        try:
            decoded, image = self._capture.retrieve(room)
            if not decoded or image is None or not image.size or image.dtype != np.uint8:
                return None
            if image.ndim == _COLOUR_AXES and image.shape[2] == _COLOURS:
                return image
            # A pipeline of the user's own, or a camera that has no colours.
            grey = image.ndim < _COLOUR_AXES or image.shape[2] == 1
            conversion = cv2.COLOR_GRAY2BGR if grey else cv2.COLOR_BGRA2BGR
            return np.asarray(cv2.cvtColor(image, conversion), np.uint8)
        except cv2.error:
            return None

    def _grab(self) -> bool:
        try:
            grabbed = self._capture.grab()
        except cv2.error:
            # Drivers that are pulled out answer in this way too.
            grabbed = False
        if grabbed:
            return True
        if not self._loop or self._info.live or not self._delivered:
            return False
        # Seeking back to frame 0 is not possible in every container; opening again is.
        self._capture.release()
        self._capture = self._open()
        return self._capture.grab()

    def _raise_if_lost(self) -> None:
        if self._info.live:
            message = f"{self._info.name}: the {self._info.kind} was lost after {self._delivered} frames"
            raise SourceError(message, hint="see that it is plugged in, powered and reachable, then start again")
        if not self._delivered:
            message = f"{self._info.name}: no frame of this film can be read"
            raise SourceError(message, hint="play it with another program to see whether it is damaged")

    def _stamp(self, frame: Frame) -> Frame:
        if not self._delivered:
            self._first_at = frame.begun_at
        live, rate = self._info.live, self._info.rate_fps
        media_time = frame.begun_at - self._first_at if live or not rate else self._delivered / rate
        self._delivered += 1
        return dataclasses.replace(frame, media_time_s=media_time)


def display_name(target: int | str) -> str:
    """Give *target* as text that may be shown and stored: a URL loses its user name and password."""
    if isinstance(target, int) or "://" not in target:
        return str(target)
    if target.startswith(GSTREAMER_PREFIX):
        # A pipeline's URL stands among other words: location=rtsp://user:secret@host/path.
        return re.sub(r"(://)[^/\s]*@", r"\1", target)
    parts = urlsplit(target)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _kind(target: int | str) -> str:
    if isinstance(target, int) or target.startswith(("/dev/", f"{GSTREAMER_PREFIX}nvargus")):
        return "device"
    return "stream" if target.startswith(GSTREAMER_PREFIX) or "://" in target else "film"


def _letters(fourcc: float) -> str | None:
    """Give the four letters that OpenCV packs into a number, the first lowest; None where they are none."""
    if not 0 < fourcc < 1 << 32:
        return None
    letters = "".join(chr((int(fourcc) >> shift) & 0xFF) for shift in (0, 8, 16, 24))
    return letters if letters.isascii() and letters.isprintable() else None


def _cannot_open(target: int | str, name: str) -> SourceError:
    if isinstance(target, str) and target.startswith(GSTREAMER_PREFIX):
        message = f"{name}: the GStreamer pipeline does not start: {target[len(GSTREAMER_PREFIX) :]}"
        return SourceError(message, hint="run it with gst-launch-1.0, with fakesink instead of appsink, to see why")
    if _kind(target) == "device":
        found = ", ".join(str(path) for path in sorted(Path("/dev").glob("video*"))) or "none"
        message = f"camera {name}: cannot be opened (video devices here: {found})"
        return SourceError(
            message, hint="plug it in, close other programs that use it, or give a film: --source film.mkv"
        )
    if _kind(target) == "stream":
        message = f"{name}: the stream cannot be opened: no answer, or not a stream that OpenCV can read"
        return SourceError(message, hint="see that the address opens in a browser or in VLC on this machine")
    message = f"{name}: not a film that OpenCV can read"
    return SourceError(message, hint="convert it, for example: ffmpeg -i FILM -c:v mjpeg film.mkv")
