"""Drawing COCO regions (polygons, run lengths) into a mask of class ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import DatasetError
from fcn_edge.geometry import IGNORE
from fcn_edge.optional import load

_HINT = "mend or remove the annotation in the JSON file"
# A polygon needs three points.
_FEWEST_COORDINATES = 6
# pycocotools walks along every edge pixel by pixel, so a coordinate of 1e12 would never end.
_FARTHEST_PX = 1e6


def draw_regions(
    regions: Sequence[Mapping[str, Any]], size_hw: tuple[int, int], class_ids: Mapping[int, int]
) -> NDArray[np.uint8]:
    """Draw the annotations of one image into a mask: crowds first, as ignore, then from large to small.

    Args:
        regions: COCO annotations: ``category_id``, ``segmentation``, perhaps ``iscrowd`` and ``id``.
        size_hw: Height and width of the image.
        class_ids: Class id by category id; annotations of other categories are left out.

    Returns:
        ``(H, W)`` uint8 class ids, 0 where nothing is annotated.

    Raises:
        DatasetError: An annotation has no region or a malformed one.
        MissingPackageError: There are polygons, and pycocotools is not installed.
    """
    drawn = []
    for region in regions:
        if region["category_id"] not in class_ids:
            continue
        try:
            counts = _counts(region.get("segmentation"), size_hw)
        except (TypeError, ValueError) as error:
            raise DatasetError(f"annotation {region.get('id', '?')} {error}", hint=_HINT) from error
        crowd = bool(region.get("iscrowd", 0))
        value = IGNORE if crowd else class_ids[region["category_id"]]
        drawn.append((not crowd, -sum(counts[1::2]), value, counts))
    mask = np.zeros(size_hw, np.uint8)
    for *_, value, counts in sorted(drawn, key=lambda entry: entry[:2]):
        inside = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        mask[inside.reshape(size_hw, order="F")] = value
    return mask


def _counts(segmentation: Any, size_hw: tuple[int, int]) -> list[int]:  # noqa: ANN401 - any JSON value
    """Turn a segmentation into run lengths, column by column, of pixels outside and inside by turns."""
    if isinstance(segmentation, list) and segmentation:
        return _trace(segmentation, size_hw)
    if not isinstance(segmentation, dict) or "counts" not in segmentation:
        raise ValueError("has no segmentation (perhaps a box only), expected polygons or run lengths")
    if segmentation.get("size") != list(size_hw):
        given = segmentation.get("size")
        raise ValueError(f"is drawn for size {given}, expected {list(size_hw)} (height, width) as its image")
    counts = segmentation["counts"]
    if isinstance(counts, str):
        counts = run_lengths(counts)
    if not isinstance(counts, list) or not all(isinstance(run, int) and run >= 0 for run in counts):
        raise ValueError("has run lengths that are neither text nor a list of counts")
    pixels = size_hw[0] * size_hw[1]
    if sum(counts) != pixels:
        raise ValueError(f"has run lengths of {sum(counts)} pixels in all, expected {pixels}")
    return counts


def _trace(polygons: list[Any], size_hw: tuple[int, int]) -> list[int]:
    if not all(isinstance(polygon, list) and _is_polygon(polygon) for polygon in polygons):
        raise ValueError("has a polygon that is not a list x1, y1, x2, y2, x3, y3, … of pixel coordinates")
    coder = load("pycocotools.mask", feature="reading COCO polygons", extra="train")
    merged = coder.merge(coder.frPyObjects(polygons, *size_hw))
    return run_lengths(merged["counts"].decode())


def run_lengths(text: str) -> list[int]:
    """Read COCO's compressed run lengths.

    Five bits a character (code minus 48), lowest first, bit 5 set where the number goes on, bit 4 of its last character
    being the sign. From the fourth number on, each is the difference to the one two before. Read here because
    pycocotools 2.0.11 crashes on some texts that are no run lengths, and its decoder warns under NumPy 2.

    Raises:
        ValueError: *text* has other characters, or ends inside a number.
    """
    counts: list[int] = []
    number = shift = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64:  # noqa: PLR2004 - six bits
            raise ValueError(f"has run lengths with the character {character!r}")
        number |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        if code & 0x10:
            number -= 1 << shift
        counts.append(number + (counts[-2] if len(counts) > 2 else 0))  # noqa: PLR2004 - the first three are absolute
        number = shift = 0
    if shift:
        raise ValueError("has run lengths that are cut off")
    return counts


def _is_polygon(polygon: list[Any]) -> bool:
    if len(polygon) < _FEWEST_COORDINATES or len(polygon) % 2:
        return False
    # Written so that a NaN is refused too.
    return all(isinstance(value, (int, float)) and abs(value) <= _FARTHEST_PX for value in polygon)
