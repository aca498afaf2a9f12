"""RTSP against a real, if small, camera."""

from __future__ import annotations

import os

from rtsp_camera import RtspCamera

from fcn_edge.live.source import SourceConfig, open_source
from fcn_edge.live.source.config import Pauses


def _read(camera, source, count):
    """Read frames; what they show is the number they had in the camera, modulo 64."""
    return [round(float(source.read().image_bgr.mean()) / 4) for _ in range(count)]


def test_an_rtsp_camera_is_read_over_tcp_from_its_first_frames_on():
    with RtspCamera() as camera:
        source = open_source(SourceConfig(camera.url, timeout_s=3.0))
        shown = _read(camera, source, 10)
        source.close()
    assert camera.transports[0].startswith("RTP/AVP/TCP")
    assert shown == [(shown[0] + n) % 64 for n in range(10)]
    assert (source.info.kind, source.info.live, source.info.size_wh) == ("stream", True, (64, 48))
    assert "OPENCV_FFMPEG_CAPTURE_OPTIONS" not in os.environ


def test_an_rtsp_camera_that_is_switched_off_and_on_goes_on():
    pauses = Pauses(first_s=0.01, longest_s=0.05)
    with RtspCamera() as camera:
        source = open_source(SourceConfig(camera.url, timeout_s=3.0, pauses=pauses))
        for outage in range(3):
            source.read()
            camera.switch_off()
            camera.switch_on()
            while source.health.reconnects == outage:
                source.read()
        source.close()
    assert source.health.losses == 3
    assert not source.health.waiting
