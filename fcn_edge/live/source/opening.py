"""From what a user writes after ``--source`` to an open source."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import SourceError
from fcn_edge.live.frame import WELL, OpenCapture, Source, SourceHealth, SourceInfo
from fcn_edge.live.source.capture import CaptureSource, display_name, open_capture
from fcn_edge.live.source.config import SourceConfig, SourceKind, camera_number, check_source, is_index, kind_of
from fcn_edge.live.source.folder import FolderSource
from fcn_edge.live.source.gstreamer import CSI_FPS, CSI_SIZE_WH, GSTREAMER_PREFIX, csi_pipeline
from fcn_edge.live.source.picamera import OpenPicamera, PicameraSource, open_picamera
from fcn_edge.live.source.reconnect import LiveSource, open_while
from fcn_edge.live.source.scene import FPS, SIZE_WH, SceneSource

# What OpenCV may take beyond its own timeout before it is no longer waited for.
OPENING_ITSELF_S = 1.0


def open_source(
    config: SourceConfig, *, opener: OpenCapture = open_capture, picamera: OpenPicamera = open_picamera
) -> Source:
    """Open what *config* names.

    A live source comes back when it is lost, unless *config* says otherwise. One that cannot be opened the first time
    is an error all the same: its address is more likely wrong than its camera late.

    Args:
        config: What to open.
        opener: Opens devices, streams, films and pipelines; a :class:`fcn_edge.live.fake.FakeCapture` is one for tests.
        picamera: Opens a camera of a Raspberry Pi; :class:`fcn_edge.live.fake_picamera.FakePicamera` is one for tests.

    Raises:
        UsageError: A path that does not exist, or a scheme that is not supported.
        SourceError: It is there but cannot be opened.
        MissingPackageError: A camera of a Raspberry Pi, where Picamera2 is not installed.
    """
    check_source(config)
    kind = kind_of(config.target)

    def open_once() -> Source:
        return _open(config, kind, opener, picamera)

    source = open_once()
    if not source.info.live:
        return source
    return LiveSource(source, open_once if config.reconnect else None, pauses=config.pauses)


def open_unless_stopped(config: SourceConfig, opener: OpenCapture, stop: threading.Event) -> Source:
    """Open a source as :func:`open_source` does, but give up when *stop* is set."""
    source = open_while(lambda: not stop.is_set(), lambda: open_source(config, opener=opener))
    return source or UnopenedSource(config)


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


def _open(config: SourceConfig, kind: SourceKind, opener: OpenCapture, picamera: OpenPicamera) -> Source:
    target, size_wh = config.target, (config.width, config.height)
    if kind == "folder":
        return FolderSource(Path(target), rate_fps=config.fps or 0.0, loop=config.loop)
    if kind == "scene":
        return SceneSource(size_wh=_or_default(size_wh, SIZE_WH), rate_fps=config.fps or FPS)
    if kind == "picamera":
        return PicameraSource(
            camera_number(target) or 0,
            size_wh=_or_default(size_wh, SIZE_WH),
            rate_fps=config.fps or FPS,
            timeout_s=config.timeout_s,
            opener=picamera,
        )
    if kind in ("csi", "pipeline"):
        return _open_pipeline(config, kind, opener)
    if kind in ("stream", "film"):
        wishes = _timeouts(config) if kind == "stream" else {}
        return CaptureSource(target, wishes=wishes, loop=config.loop, opener=opener)
    index = int(target) if is_index(target) else target
    return CaptureSource(index, wishes=_device_wishes(config), opener=opener)


def _open_pipeline(config: SourceConfig, kind: SourceKind, opener: OpenCapture) -> Source:
    """Open a pipeline, but wait no longer than OpenCV should: before 4.7 it waits for ever if an element is missing."""
    address = _csi_address(config) if kind == "csi" else config.target
    name = config.target if kind == "csi" else display_name(config.target)
    until = time.monotonic() + config.timeout_s + OPENING_ITSELF_S
    source = open_while(
        lambda: time.monotonic() < until,
        lambda: CaptureSource(address, wishes=_timeouts(config), name=name, opener=opener),
    )
    if source is None:
        message = f"{name}: the GStreamer pipeline did not start within {config.timeout_s:g} s"
        hint = "an element of it may be missing: run it with gst-launch-1.0, with fakesink instead of appsink, to see"
        raise SourceError(message, hint=hint)
    return source


def _csi_address(config: SourceConfig) -> str:
    size_wh = _or_default((config.width, config.height), CSI_SIZE_WH)
    return GSTREAMER_PREFIX + csi_pipeline(
        camera_number(config.target) or 0, size_wh=size_wh, fps=config.fps or CSI_FPS
    )


def _timeouts(config: SourceConfig) -> Mapping[int, float]:
    return dict.fromkeys((cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC), 1000 * config.timeout_s)


def _device_wishes(config: SourceConfig) -> Mapping[int, float]:
    """Give the wishes in V4L2's order: the format decides which sizes there are, they decide the rates."""
    fourcc = None if config.fourcc is None else cv2.VideoWriter.fourcc(*config.fourcc)
    wished = {
        cv2.CAP_PROP_FOURCC: fourcc,
        cv2.CAP_PROP_FRAME_WIDTH: config.width,
        cv2.CAP_PROP_FRAME_HEIGHT: config.height,
        cv2.CAP_PROP_FPS: config.fps,
        # Fewer old pictures waiting in the driver; a driver that cannot do it keeps its own number.
        cv2.CAP_PROP_BUFFERSIZE: 1,
    }
    return {key: value for key, value in wished.items() if value is not None}


def _or_default(wished_wh: tuple[int | None, int | None], default_wh: tuple[int, int]) -> tuple[int, int]:
    """Fill in what was not wished, in the default's shape."""
    width, height = wished_wh
    if width is None and height is None:
        return default_wh
    if width is None:
        width = round((height or 0) * default_wh[0] / default_wh[1])
    return width, height if height is not None else round(width * default_wh[1] / default_wh[0])
