"""What a user writes after ``--source``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fcn_edge.errors import UsageError

STREAM_SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp", "udp", "tcp")


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """What to read frames from.

    Attributes:
        target: Device index (``"0"``), ``/dev/videoN``, a film, a folder of images, or a URL.
        loop: Play a film or folder again and again.
        width: Wished of a device, in pixels; it takes the nearest it has.
        height: Wished of a device, in pixels.
        fps: Wished of a device; for a folder, how many images a second.
    """

    target: str = "0"
    loop: bool = False
    width: int | None = None
    height: int | None = None
    fps: float | None = None


def check_source(config: SourceConfig) -> None:
    """See that *config* names something that can be a source, before anything is loaded.

    Raises:
        UsageError: A path that does not exist, a scheme that is not supported, or a wish that is not above 0.
    """
    for wish, value in (("width", config.width), ("height", config.height), ("fps", config.fps)):
        if value is not None and not value > 0:
            raise UsageError(f"--{wish} {value}: expected above 0", hint=f"leave --{wish} out for the source's own")
    target = config.target
    if is_index(target) or target.startswith("/dev/"):
        return
    scheme, found, _ = target.partition("://")
    if found:
        if scheme.lower() not in STREAM_SCHEMES:
            message = f"--source {target}: {scheme!r} is not a kind of stream"
            raise UsageError(message, hint="use " + ", ".join(f"{s}://" for s in STREAM_SCHEMES))
    elif not Path(target).exists():
        message = f"--source {target}: there is no such file or folder"
        raise UsageError(message, hint="give a camera (0), a film, a folder of images, or a URL (http://, rtsp://)")


def is_index(target: str) -> bool:
    """Tell whether *target* is the number of a device."""
    return re.fullmatch(r"\d{1,3}", target) is not None
