"""Motion JPEG in Matroska (.mkv), with the true time of every frame.

Written here rather than with ``cv2.VideoWriter``, which wants one frame rate before the first frame, cannot tell an
older OpenCV's caller that the disk is full, and keeps up to some seconds of film in memory that a kill loses. Element
numbers are those of RFC 9559.
"""

from __future__ import annotations

import struct

from fcn_edge.live.output.growing_file import GrowingFile

# One tick is 0.1 ms: fine enough that 29.97 frames a second stay even.
TICK_NS = 100_000
_UNKNOWN_SIZE = b"\x01" + b"\xff" * 7


class MatroskaFilm:
    """A film of JPEG pictures; each frame is a cluster of its own, so the file can be played up to its last byte.

    Args:
        file: Empty.
        size_wh: Width and height of all frames.
        rate_fps: Frames a second where they are constant, else 0: players then go by the frames' times alone.
    """

    def __init__(self, file: GrowingFile, size_wh: tuple[int, int], rate_fps: float) -> None:
        self._file = file
        self._frame_ns = round(1e9 / rate_fps) if rate_fps else 0
        head = _element(
            0x1A45DFA3,
            _element(0x4282, b"matroska") + _element(0x4287, _number(4)) + _element(0x4285, _number(2)),
        )
        before_duration = _element(0x2AD7B1, _number(TICK_NS)) + _element(0x4D80, b"fcn-edge")
        before_duration += _element(0x5741, b"fcn-edge")
        info = _element(0x1549A966, before_duration + _element(0x4489, struct.pack(">d", 0.0)))
        self._file.append(head + _identifier(0x18538067) + _UNKNOWN_SIZE + info)
        # The duration is the last thing written so far; it is brought up to date with each frame.
        self._duration_at = self._file.size_bytes - 8
        self._file.append(self._tracks(size_wh))

    def add(self, jpeg: bytes, media_time_s: float) -> None:
        """Append one frame that belongs *media_time_s* seconds after the first.

        Raises:
            OutputError: The disk is full; the film ends with the frame before and can be played.
        """
        tick = round(media_time_s * 1e9 / TICK_NS)
        # A simple block: track 1, at the cluster's own time, a key frame (0x80) as every JPEG is.
        block = _element(0xA3, b"\x81\x00\x00\x80" + jpeg)
        self._file.append(_element(0x1F43B675, _element(0xE7, _number(tick)) + block))
        self._file.patch(self._duration_at, struct.pack(">d", tick + self._frame_ns / TICK_NS))

    def close(self) -> None:
        """Nothing is left to write."""

    def _tracks(self, size_wh: tuple[int, int]) -> bytes:
        video = _element(0xB0, _number(size_wh[0])) + _element(0xBA, _number(size_wh[1]))
        entry = _element(0xD7, _number(1)) + _element(0x73C5, _number(1)) + _element(0x83, _number(1))
        entry += _element(0x9C, _number(0)) + _element(0x86, b"V_MJPEG")
        if self._frame_ns:
            entry += _element(0x23E383, _number(self._frame_ns))
        return _element(0x1654AE6B, _element(0xAE, entry + _element(0xE0, video)))


def _identifier(element_id: int) -> bytes:
    return element_id.to_bytes((element_id.bit_length() + 7) // 8, "big")


def _number(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _element(element_id: int, content: bytes) -> bytes:
    # Sizes are always written in eight bytes, the first of which says so; shorter ones would save nothing here.
    return _identifier(element_id) + (len(content) | 1 << 56).to_bytes(8, "big") + content
