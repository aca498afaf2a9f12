"""What a user writes after ``--source``, and what may be wished of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from fcn_edge.errors import UsageError
from fcn_edge.live.source.gstreamer import GSTREAMER_PREFIX

STREAM_SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp", "udp", "tcp")
FORMS = "a camera (0, /dev/video0), picamera, csi, a URL (http://, rtsp://), a film, a folder, gst:PIPELINE or test"

_LOWEST_FPS, _HIGHEST_FPS = 0.001, 1000.0
_SMALLEST_SCENE = 16

SourceKind = Literal["device", "picamera", "csi", "pipeline", "stream", "scene", "folder", "film"]
_WORDS: Mapping[str, SourceKind] = {"test": "scene", "picamera": "picamera", "csi": "csi"}


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long to wait before a lost source is opened again: longer each time, so that a dead camera costs nothing.

    Attributes:
        first_s: Before the first attempt, in seconds.
        factor: Each further pause is so many times the last one.
        longest_s: No pause is longer, but for *jitter*.
        jitter: Share by which a pause is drawn shorter or longer, so that many boards that lost one server together do
            not come back together.
        reset_after_s: Seconds of frames after which the next loss begins with *first_s* again.
    """

    first_s: float = 0.5
    factor: float = 2.0
    longest_s: float = 30.0
    jitter: float = 0.2
    reset_after_s: float = 10.0


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """What to read frames from.

    Attributes:
        target: Device index (``"0"``), ``/dev/video0`` or ``/dev/v4l/by-id/…``, ``picamera`` or ``picamera:1``, ``csi``
            or ``csi:1`` (Jetson), a URL, a film, a folder of images, ``gst:PIPELINE``, or ``test``. These words win
            over a file or folder of the same name, which is written with its path: ``./test``.
        loop: Play a film or folder again and again.
        width: Wished of a camera or ``test``, in pixels; a camera takes the nearest it has.
        height: Wished of a camera or ``test``, in pixels.
        fps: Wished of a camera or ``test``; for a folder, how many images a second.
        fourcc: Wished of a V4L2 device: four letters for how frames come in, such as ``MJPG`` or ``YUYV``.
        reconnect: Open a live source again when it was lost; otherwise that is an error.
        pauses: How long to wait before that.
        timeout_s: A live source that does not answer or gives no frame for so many seconds counts as lost. OpenCV
            does not listen to this for a V4L2 device, where it is ten seconds always, nor before its version 4.7 for a
            pipeline that has begun to deliver.
    """

    target: str = "0"
    loop: bool = False
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    fourcc: str | None = None
    reconnect: bool = True
    pauses: Pauses = field(default_factory=Pauses)
    timeout_s: float = 10.0


def check_source(config: SourceConfig) -> None:
    """See that *config* names something that can be a source, before anything is loaded.

    Raises:
        UsageError: A path that does not exist, a scheme that is not supported, or a wish that cannot be.
    """
    _check_wishes(config)
    target = config.target
    if not target.strip():
        raise UsageError("--source: nothing is named", hint=f"give {FORMS}")
    try:
        target.encode()
    except UnicodeEncodeError as error:
        # OpenCV ends the whole process over such a name.
        message = f"--source {target.encode(errors='replace').decode()}: this name is not UTF-8"
        raise UsageError(message, hint="rename the file") from error
    kind = kind_of(target)
    if kind == "stream":
        _check_url(target)
    elif kind in ("picamera", "csi") and camera_number(target) is None:
        message = f"--source {target}: expected the number of a camera after the colon"
        raise UsageError(message, hint=f"write {kind}, or {kind}:1 for the second camera")
    elif kind == "scene" and target != "test":
        raise UsageError(f"--source {target}: there is only one test scene", hint="write test")
    elif kind == "pipeline" and not re.search(r"!\s*appsink\b", target):
        message = "--source gst:…: a GStreamer pipeline has to end in an appsink that frames are taken from"
        hint = "end it with: ! videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"
        raise UsageError(message, hint=hint)
    elif kind in ("folder", "film") and not Path(target).exists():
        raise UsageError(f"--source {target}: there is no such file or folder", hint=f"give {FORMS}")


def _check_wishes(config: SourceConfig) -> None:
    for wish, value in (("width", config.width), ("height", config.height), ("fps", config.fps)):
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"--{wish} {value}: expected above 0", hint=f"leave --{wish} out for the source's own")
    if config.fps is not None and not _LOWEST_FPS <= config.fps <= _HIGHEST_FPS:
        message = f"--fps {config.fps:g}: expected {_LOWEST_FPS:g} to {_HIGHEST_FPS:g}"
        raise UsageError(message, hint="leave --fps out for the source's own")
    if (
        config.target == "test"
        and min(config.width or _SMALLEST_SCENE, config.height or _SMALLEST_SCENE) < _SMALLEST_SCENE
    ):
        raise UsageError(
            f"--source test: expected {_SMALLEST_SCENE} pixels or more", hint="leave --width and --height out"
        )
    if config.fourcc is not None and not re.fullmatch(r"[ -~]{4}", config.fourcc):
        message = f"--fourcc {config.fourcc!r}: expected four characters"
        raise UsageError(message, hint="list what a camera has with: v4l2-ctl --list-formats-ext; often MJPG or YUYV")
    if not 0 < config.timeout_s < float("inf"):
        raise UsageError(f"a source's timeout of {config.timeout_s} s: expected above 0", hint="use 10")


def kind_of(target: str) -> SourceKind:
    """Tell what kind of source *target* names, by its form alone but for files and folders."""
    if is_index(target) or target.startswith("/dev/"):
        return "device"
    if target.startswith(GSTREAMER_PREFIX):
        return "pipeline"
    if "://" in target:
        return "stream"
    word = target.partition(":")[0]
    return _WORDS.get(word) or ("folder" if Path(target).is_dir() else "film")


def camera_number(target: str) -> int | None:
    """Give the number after the colon of ``picamera:1`` or ``csi:1``, 0 without a colon; None if it is not a number."""
    _, colon, number = target.partition(":")
    if not colon:
        return 0
    return int(number) if is_index(number) else None


def is_index(target: str) -> bool:
    """Tell whether *target* is the number of a device."""
    return re.fullmatch(r"[0-9]{1,3}", target) is not None


def _check_url(target: str) -> None:
    scheme = target.partition("://")[0]
    try:
        urlsplit(target)
    except ValueError as error:
        raise UsageError(f"--source {target}: {error}", hint="write http://HOST:PORT/PATH") from error
    if scheme.lower() not in STREAM_SCHEMES:
        message = f"--source {scheme}://…: {scheme!r} is not a kind of stream"
        raise UsageError(message, hint="use " + ", ".join(f"{s}://" for s in STREAM_SCHEMES))
