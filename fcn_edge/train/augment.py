"""Varying an image and its mask together, the same way for the same seed, epoch and index."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Geometry
from fcn_edge.geometry import IGNORE, fit_image, fit_mask

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """What is varied; zero or False switches a part off.

    Attributes:
        flip: Mirror left and right.
        top_down: Also mirror up and down and turn by 90 degrees: for pictures without an up, as from a microscope or
            from above.
        zoom: Largest factor of enlarging and of shrinking, 1 for none; the cut lies anywhere.
        stretch: Largest change of the aspect ratio, as a part of 1.
        contrast: Largest change of contrast, as a part of 1.
        brightness: Largest shift of all values, as a part of the range.
        color: Largest shift of each channel by itself, as a part of the range.
        saturation: Largest change of the distance from grey, as a part of 1.
        gamma: Largest exponent of all values as parts of the range, and of its inverse; 1 for none. It leaves black and
            white where they are, so that nothing dim is cut off as by brightness and contrast.
        soften: Probability of a slight blur, and of slight noise.
        tilt: Largest turn to either side, in degrees.
        cutout: Probability that a box is painted over, whose truth stays: DeVries and Taylor, "Improved Regularization
            of Convolutional Neural Networks with Cutout" (arXiv:1708.04552).
        mix: Probability that a box of another varied image, with its truth, covers a part: Yun et al., "CutMix" (ICCV
            2019).
    """

    flip: bool = True
    top_down: bool = False
    zoom: float = 1.4
    stretch: float = 0.1
    contrast: float = 0.3
    brightness: float = 0.15
    color: float = 0.05
    saturation: float = 0.3
    soften: float = 0.1
    tilt: float = 0.0
    cutout: float = 0.0
    gamma: float = 1.0
    mix: float = 0.0


NO_AUGMENTATION = AugmentConfig(
    flip=False,
    top_down=False,
    zoom=1.0,
    stretch=0.0,
    contrast=0.0,
    brightness=0.0,
    color=0.0,
    saturation=0.0,
    soften=0.0,
)


def augment(
    image: Pixels,
    mask: Pixels,
    input_hw: tuple[int, int],
    geometry: Geometry,
    config: AugmentConfig,
    rng: np.random.Generator,
    *,
    mask_hw: tuple[int, int] | None = None,
) -> tuple[Pixels, Pixels]:
    """Vary a sample and bring it to the model's input size.

    The cut is taken from the image at its own resolution and then fitted as any image is, so that varied images are
    as sharp as those a device will see. What lies outside of the image is 255 (ignore) in the mask.

    Args:
        image: ``(H, W, 3)`` uint8, any colour order.
        mask: ``(H, W)`` uint8 class ids.
        input_hw: Height and width of the model's input.
        geometry: As in :func:`fcn_edge.geometry.fit_image`.
        config: What is varied.
        rng: Of this seed, epoch and index.
        mask_hw: Height and width of the mask that is given; by default *input_hw*.

    Returns:
        ``(*input_hw, 3)`` and ``(*mask_hw,)``, uint8.
    """
    box = _draw_box((image.shape[0], image.shape[1]), config, rng)
    image = _cut(image, box, cv2.BORDER_REFLECT_101, 0)
    mask = _cut(mask, box, cv2.BORDER_CONSTANT, IGNORE)
    if config.flip and rng.random() < 0.5:  # noqa: PLR2004 - every second one
        image, mask = image[:, ::-1], mask[:, ::-1]
    if config.top_down:
        turns = int(rng.integers(4))
        image, mask = np.rot90(image, turns), np.rot90(mask, turns)
    if config.tilt:
        image, mask = _turn(image, mask, rng.uniform(-1, 1) * config.tilt)
    image = fit_image(np.ascontiguousarray(image), input_hw, geometry)
    mask = fit_mask(np.ascontiguousarray(mask), mask_hw or input_hw, geometry)
    return _cover(_soften(_recolor(image, config, rng), config, rng), config, rng), mask


def zoom_middle(image: Pixels, mask: Pixels, scale: float) -> tuple[Pixels, Pixels]:
    """Show the middle of a sample *scale* times as large, or all of it and what is reflected at its edges.

    Args:
        image: ``(H, W, 3)`` uint8.
        mask: ``(H, W)`` uint8 class ids.
        scale: Above 0; above 1 enlarges.

    Returns:
        Both, of about ``(H / scale, W / scale)``: fitted to an input, objects are *scale* times as large. What lies
        outside of the image is 255 (ignore) in the mask.
    """
    height, width = (max(1, round(size / scale)) for size in mask.shape)
    box = (mask.shape[0] - height) // 2, (mask.shape[1] - width) // 2, height, width
    return _cut(image, box, cv2.BORDER_REFLECT_101, 0), _cut(mask, box, cv2.BORDER_CONSTANT, IGNORE)


def paste_box(sample: tuple[Pixels, Pixels], other: tuple[Pixels, Pixels], rng: np.random.Generator) -> None:
    """Cover a box of a varied sample by the same box of another one, image and mask; a sixteenth to half of the area.

    Args:
        sample: Image ``(H, W, 3)`` and mask, whose size is a multiple of it; both are written to.
        other: Of the same sizes.
        rng: Of this seed, epoch and index.
    """
    height, width = sample[0].shape[:2]
    rows, columns = (max(1, round(size * rng.uniform(0.25, 0.7))) for size in (height, width))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    for mine, theirs in zip(sample, other, strict=True):
        scale = mine.shape[0] // height
        box = slice(scale * top, scale * (top + rows)), slice(scale * left, scale * (left + columns))
        mine[box] = theirs[box]


def _draw_box(size_hw: tuple[int, int], config: AugmentConfig, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Draw the cut as top, left, height, width; parts of it may lie outside."""
    scale = math.exp(rng.uniform(-1, 1) * math.log(config.zoom))
    aspect = math.exp(rng.uniform(-1, 1) * math.log1p(config.stretch) / 2)
    height = max(1, round(size_hw[0] / scale * aspect))
    width = max(1, round(size_hw[1] / scale / aspect))
    room_h, room_w = size_hw[0] - height, size_hw[1] - width
    return round(rng.random() * room_h), round(rng.random() * room_w), height, width


def _cut(image: Pixels, box: tuple[int, int, int, int], border: int, value: int) -> Pixels:
    top, left, height, width = box
    bottom, right = top + height - image.shape[0], left + width - image.shape[1]
    inside = image[max(0, top) : top + height, max(0, left) : left + width]
    above, below, before, after = (max(0, margin) for margin in (-top, bottom, -left, right))
    if not any((above, below, before, after)):
        return inside
    # Reflection needs more than one row; an image so thin repeats its edge.
    if border == cv2.BORDER_REFLECT_101 and min(inside.shape[:2]) == 1:
        border = cv2.BORDER_REPLICATE
    return np.asarray(cv2.copyMakeBorder(inside, above, below, before, after, border, value=(value,) * 4), np.uint8)


def _turn(image: Pixels, mask: Pixels, degrees: float) -> tuple[Pixels, Pixels]:
    height, width = mask.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    image = np.ascontiguousarray(image)
    turned = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    truth = cv2.warpAffine(
        np.ascontiguousarray(mask), matrix, (width, height), flags=cv2.INTER_NEAREST, borderValue=IGNORE
    )
    return np.asarray(turned, np.uint8), np.asarray(truth, np.uint8)


def _cover(image: Pixels, config: AugmentConfig, rng: np.random.Generator) -> Pixels:
    if rng.random() >= config.cutout:
        return image
    height, width = image.shape[:2]
    rows, columns = (max(1, round(size * rng.uniform(0.1, 0.4))) for size in (height, width))
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    image = image.copy()
    image[top : top + rows, left : left + columns] = rng.integers(256, size=3)
    return image


def _recolor(image: Pixels, config: AugmentConfig, rng: np.random.Generator) -> Pixels:
    gain = 1 + rng.uniform(-1, 1) * config.contrast
    shift = 255 * (rng.uniform(-1, 1) * config.brightness + rng.uniform(-1, 1, 3) * config.color)
    if config.saturation:
        image = _saturate(image, 1 + rng.uniform(-1, 1) * config.saturation)
    exponent = config.gamma ** rng.uniform(-1, 1) if config.gamma != 1 else 1
    if gain == exponent == 1 and not shift.any():
        return image
    middle = 127.5
    values = np.arange(256, dtype=np.float64)[:, None]
    if exponent != 1:
        values = 255 * (values / 255) ** exponent
    table = np.clip(np.rint((values - middle) * gain + middle + shift), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[None]), np.uint8)


def _saturate(image: Pixels, factor: float) -> Pixels:
    # One pass: each channel is mixed with the grey of its pixel (Rec. 601, RGB).
    grey = np.array([0.299, 0.587, 0.114]) * (1 - factor)
    return np.asarray(cv2.transform(image, np.tile(grey, (3, 1)) + factor * np.eye(3)), np.uint8)


def _soften(image: Pixels, config: AugmentConfig, rng: np.random.Generator) -> Pixels:
    if rng.random() < config.soften:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.0)), np.uint8)
    if rng.random() < config.soften:
        noise = rng.normal(0, rng.uniform(1, 8), image.shape)
        image = np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
    return image
