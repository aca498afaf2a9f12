"""Opening ``cv2.VideoCapture`` as each kind of source needs it."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping

import cv2

from fcn_edge.image_file import OPENCV_SILENT, opencv_log
from fcn_edge.live.frame import Capture
from fcn_edge.live.source.gstreamer import GSTREAMER_PREFIX, knows_timeouts, require_gstreamer

TIMEOUT_MS = 10_000
# Settings that OpenCV takes only at the moment of opening.
OPEN_ONLY = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC)
# TCP, since a lost packet of UDP smears the picture until the next key frame. The rest keeps FFmpeg from collecting
# frames before it hands out the first, and from decoding several at once, each of which is a frame of delay.
RTSP_OPTIONS = "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay"
_FFMPEG_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"

_environment_lock = threading.Lock()


def open_capture(target: int | str, wishes: Mapping[int, float]) -> Capture:
    """Open a device index, a path, a URL or ``gst:PIPELINE`` with OpenCV, without its warnings on standard error.

    Args:
        target: Index of a device, path of a device or film, a URL, or ``gst:`` and a GStreamer pipeline.
        wishes: ``cv2.CAP_PROP_…`` to value, set in their order; a device takes the nearest it has. For streams and
            pipelines the timeouts, in ms.

    Returns:
        A capture that may be closed: OpenCV raises nothing for a camera that is not there.

    Raises:
        SourceError: A pipeline, where this OpenCV has no GStreamer.
    """
    # FFmpeg's own messages are switched by this variable alone, read when OpenCV first uses it.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    opencv_log.setLogLevel(OPENCV_SILENT)
    if isinstance(target, int):
        capture = _open_index(target)
    elif target.startswith(GSTREAMER_PREFIX):
        capture = _open_pipeline(target, wishes)
    elif "://" in target:
        with _rtsp_options(target):
            capture = cv2.VideoCapture(target, cv2.CAP_FFMPEG, _timeouts(wishes))
    else:
        # A path never means CAP_IMAGES, which OpenCV would guess from digits in the name ("clip07.mkv").
        backend = cv2.CAP_V4L2 if target.startswith("/dev/") else cv2.CAP_FFMPEG
        capture = cv2.VideoCapture(target, backend)
        if not capture.isOpened():
            capture = cv2.VideoCapture(target, cv2.CAP_ANY)
    for property_id, value in wishes.items():
        if property_id not in OPEN_ONLY:
            capture.set(property_id, value)
    return capture  # type: ignore[return-value]  # OpenCV's stubs name the array types more loosely


def _open_index(index: int) -> cv2.VideoCapture:
    # Left to choose, a Jetson's OpenCV takes GStreamer, which has read from the camera before any wish can be set.
    if sys.platform.startswith("linux"):
        capture = cv2.VideoCapture(index, cv2.CAP_V4L2)
        if capture.isOpened():
            return capture
    return cv2.VideoCapture(index)


def _open_pipeline(target: str, wishes: Mapping[int, float]) -> cv2.VideoCapture:
    pipeline = target[len(GSTREAMER_PREFIX) :]
    require_gstreamer(pipeline.split(maxsplit=1)[0])
    if knows_timeouts():
        return cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER, _timeouts(wishes))
    return cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER)


def _timeouts(wishes: Mapping[int, float]) -> list[int]:
    return [value for key in OPEN_ONLY for value in (key, int(wishes.get(key, TIMEOUT_MS)))]


@contextlib.contextmanager
def _rtsp_options(url: str) -> Iterator[None]:
    """Set FFmpeg's options for RTSP while it opens *url*; what the user has set is left as it is."""
    if not url.lower().startswith("rtsp"):
        yield
        return
    with _environment_lock:
        mine = _FFMPEG_OPTIONS not in os.environ
        os.environ.setdefault(_FFMPEG_OPTIONS, RTSP_OPTIONS)
        try:
            yield
        finally:
            if mine:
                del os.environ[_FFMPEG_OPTIONS]
