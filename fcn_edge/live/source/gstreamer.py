"""GStreamer pipelines: the CSI camera of a Jetson, and those a user writes. Not yet run on hardware.

OpenCV reads a pipeline only where it was built with GStreamer. The wheels of ``opencv-python`` are not; the OpenCV that
JetPack installs is, unless such a wheel hides it.

Before version 4.7 OpenCV knows no timeout for a pipeline: one that stalls holds the reader for ever.

``nvarguscamerasrc`` and ``nvvidconv`` are described in NVIDIA's *Accelerated GStreamer* guide for Jetson Linux.
"""

from __future__ import annotations

from fractions import Fraction

import cv2

from fcn_edge.errors import SourceError

GSTREAMER_PREFIX = "gst:"
CSI_SIZE_WH = (1280, 720)
CSI_FPS = 30.0
# OpenCV listens to timeouts for a pipeline since then (opencv/opencv#22919); an older one refuses to open with them.
TIMEOUTS_SINCE = (4, 7)


def csi_pipeline(sensor_id: int, *, size_wh: tuple[int, int] = CSI_SIZE_WH, fps: float = CSI_FPS) -> str:
    """Write the pipeline that delivers a Jetson's CSI camera as BGR, its newest frame only.

    Args:
        sensor_id: Number of the camera, from 0.
        size_wh: Width and height in pixels. The image processor scales to it and does not keep the shape, so choose
            width to height as the sensor's mode has it, mostly 16:9.
        fps: Frames a second, as one of the sensor's modes has it.
    """
    width, height = size_wh
    rate = Fraction(fps).limit_denominator(1001)
    form = f"width={width},height={height},format=NV12,framerate={rate.numerator}/{rate.denominator}"
    return " ! ".join(
        (
            f"nvarguscamerasrc sensor-id={sensor_id}",
            f"video/x-raw(memory:NVMM),{form}",
            # The hardware makes BGRx but not BGR, which videoconvert then does on the processor.
            "nvvidconv",
            "video/x-raw,format=BGRx",
            "videoconvert",
            "video/x-raw,format=BGR",
            # Otherwise frames would queue up behind a slow reader, or wait for their time on a clock.
            "appsink drop=true max-buffers=1 sync=false",
        )
    )


def has_gstreamer() -> bool:
    """Tell whether the OpenCV in use can read GStreamer pipelines."""
    return bool(cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER))


def require_gstreamer(name: str) -> None:
    """See that the OpenCV in use can read pipelines; *name* is the source's, for the message.

    Raises:
        SourceError: It cannot.
    """
    if has_gstreamer():
        return
    message = f"{name}: needs an OpenCV with GStreamer; this one ({cv2.__version__}, {cv2.__file__}) has none"
    hint = (
        "the pip wheel hides the system's OpenCV: pip uninstall opencv-python opencv-python-headless, and use "
        "JetPack's own (or apt install python3-opencv) from a virtual environment made with --system-site-packages"
    )
    raise SourceError(message, hint=hint)


def knows_timeouts(version: str = cv2.__version__) -> bool:
    """Tell whether this OpenCV may be given timeouts for a pipeline."""
    major, minor = version.split(".")[:2]
    return (int(major), int(minor)) >= TIMEOUTS_SINCE
