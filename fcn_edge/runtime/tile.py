"""Images larger than the model's input, segmented piece by piece at their own resolution."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.runtime.contract import channels
from fcn_edge.runtime.segmenter import Segmenter
from fcn_edge.scoring import labels_from_scores

# Of a tile's length. A pixel at the border of one tile then lies well inside another, where the network sees around it.
OVERLAP = 0.25
# The window is never zero, so that pixels that only one tile covers (the image's own border) keep its scores.
_SMALLEST_WEIGHT = 1e-3


def segment_tiled(segmenter: Segmenter, image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Segment an image in overlapping tiles of the model's input size.

    An image that is not larger than the input in either direction is segmented whole.

    Args:
        segmenter: Gives scores, not class ids.
        image_bgr: ``(H, W, 3)`` uint8, BGR.

    Returns:
        ``(H, W)`` uint8 class ids.

    Raises:
        UsageError: The model gives class ids, which cannot be blended.
    """
    return labels_from_scores(tiled_scores(segmenter, image_bgr), segmenter.threshold)


def tiled_scores(segmenter: Segmenter, image_bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compute scores tile by tile and blend them with a raised cosine, so that no seam shows.

    Args:
        segmenter: Gives scores, not class ids.
        image_bgr: ``(H, W, 3)`` uint8, BGR.

    Returns:
        ``(H, W, K)`` float32 in the file's own units.

    Raises:
        UsageError: The model gives class ids, which cannot be blended.
    """
    height, width = image_bgr.shape[:2]
    tile_h, tile_w = segmenter.input_hw
    if height <= tile_h and width <= tile_w:
        return segmenter.scores(image_bgr)
    # One direction may be smaller than a tile: mirrored, since a black rim would be an object of its own.
    padded = _mirrored(image_bgr, max(0, tile_h - height), max(0, tile_w - width))
    window = np.outer(_window(tile_h), _window(tile_w))[..., np.newaxis]
    weights = np.zeros((*padded.shape[:2], 1), np.float32)
    total = np.zeros((*padded.shape[:2], channels(segmenter.backend.info.output)), np.float32)
    for top, left in itertools.product(starts(padded.shape[0], tile_h), starts(padded.shape[1], tile_w)):
        area = (slice(top, top + tile_h), slice(left, left + tile_w))
        total[area] += segmenter.scores(np.ascontiguousarray(padded[area])) * window
        weights[area] += window
    np.divide(total, weights, out=total)
    return total[:height, :width]


def starts(length: int, tile: int) -> list[int]:
    """Give where tiles begin along an axis: evenly spread, overlapping by at least a quarter, from end to end.

    Args:
        length: Of the axis, at least *tile*.
        tile: Length of a tile.
    """
    step = max(1, math.floor(tile * (1 - OVERLAP)))
    count = 1 + math.ceil((length - tile) / step)
    if count == 1:
        return [0]
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]


def _window(length: int) -> NDArray[np.float32]:
    phase = (np.arange(length) + 0.5) / length
    return np.maximum(0.5 - 0.5 * np.cos(2 * np.pi * phase), _SMALLEST_WEIGHT).astype(np.float32)


def _mirrored(image: NDArray[np.uint8], below: int, right: int) -> NDArray[np.uint8]:
    if not below and not right:
        return image
    # BORDER_REFLECT may repeat the mirror, so even an image of one line can be padded.
    return np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REFLECT), np.uint8)
