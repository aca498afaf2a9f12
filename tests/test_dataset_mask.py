import struct
import zlib

import cv2
import numpy as np
import pytest

from fcn_edge import dataset
from fcn_edge.errors import ImageError


def png(header, rows, *more):
    """A PNG file by hand, for the kinds that OpenCV does not write: *header* is depth and colour type."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    depth, color_type = header
    width = len(rows[0]) * 8 // depth
    ihdr = struct.pack(">IIBBBBB", width, len(rows), depth, color_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", ihdr), *more, chunk(b"IDAT", pixels), chunk(b"IEND", b"")])


def palette_chunk():
    content = bytes(range(255, -1, -1)) * 3
    return struct.pack(">I", len(content)) + b"PLTE" + content + struct.pack(">I", zlib.crc32(b"PLTE" + content))


def test_a_mask_written_is_read_back(tmp_path):
    mask = np.arange(256, dtype=np.uint8).reshape(16, 16)
    dataset.write_mask(tmp_path / "m.png", mask)
    np.testing.assert_array_equal(dataset.read_mask(tmp_path / "m.png"), mask)


def test_a_palette_mask_gives_its_indices_and_not_its_colours(tmp_path):
    rows = [[0, 1, 2], [3, 15, 255]]
    (tmp_path / "m.png").write_bytes(png((8, 3), rows, palette_chunk()))
    np.testing.assert_array_equal(dataset.read_mask(tmp_path / "m.png"), rows)


@pytest.mark.parametrize("color_type", [0, 3])
@pytest.mark.parametrize(
    ("depth", "row", "values"),
    [(1, 0b01100001, [0, 1, 1, 0, 0, 0, 0, 1]), (2, 0b00011011, [0, 1, 2, 3]), (4, 0x7F, [7, 15])],
)
def test_a_mask_of_fewer_bits_gives_its_stored_values(tmp_path, color_type, depth, row, values):
    more = [palette_chunk()[:0]] if color_type == 0 else [palette_chunk()]
    (tmp_path / "m.png").write_bytes(png((depth, color_type), [[row]], *more))
    assert dataset.read_mask(tmp_path / "m.png").tolist() == [values]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (np.zeros((4, 4, 3), np.uint8), r"three channels \(RGB\), expected one channel of class ids"),
        (np.zeros((4, 4, 4), np.uint8), r"four channels"),
        (np.zeros((4, 4), np.uint16), "has 16 bits, expected 8"),
    ],
)
def test_a_mask_that_holds_no_class_ids_is_refused(tmp_path, content, reason):
    assert cv2.imwrite(str(tmp_path / "m.png"), content)
    with pytest.raises(ImageError, match=reason):
        dataset.read_mask(tmp_path / "m.png")


def test_a_jpeg_is_refused_as_a_mask(tmp_path):
    (tmp_path / "m.png").write_bytes(cv2.imencode(".jpg", np.zeros((4, 4), np.uint8))[1].tobytes())
    with pytest.raises(ImageError, match="is not a PNG file"):
        dataset.read_mask(tmp_path / "m.png")
