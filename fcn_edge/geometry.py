"""How an image becomes a model's input, and how scores go back onto the image.

Training, calibration, comparison and devices all use these functions, so a desk and a device cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Geometry
from fcn_edge.errors import UsageError

IGNORE = 255
LETTERBOX_GREY = 114


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an image lies inside a model's input.

    Attributes:
        source_hw: Height and width of the image.
        input_hw: Height and width of the model's input.
        box_xywh: The part of the input that the image covers; the rest is letterbox.
    """

    source_hw: tuple[int, int]
    input_hw: tuple[int, int]
    box_xywh: tuple[int, int, int, int]


def placement(source_hw: tuple[int, int], input_hw: tuple[int, int], geometry: Geometry) -> Placement:
    """Tell where an image of *source_hw* goes in an input of *input_hw*."""
    height, width = input_hw
    if geometry == "stretch":
        return Placement(source_hw, input_hw, (0, 0, width, height))
    if geometry != "letterbox":
        raise UsageError(f"geometry {geometry!r} is unknown", hint="use stretch or letterbox")
    scale = min(height / source_hw[0], width / source_hw[1])
    box_h = min(height, max(1, round(source_hw[0] * scale)))
    box_w = min(width, max(1, round(source_hw[1] * scale)))
    return Placement(source_hw, input_hw, ((width - box_w) // 2, (height - box_h) // 2, box_w, box_h))


def resize(
    image: NDArray[np.uint8], size_hw: tuple[int, int], *, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Resize by area when shrinking (fewer pixels after than before), linearly when growing.

    Args:
        image: ``(H, W, C)`` or ``(H, W)`` uint8, any colour order.
        size_hw: Height and width wanted.
        out: Where to write the result, of its shape; None for a new array. Not used where nothing has to be done.
    """
    if image.shape[:2] == size_hw:
        return image
    shrinks = size_hw[0] * size_hw[1] < image.shape[0] * image.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size_hw[1], size_hw[0]), dst=out, interpolation=interpolation), np.uint8)


def fit_image(
    image: NDArray[np.uint8],
    input_hw: tuple[int, int],
    geometry: Geometry,
    *,
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Bring an image to a model's input size.

    Args:
        image: ``(H, W, 3)`` uint8, any colour order; the order is kept.
        input_hw: Height and width of the model's input.
        geometry: ``stretch`` ignores the aspect ratio, ``letterbox`` keeps it and pads with grey 114.
        out: Where to write the result, ``(*input_hw, 3)`` uint8; None for a new array.

    Returns:
        ``(*input_hw, 3)`` uint8: *out* or a new array, or *image* itself when nothing had to be done.
    """
    place = placement(_hw(image), input_hw, geometry)
    x, y, width, height = place.box_xywh
    if (height, width) == input_hw:
        return resize(image, input_hw, out=out)
    canvas = np.empty((*input_hw, image.shape[2]), np.uint8) if out is None else out
    # Only the margins: what lies inside is written over.
    canvas[:y], canvas[y + height :] = LETTERBOX_GREY, LETTERBOX_GREY
    canvas[:, :x], canvas[:, x + width :] = LETTERBOX_GREY, LETTERBOX_GREY
    inside = canvas[y : y + height, x : x + width]
    resized = resize(image, (height, width), out=inside)
    if resized is not inside:
        inside[:] = resized
    return canvas


def fit_mask(mask: NDArray[np.uint8], input_hw: tuple[int, int], geometry: Geometry) -> NDArray[np.uint8]:
    """Bring a mask of class ids to a model's input size, for training.

    Nearest pixel, so that no class is invented; letterbox padding becomes 255 (ignore). Sampling is at pixel centres
    (``INTER_NEAREST_EXACT``): plain ``INTER_NEAREST`` shifts the mask against the image by up to half a pixel.
    """
    place = placement(_hw(mask), input_hw, geometry)
    x, y, width, height = place.box_xywh
    canvas = np.full(input_hw, IGNORE, np.uint8)
    resized = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    canvas[y : y + height, x : x + width] = resized
    return canvas


def restore_scores(scores: NDArray[np.generic], place: Placement) -> NDArray[np.float32]:
    """Bring scores at input resolution back to the image's own size, linearly.

    Args:
        scores: ``(*place.input_hw, K)``, real or raw quantised; linear resizing commutes with dequantisation.
        place: From :func:`placement`.

    Returns:
        ``(*place.source_hw, K)`` float32; in memory one plane for each class.
    """
    x, y, width, height = place.box_xywh
    inside = scores[y : y + height, x : x + width]
    if (height, width) == place.source_hw:
        return np.ascontiguousarray(inside, dtype=np.float32)
    planes = np.empty((scores.shape[2], *place.source_hw), np.float32)
    for channel, plane in enumerate(planes):
        resize_plane(np.ascontiguousarray(inside[..., channel], dtype=np.float32), plane)
    return np.moveaxis(planes, 0, -1)


def resize_plane(plane: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Resize the scores of one class linearly into *out*; both ``(H, W)`` float32.

    Always one class at a time: OpenCV rounds pictures of several channels otherwise, so that scores which are equal for
    two classes would come out equal in one place and different in another.
    """
    cv2.resize(plane, out.shape[::-1], dst=out, interpolation=cv2.INTER_LINEAR)


def restore_labels(
    labels: NDArray[np.uint8], place: Placement, *, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Bring class ids at input resolution back to the image's own size, by nearest pixel; into *out* if given."""
    x, y, width, height = place.box_xywh
    inside = labels[y : y + height, x : x + width]
    resized = cv2.resize(inside, place.source_hw[::-1], dst=out, interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, dtype=np.uint8)


def _hw(image: NDArray[np.uint8]) -> tuple[int, int]:
    return int(image.shape[0]), int(image.shape[1])
