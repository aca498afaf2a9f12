"""A picture and its mask as one binary message.

Four bytes, little-endian: length of the header. The header: JSON in UTF-8, filled up with spaces so that what follows
begins at an even byte. Then the class ids as runs (see :mod:`fcn_edge.live.web.runs`): all lengths, two bytes each,
then all ids, one byte each; or, where that would be longer, the ids of all pixels as they are. The rest is the
picture, JPEG.

Header: ``number`` (of the picture, from 1), ``frame`` (the source's number), ``size_wh`` (of picture and mask),
``runs`` (null where the ids stand as they are), ``begun_ms`` (when the frame was captured, on the server's monotonic
clock), ``result_ms`` (from capture to mask), ``fps`` (masks a second), ``shares`` (of each class, 0..1).
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.live.web.newest import Copy
from fcn_edge.live.web.runs import decode_runs, encode_runs

_LENGTH = struct.Struct("<I")
_BYTES_A_RUN = 3


@dataclass(frozen=True, slots=True)
class Message:
    """A message taken apart.

    Attributes:
        header: As described above.
        labels: ``(H, W)`` uint8.
        jpeg: The picture.
    """

    header: dict[str, Any]
    labels: NDArray[np.uint8]
    jpeg: bytes


def encode_message(copy: Copy, *, max_width: int, jpeg_quality: int) -> bytes:
    """Put a result into one message for all viewers."""
    image, labels = shrink(copy.image_bgr, copy.labels, max_width)
    lengths, ids = encode_runs(labels)
    as_runs = ids.size * _BYTES_A_RUN < labels.size
    height, width = labels.shape
    header = {
        "number": copy.number,
        "frame": copy.frame,
        "size_wh": [width, height],
        "runs": ids.size if as_runs else None,
        "begun_ms": round(1000 * copy.begun_at, 2),
        "result_ms": round(1000 * copy.result_s, 2),
        "fps": round(copy.fps, 2),
        "shares": [round(float(share), 4) for share in copy.shares],
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (len(text) % 2)
    mask = lengths.tobytes() + ids.tobytes() if as_runs else labels.tobytes()
    return b"".join((_LENGTH.pack(len(text)), text, mask, encode_jpeg(image, jpeg_quality)))


def decode_message(data: bytes) -> Message:
    """Take a message apart, as the page does.

    Raises:
        ValueError: It is cut short or none of ours.
    """
    if len(data) < _LENGTH.size:
        raise ValueError(f"{len(data)} bytes are no message")
    start = _LENGTH.size + _LENGTH.unpack_from(data)[0]
    header = json.loads(data[_LENGTH.size : start])
    width, height = header["size_wh"]
    runs = header["runs"]
    if runs is None:
        end = start + width * height
        labels = np.frombuffer(data, np.uint8, width * height, start).reshape(height, width)
    else:
        end = start + _BYTES_A_RUN * runs
        lengths = np.frombuffer(data, "<u2", runs, start)
        labels = decode_runs(lengths, np.frombuffer(data, np.uint8, runs, start + 2 * runs), (height, width))
    return Message(header, labels, data[end:])


def shrink(
    image_bgr: NDArray[np.uint8], labels: NDArray[np.uint8], max_width: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Make picture and mask at most *max_width* wide; smaller ones stay the same arrays.

    Args:
        image_bgr: ``(H, W, 3)`` uint8.
        labels: ``(H, W)`` uint8.
        max_width: In pixels.
    """
    height, width = labels.shape
    if width <= max_width:
        return image_bgr, labels
    size_wh = (max_width, max(1, round(height * max_width / width)))
    image = cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(image, np.uint8), np.asarray(
        cv2.resize(labels, size_wh, interpolation=cv2.INTER_NEAREST), np.uint8
    )


def encode_jpeg(image_bgr: NDArray[np.uint8], quality: int) -> bytes:
    """Compress a picture, ``(H, W, 3)`` uint8 BGR."""
    _, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()
