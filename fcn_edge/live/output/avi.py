"""Motion JPEG in AVI, which every player of the last thirty years opens; one frame rate for the whole film.

Layout as in Microsoft's AVI RIFF file reference. Why not ``cv2.VideoWriter``: see :mod:`fcn_edge.live.output.matroska`.
"""

from __future__ import annotations

import struct

from fcn_edge.errors import OutputError
from fcn_edge.live.output.growing_file import GrowingFile

# Sizes are 32 bits, and many players take them as signed.
LARGEST_BYTES = 2**31 - 1
_INDEX_ENTRY_BYTES = 16
_KEY_FRAME = 0x10
_HAS_INDEX = 0x10


class AviFilm:
    """A film of JPEG pictures whose header is right after every frame, so it plays even if it is never closed.

    Args:
        file: Empty.
        size_wh: Width and height of all frames.
        rate_fps: Frames a second where they are constant; 0 to use the mean rate of the frames' times.
        largest_bytes: The film ends with an error before it grows beyond this.
    """

    def __init__(
        self, file: GrowingFile, size_wh: tuple[int, int], rate_fps: float, *, largest_bytes: int = LARGEST_BYTES
    ) -> None:
        self._file = file
        self._size_wh = size_wh
        self._rate_fps = rate_fps
        self._largest_bytes = largest_bytes
        self._index = bytearray()
        self._first_s = self._last_s = 0.0
        self._file.append(self._header(index_bytes=0))
        self._movi_at = self._file.size_bytes - 4

    def add(self, jpeg: bytes, media_time_s: float) -> None:
        """Append one frame that belongs *media_time_s* seconds after the first.

        Raises:
            OutputError: The disk is full or the film has reached what AVI can hold; it can be played.
        """
        chunk = b"00dc" + struct.pack("<I", len(jpeg)) + jpeg + b"\0" * (len(jpeg) % 2)
        at = self._file.size_bytes - self._movi_at if self._index else 4
        if self._file.size_bytes + len(chunk) + len(self._index) + 2 * _INDEX_ENTRY_BYTES > self._largest_bytes:
            message = f"{self._file.path}: the recording has reached the {self._largest_bytes} bytes that AVI can hold"
            raise OutputError(message, hint="record to a .mkv file, which has no such limit")
        self._file.append(chunk)
        if not self._index:
            self._first_s = media_time_s
        self._last_s = media_time_s
        self._index += b"00dc" + struct.pack("<III", _KEY_FRAME, at, len(jpeg))
        self._file.patch(0, self._header(index_bytes=0))

    def close(self) -> None:
        """Write the index, by which players jump to a place.

        Raises:
            OutputError: The disk is full; the film can be played without.
        """
        index = b"idx1" + struct.pack("<I", len(self._index)) + self._index
        self._file.append(index)
        self._file.patch(0, self._header(index_bytes=len(index)))

    @property
    def _frames(self) -> int:
        return len(self._index) // _INDEX_ENTRY_BYTES

    def _header(self, *, index_bytes: int) -> bytes:
        width, height = self._size_wh
        rate = self._rate()
        frames = self._frames
        main = struct.pack(
            "<14I",
            round(1e6 / rate),
            0,
            0,
            _HAS_INDEX if index_bytes else 0,
            frames,
            0,
            1,
            0,
            width,
            height,
            0,
            0,
            0,
            0,
        )
        stream = b"vidsMJPG" + struct.pack(
            "<IHHIIIIIIIIHHHH", 0, 0, 0, 0, 1000, round(rate * 1000), 0, frames, 0, 0xFFFFFFFF, 0, 0, 0, width, height
        )
        picture = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", width * height * 3, 0, 0, 0, 0)
        lists = _chunk(b"avih", main) + _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", picture))
        head = _list(b"hdrl", lists)
        # RIFF, its size and "AVI " take 12 bytes, the head of the list of frames another 12.
        whole = max(self._file.size_bytes, len(head) + 24)
        movi_bytes = whole - index_bytes - len(head) - 20
        riff = b"RIFF" + struct.pack("<I", whole - 8) + b"AVI "
        return riff + head + b"LIST" + struct.pack("<I", movi_bytes) + b"movi"

    def _rate(self) -> float:
        span = self._last_s - self._first_s
        rate = self._rate_fps or ((self._frames - 1) / span if span > 0 else 1.0)
        # What the header's whole numbers can hold: a camera may be away for hours between two frames.
        return min(max(rate, 0.001), 1000.0)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content


def _list(name: bytes, content: bytes) -> bytes:
    return _chunk(b"LIST", name + content)
