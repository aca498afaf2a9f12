"""The video devices of Linux: which of the many ``/dev/video*`` give pictures that a program can use as they are."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fcn_edge.machine.kernel import ROOT, find, read_number, read_text

# camera: pictures as they are; sensor: raw pictures of a camera module, which need the board's own software; codec and
# isp: hardware that works on pictures given to it; metadata: no pictures; unknown: it could not be asked.
NodeKind = Literal["camera", "sensor", "codec", "isp", "metadata", "unknown"]

# _IOR('V', 0, struct v4l2_capability), and where in its 104 bytes capabilities lie: of the device, then of the node.
_QUERYCAP = 0x80685600
_CAPABILITY_BYTES = 104
_CAPABILITIES_AT = 84
_HAS_DEVICE_CAPS = 0x8000_0000
_CAPTURE = 0x0000_0001 | 0x0000_1000
_MEMORY_TO_MEMORY = 0x0000_8000 | 0x0000_4000
_OUTPUT = 0x0000_0002 | 0x0000_2000

# How names in sysfs begin. On a Raspberry Pi these capture too, by their capabilities.
_CODECS = ("bcm2835-codec", "rpi-hevc", "rpivid", "hantro", "rkvdec", "rockchip,")
_ISPS = ("bcm2835-isp", "pispbe", "rkisp", "rga")
# unicam: Raspberry Pi 0 to 4; rp1-cfe: Pi 5; vi-output: Jetson.
_SENSORS = ("unicam", "rp1-cfe", "vi-output")


@dataclass(frozen=True, slots=True)
class VideoNodeInfo:
    """One ``/dev/video*``.

    Attributes:
        path: As programs open it, such as ``/dev/video0``.
        name: What the driver calls it.
        kind: What it is good for.
    """

    path: str
    name: str
    kind: NodeKind


def query_capabilities(device: Path) -> int | None:
    """Ask a device what it can do (VIDIOC_QUERYCAP); this neither starts it nor disturbs one that runs.

    Returns:
        The capabilities of this node, bits of ``V4L2_CAP_*``; None where it cannot be opened or is no video device.
    """
    # Not on every system, and nothing else here needs it.
    import fcntl

    answer = bytearray(_CAPABILITY_BYTES)
    try:
        handle = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.ioctl(handle, _QUERYCAP, answer)
    except OSError:
        return None
    finally:
        os.close(handle)
    whole, node = struct.unpack_from("=II", answer, _CAPABILITIES_AT)
    return int(node if whole & _HAS_DEVICE_CAPS else whole)


def find_video_nodes(
    root: Path = ROOT, *, query: Callable[[Path], int | None] = query_capabilities
) -> tuple[VideoNodeInfo, ...]:
    """List the video devices in the order of their numbers.

    Args:
        root: Of the file system in which ``sys`` and ``dev`` lie.
        query: Gives a device's capabilities, or None.
    """
    folders = find(root, "sys/class/video4linux/video*")
    return tuple(_node(folder, root, query) for folder in folders)


def holders(device: str, root: Path = ROOT) -> tuple[str, ...]:
    """Name the programs that hold *device* open, as far as this user may see them; this process is left out."""
    own = str(os.getpid())
    return tuple(
        f"{read_text(process / 'comm') or 'a program'} (process {process.name})"
        for process in find(root, "proc/[0-9]*")
        if process.name != own and _holds(process, device)
    )


def _node(folder: Path, root: Path, query: Callable[[Path], int | None]) -> VideoNodeInfo:
    name = read_text(folder / "name") or folder.name
    path = f"/dev/{folder.name}"
    return VideoNodeInfo(path, name, _kind(name, read_number(folder / "index"), query(root / path.lstrip("/"))))


def _kind(name: str, index: int | None, capabilities: int | None) -> NodeKind:
    lowered = name.lower()
    # By name first: on a Raspberry Pi the nodes of codec and ISP capture too, and the sensor's give raw Bayer data.
    if lowered.startswith(_SENSORS):
        return "metadata" if "embedded" in lowered or lowered.endswith("stats") else "sensor"
    if lowered.startswith((*_CODECS, *_ISPS)):
        return "codec" if lowered.startswith(_CODECS) else "isp"
    if capabilities is not None:
        return _kind_by_capabilities(capabilities)
    # It cannot be asked, for want of permission say. A USB camera's first node has the pictures, its second metadata.
    if index is None:
        return "unknown"
    return "camera" if index == 0 else "metadata"


def _kind_by_capabilities(capabilities: int) -> NodeKind:
    if capabilities & _MEMORY_TO_MEMORY:
        return "codec"
    if capabilities & _CAPTURE:
        return "camera"
    return "isp" if capabilities & _OUTPUT else "metadata"


def _holds(process: Path, device: str) -> bool:
    for entry in find(process, "fd/*"):
        with contextlib.suppress(OSError):
            if str(entry.readlink()) == device:
                return True
    return False
