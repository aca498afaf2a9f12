"""What the first bytes of a JPEG or PNG file tell, without decoding it, and whether the file is whole.

``cv2.imread`` turns a JPEG that was cut off into a picture with a grey lower part, and libpng prints its complaints to
standard error, so both are looked at here before any decoder sees them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

JPEG_START = b"\xff\xd8\xff"
PNG_START = b"\x89PNG\r\n\x1a\n"

# Start-of-frame markers: 0xC0..0xCF without DHT (C4), JPG (C8) and DAC (CC).
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MARKERS_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class HeaderInfo:
    """What a header says.

    Attributes:
        size_hw: Height and width as stored, before any EXIF orientation.
        has_exif: The file carries EXIF data, which may turn the picture.
        bit_depth: Bits per channel.
        png_color_type: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha; None for a JPEG.
    """

    size_hw: tuple[int, int]
    has_exif: bool
    bit_depth: int
    png_color_type: int | None = None


def read_header(data: bytes) -> HeaderInfo | None:
    """Read the header of a JPEG or PNG file and check that the file is whole.

    Args:
        data: All bytes of the file.

    Returns:
        The header, or None for any other format.

    Raises:
        ValueError: The file begins as a JPEG or PNG but is cut off or damaged; the text says where.
    """
    if data.startswith(JPEG_START):
        return _read_jpeg(data)
    if data.startswith(PNG_START):
        return _read_png(data)
    return None


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of each chunk of a PNG file, checking lengths and checksums on the way.

    Raises:
        ValueError: A chunk is cut off or its checksum is wrong, or the file ends without ``IEND``.
    """
    at = len(PNG_START)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        content = data[at + 8 : end - 4]
        if zlib.crc32(content, zlib.crc32(kind)) != struct.unpack_from(">I", data, end - 4)[0]:
            raise ValueError(f"its {kind.decode('latin-1')} chunk at byte {at} is damaged (wrong checksum)")
        yield kind, content
        if kind == b"IEND":
            return
        at = end
    raise ValueError(f"the file is cut off after {len(data)} bytes (no IEND chunk)")


def _read_png(data: bytes) -> HeaderInfo:
    header: bytes = b""
    has_exif = False
    for index, (kind, content) in enumerate(png_chunks(data)):
        if index == 0:
            if kind != b"IHDR" or len(content) != 13:  # noqa: PLR2004 - the fixed length of IHDR
                raise ValueError("its first chunk is not a header (IHDR)")
            header = content
        has_exif = has_exif or kind == b"eXIf"
    width, height, bit_depth, color_type = struct.unpack_from(">IIBB", header)
    return HeaderInfo((height, width), has_exif, bit_depth, color_type)


def _read_jpeg(data: bytes) -> HeaderInfo:
    size_hw: tuple[int, int] | None = None
    bit_depth = 8
    has_exif = False
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:  # noqa: PLR2004 - every marker begins with this byte
            raise ValueError(f"byte {at} should begin a marker but does not")
        marker = data[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 - fill bytes may stand before a marker
            at += 1
            continue
        if marker in _MARKERS_WITHOUT_LENGTH:
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker in _FRAME_MARKERS and at + 9 <= len(data):
            bit_depth, height, width = struct.unpack_from(">BHH", data, at + 4)
            size_hw = (height, width)
        has_exif = has_exif or (marker == 0xE1 and data[at + 4 : at + 8] == b"Exif")  # noqa: PLR2004 - APP1
        if marker == _START_OF_SCAN:
            break
        at += 2 + length
    # Searched behind the header only: a thumbnail inside the EXIF data has an end marker of its own.
    if size_hw is None or data.find(_END_OF_IMAGE, at) < 0:
        raise ValueError(f"the file is cut off after {len(data)} bytes (no end marker)")
    return HeaderInfo(size_hw, has_exif, bit_depth)
