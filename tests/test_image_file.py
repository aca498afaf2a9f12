import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn_edge.errors import ImageError, UsageError
from fcn_edge.image_file import decode_image, list_images, opencv_log, read_image, read_size

ROTATED_BY_90 = 6


@pytest.fixture
def picture_bgr():
    """A smooth picture, 12x20, whose channels and edges all differ."""
    y, x = np.mgrid[0:12, 0:20]
    return np.dstack([y * 20, x * 12, np.full_like(x, 40)]).astype(np.uint8)


def tiff_with_orientation(orientation):
    """EXIF data of one entry: tag 274 (orientation), type short, little endian."""
    return b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 274, 3, 1, orientation, 0, 0)


def jpeg_with_orientation(picture_bgr, orientation):
    data = cv2.imencode(".jpg", picture_bgr, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    exif = b"Exif\0\0" + tiff_with_orientation(orientation)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def broken_files(picture_bgr):
    jpeg = cv2.imencode(".jpg", picture_bgr)[1].tobytes()
    progressive = cv2.imencode(".jpg", picture_bgr, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    png = cv2.imencode(".png", picture_bgr)[1].tobytes()
    tiff = cv2.imencode(".tiff", picture_bgr)[1].tobytes()
    bmp = cv2.imencode(".bmp", picture_bgr)[1].tobytes()
    webp = cv2.imencode(".webp", picture_bgr)[1].tobytes()
    damaged = bytearray(png)
    damaged[len(png) // 2] ^= 0xFF
    return {
        "empty.jpg": b"",
        "empty.png": b"",
        "text.jpg": b"this is no picture\n" * 20,
        "text.png": b"neither is this",
        "start_only.jpg": jpeg[:3],
        "header_only.jpg": jpeg[:20],
        "half.jpg": jpeg[: len(jpeg) // 2],
        "without_end.jpg": jpeg[:-2],
        "half_progressive.jpg": progressive[: len(progressive) // 2],
        "header_only.png": png[:20],
        "half.png": png[: len(png) // 2],
        "without_end.png": png[:-4],
        "damaged.png": bytes(damaged),
        "half.tiff": tiff[: len(tiff) // 2],
        "half.bmp": bmp[: len(bmp) // 2],
        "half.webp": webp[: len(webp) // 2],
    }


def test_colour_png_is_read_as_bgr(tmp_path, picture_bgr):
    cv2.imwrite(str(tmp_path / "a.png"), picture_bgr)
    read = read_image(tmp_path / "a.png")
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, picture_bgr)


def test_grey_becomes_three_equal_channels(tmp_path, picture_bgr):
    grey = picture_bgr[..., 1]
    cv2.imwrite(str(tmp_path / "a.png"), grey)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.dstack([grey] * 3))


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_divided_by_257(tmp_path, picture_bgr, channels):
    eight = picture_bgr if channels == 3 else picture_bgr[..., 0]
    cv2.imwrite(str(tmp_path / "a.png"), eight.astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), eight if channels == 3 else np.dstack([eight] * 3))


def test_sixteen_bits_are_rounded_and_keep_both_ends(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.array([[0, 128, 129, 65406, 65407, 65535]], np.uint16))
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 0, 1, 254, 255, 255]


def test_alpha_is_ignored_and_not_blended(tmp_path, picture_bgr):
    transparent = np.zeros(picture_bgr.shape[:2], np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), np.dstack([picture_bgr, transparent]))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), picture_bgr)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
def test_exif_orientation_is_applied(tmp_path, picture_bgr, orientation, turn):
    (tmp_path / "plain.jpg").write_bytes(jpeg_with_orientation(picture_bgr, 1))
    (tmp_path / "turned.jpg").write_bytes(jpeg_with_orientation(picture_bgr, orientation))
    np.testing.assert_array_equal(read_image(tmp_path / "turned.jpg"), turn(read_image(tmp_path / "plain.jpg")))


def test_read_size_is_the_size_of_the_picture_as_looked_at(tmp_path, picture_bgr):
    (tmp_path / "turned.jpg").write_bytes(jpeg_with_orientation(picture_bgr, ROTATED_BY_90))
    assert read_size(tmp_path / "turned.jpg") == (20, 12)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tiff", ".webp"])
def test_read_size_agrees_with_read_image(tmp_path, picture_bgr, suffix):
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), picture_bgr)
    assert read_size(path) == read_image(path).shape[:2] == (12, 20)


def test_size_in_exif_orientation_of_a_png_agrees_with_the_picture(tmp_path, picture_bgr):
    data = cv2.imencode(".png", picture_bgr)[1].tobytes()
    first_chunk_ends = 8 + 25
    exif = png_chunk(b"eXIf", tiff_with_orientation(ROTATED_BY_90))
    path = tmp_path / "a.png"
    path.write_bytes(data[:first_chunk_ends] + exif + data[first_chunk_ends:])
    assert read_size(path) == read_image(path).shape[:2]


def test_content_decides_the_format_and_not_the_suffix(tmp_path, picture_bgr):
    (tmp_path / "a.jpg").write_bytes(cv2.imencode(".png", picture_bgr)[1].tobytes())
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), picture_bgr)


def test_bytes_after_the_end_of_a_jpeg_do_no_harm(tmp_path, picture_bgr):
    data = cv2.imencode(".jpg", picture_bgr)[1].tobytes()
    (tmp_path / "a.jpg").write_bytes(data + b"\0" * 100)
    assert read_image(tmp_path / "a.jpg").shape == picture_bgr.shape


@pytest.mark.parametrize("name", list(broken_files(np.zeros((8, 8, 3), np.uint8))))
def test_a_broken_file_is_refused_by_path_without_a_word_on_stderr(tmp_path, picture_bgr, capfd, name):
    path = tmp_path / name
    path.write_bytes(broken_files(picture_bgr)[name])
    for read in (read_image, read_size):
        with pytest.raises(ImageError) as caught:
            read(path)
        assert str(path) in caught.value.message
        assert caught.value.hint
    assert capfd.readouterr().err == ""


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_a_jpeg_or_png_cut_anywhere_is_refused(data):
    suffix = data.draw(st.sampled_from([".jpg", ".png"]))
    whole = cv2.imencode(suffix, np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8))[1].tobytes()
    length = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(ImageError):
        decode_image(whole[:length], Path("a"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xd8\xff\xe0\x00\x04ab" + b"no marker here", "byte 8 should begin a marker but does not"),
        (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IEND", b""), r"its first chunk is not a header \(IHDR\)"),
    ],
)
def test_a_damaged_header_is_told_in_words(content, reason):
    with pytest.raises(ImageError, match=reason):
        decode_image(content, Path("a"))


def test_fill_bytes_between_jpeg_markers_are_passed_over(tmp_path, picture_bgr):
    data = cv2.imencode(".jpg", picture_bgr)[1].tobytes()
    (tmp_path / "a.jpg").write_bytes(data[:2] + b"\xff\xff" + data[2:])
    assert read_size(tmp_path / "a.jpg") == (12, 20)


def test_floating_point_values_are_refused(tmp_path, picture_bgr):
    path = tmp_path / "a.tiff"
    cv2.imwrite(str(path), picture_bgr.astype(np.float32) / 255)
    with pytest.raises(ImageError, match="float32 values, expected 8 or 16 unsigned bits"):
        read_image(path)


def test_a_path_that_does_not_exist_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        read_image(tmp_path / "a.png")


def test_a_folder_is_not_an_image(tmp_path):
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(tmp_path)


def test_opencv_speaks_again_after_a_broken_file(tmp_path):
    before = opencv_log.getLogLevel()
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ImageError):
        read_image(tmp_path / "a.png")
    assert opencv_log.getLogLevel() == before


def test_images_are_listed_in_natural_order(tmp_path):
    for name in ("frame10.png", "frame2.PNG", "frame1.jpg", "a.jpeg", ".hidden.png", "notes.txt", "10.png", "9.png"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    names = [p.name for p in list_images(tmp_path)]
    assert names == ["9.png", "10.png", "a.jpeg", "frame1.jpg", "frame2.PNG", "frame10.png"]


def test_listing_a_folder_that_does_not_exist_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        list_images(tmp_path / "nowhere")
