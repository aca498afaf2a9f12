"""Masks: PNG files whose stored values are class ids."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.atomic import write_bytes
from fcn_edge.errors import ImageError
from fcn_edge.geometry import IGNORE
from fcn_edge.image_file import decode, encode_png, read_file
from fcn_edge.image_header import PNG_START, png_chunks, read_header

_GREY, _PALETTE = 0, 3
_BITS = 8
_KINDS = {2: "three channels (RGB)", 4: "two channels (grey and alpha)", 6: "four channels (RGB and alpha)"}


def read_mask(path: Path | str) -> NDArray[np.uint8]:
    """Read the class ids of a mask.

    Grey PNG files of up to 8 bits give their stored values, palette PNG files (as in VOC) their indices, never their
    colours. EXIF orientation does not apply to a mask: it must lie as the picture is looked at.

    Returns:
        ``(H, W)`` uint8 class ids; 255 means ignore.

    Raises:
        UsageError: *path* does not exist.
        ImageError: It is not a PNG file with one channel of at most 8 bits, or it is empty, cut off or damaged.
    """
    path = Path(path)
    return decode_mask(read_file(path), path)


def decode_mask(data: bytes, path: Path) -> NDArray[np.uint8]:
    """Decode a mask file's bytes as :func:`read_mask` does; *path* is for messages."""
    try:
        header = read_header(data)
    except ValueError as error:
        raise ImageError(f"{path}: is a damaged mask: {error}", hint="copy or export the mask again") from error
    if header is None or header.png_color_type is None:
        raise ImageError(
            f"{path}: is not a PNG file, expected a PNG with class ids",
            hint="JPEG changes class ids; export masks as PNG",
        )
    if header.png_color_type not in (_GREY, _PALETTE):
        kind = _KINDS.get(header.png_color_type, "an unknown colour type")
        raise ImageError(
            f"{path}: has {kind}, expected one channel of class ids",
            hint="save class ids, not colours, as an 8-bit grey PNG",
        )
    if header.bit_depth > _BITS:
        raise ImageError(
            f"{path}: has {header.bit_depth} bits, expected 8", hint="save class ids 0..255 as an 8-bit grey PNG"
        )
    values = decode(_as_grey(data), cv2.IMREAD_UNCHANGED)
    if values is None or values.ndim != 2:  # noqa: PLR2004 - height and width
        raise ImageError(f"{path}: is a damaged mask: its pixels cannot be decoded", hint="export the mask again")
    # libpng widens 1, 2 and 4 bits to 0..255: undone, since 1 is class 1 and not 255.
    widened_by = 255 // (2**header.bit_depth - 1)
    return (values // widened_by).astype(np.uint8) if widened_by > 1 else values.astype(np.uint8, copy=False)


def write_mask(path: Path, mask: NDArray[np.uint8]) -> None:
    """Write class ids ``(H, W)`` uint8 as an 8-bit grey PNG, whole or not at all.

    Raises:
        OutputError: The file cannot be written.
    """
    write_bytes(path, encode_png(mask))


def mask_faults(
    mask: NDArray[np.uint8], path: Path, *, counts: NDArray[np.int64], size_hw: tuple[int, int] | None, classes: int
) -> tuple[str, ...]:
    """Name what keeps a mask from belonging to its image and classes, one line each.

    Args:
        mask: Class ids, ``(H, W)`` uint8.
        path: Of the mask, for messages.
        counts: Its pixels by value, ``(256,)``.
        size_hw: Height and width of its image as it is looked at; None where that is unknown.
        classes: Ids run from 0 to ``classes - 1``; 255 means ignore.
    """
    faults = []
    if size_hw is not None and mask.shape != size_hw:
        faults.append(
            f"{path}: is {mask.shape[1]}x{mask.shape[0]} (width x height), "
            f"expected {size_hw[1]}x{size_hw[0]} as its image"
        )
    unknown = [value for value in range(classes, IGNORE) if counts[value]]
    if unknown:
        which = ", ".join(f"{value} (on {counts[value]} px)" for value in unknown)
        faults.append(f"{path}: class ids out of range: {which}; expected 0..{classes - 1} or 255 (ignore)")
    return tuple(faults)


def count_values(mask: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count the pixels of a mask by value, ``(256,)`` int64."""
    return np.bincount(mask.ravel(), minlength=256).astype(np.int64, copy=False)


def _as_grey(data: bytes) -> bytes:
    """Rewrite a palette PNG as the grey PNG with the same stored values.

    OpenCV turns palettes into colours under every flag. A palette image's scan lines are those of a grey image of the
    same depth, so it is enough to change the colour type and to drop every chunk but the pixels.
    """
    out = bytearray(PNG_START)
    for kind, content in png_chunks(data):
        if kind not in (b"IHDR", b"IDAT", b"IEND"):
            continue
        kept = content[:9] + bytes([_GREY]) + content[10:] if kind == b"IHDR" else content
        out += struct.pack(">I", len(kept)) + kind + kept + struct.pack(">I", zlib.crc32(kept, zlib.crc32(kind)))
    return bytes(out)
