"""Reading pictures from files: one rule for orientation, grey, alpha and 16 bits, and no broken picture accepted."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import ImageError, UsageError
from fcn_edge.image_header import read_header

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

# 65535 = 255 * 257, so dividing by 257 maps the full 16-bit range onto the full 8-bit range.
_SIXTEEN_TO_EIGHT_BITS = 257


def read_image(path: Path | str) -> NDArray[np.uint8]:
    """Read a picture as it should be looked at.

    EXIF orientation is applied. Grey becomes three equal channels. An alpha channel is ignored, not blended. 16-bit
    values are divided by 257 and rounded, which maps 0..65535 onto 0..255; a camera that uses only 12 of its 16 bits
    therefore gives a dark picture. Of a file with several pages the first is read.

    Args:
        path: A JPEG, PNG, BMP, TIFF or WebP file; the content decides, not the suffix.

    Returns:
        ``(H, W, 3)`` uint8, BGR.

    Raises:
        UsageError: *path* does not exist.
        ImageError: It is not a picture, is empty, cut off or damaged, or has floating-point or 32-bit values.
    """
    path = Path(path)
    data = read_file(path)
    return decode_image(data, path)


def read_size(path: Path | str) -> tuple[int, int]:
    """Read height and width of a picture as :func:`read_image` would give it, from the header where that is enough.

    Raises:
        UsageError: *path* does not exist.
        ImageError: It is not a picture, is empty, cut off or damaged.
    """
    path = Path(path)
    return size_of(read_file(path), path)


def list_images(folder: Path | str) -> tuple[Path, ...]:
    """List the image files directly inside *folder*, in natural order: ``frame2`` before ``frame10``.

    Hidden files and files with another suffix are left out; suffixes count in upper and lower case.

    Raises:
        UsageError: *folder* does not exist or is not a folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file, expected a folder" if folder.exists() else "does not exist"
        raise UsageError(f"{folder}: {what}", hint="give a folder that holds images")
    found = (p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith("."))
    return tuple(sorted((p for p in found if p.is_file()), key=natural_key))


def natural_key(path: Path) -> tuple[tuple[str | int, ...], str]:
    """Give a sort key under which numbers inside names count as numbers; equal names keep a fixed order."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts)), path.name


def read_file(path: Path) -> bytes:
    """Read all bytes of an image file.

    Raises:
        UsageError: *path* does not exist.
        ImageError: It cannot be read or is empty.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"{path}: does not exist", hint="check the path") from error
    except OSError as error:
        raise ImageError(
            f"{path}: cannot be read: {error.strerror or error}", hint="give an image file that you may read"
        ) from error
    if not data:
        raise ImageError(f"{path}: the file is empty (0 bytes), expected an image", hint="copy the file again")
    return data


def size_of(data: bytes, path: Path) -> tuple[int, int]:
    """Tell height and width of an image file's bytes as it is looked at; *path* is for messages.

    Raises:
        ImageError: As :func:`decode_image`.
    """
    try:
        header = read_header(data)
    except ValueError as error:
        raise _broken(path, str(error)) from error
    if header is not None and not header.has_exif:
        return header.size_hw
    # EXIF may turn the picture and other formats have no header reader here: decoding is sure.
    height, width = decode_image(data, path).shape[:2]
    return height, width


def decode_image(data: bytes, path: Path) -> NDArray[np.uint8]:
    """Decode an image file's bytes by the rule of :func:`read_image`; *path* is for messages.

    Returns:
        ``(H, W, 3)`` uint8, BGR.

    Raises:
        ImageError: As :func:`read_image`.
    """
    try:
        read_header(data)
    except ValueError as error:
        raise _broken(path, str(error)) from error
    image = decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image is None:
        raise ImageError(
            f"{path}: is not an image that can be decoded, expected JPEG, PNG, BMP, TIFF or WebP",
            hint="open it in an image viewer and save it as PNG or JPEG",
        )
    if image.dtype == np.uint16:
        wide = image.astype(np.uint32) + _SIXTEEN_TO_EIGHT_BITS // 2
        return (wide // _SIXTEEN_TO_EIGHT_BITS).astype(np.uint8)
    if image.dtype != np.uint8:
        raise ImageError(
            f"{path}: has {image.dtype} values, expected 8 or 16 unsigned bits per channel",
            hint="its range is not known here: scale it to 0..255 and save it as PNG",
        )
    return image.astype(np.uint8, copy=False)


def decode(data: bytes, flags: int) -> NDArray[np.generic] | None:
    """Let OpenCV decode *data* with ``IMREAD_`` *flags*, silently; None where it cannot."""
    with _silent_opencv():
        try:
            return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except cv2.error:
            # Raised for pictures beyond OpenCV's pixel limit and for some damaged headers; others give None.
            return None


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode a picture ``(H, W, 3)`` BGR, or one channel ``(H, W)``, uint8, as a PNG file's bytes."""
    done, data = cv2.imencode(".png", pixels)
    if not done:
        raise ImageError(f"an array of shape {pixels.shape} cannot be encoded as PNG", hint="pass (H, W) or (H, W, 3)")
    return data.tobytes()


def _broken(path: Path, reason: str) -> ImageError:
    return ImageError(f"{path}: is a damaged image: {reason}", hint="copy or export the file again")


# The functions moved from cv2 itself (OpenCV 4) into a module (OpenCV 5); a board's own OpenCV is often a 4.
opencv_log: Any = getattr(cv2.utils, "logging", cv2)
OPENCV_SILENT = 0

_silence_lock = threading.Lock()
_silence_depth = 0
_loud_level = 0


@contextlib.contextmanager
def _silent_opencv() -> Iterator[None]:
    """Keep OpenCV's own log lines off standard error: every failure here becomes an error with a path.

    The level is global to the process, so threads that overlap are counted and the last one restores it.
    """
    global _silence_depth, _loud_level  # noqa: PLW0603 - mirrors a global of OpenCV
    with _silence_lock:
        if _silence_depth == 0:
            _loud_level = opencv_log.getLogLevel()
            opencv_log.setLogLevel(OPENCV_SILENT)
        _silence_depth += 1
    try:
        yield
    finally:
        with _silence_lock:
            _silence_depth -= 1
            if _silence_depth == 0:
                opencv_log.setLogLevel(_loud_level)
