"""Showing class ids to people: colours over the picture, and a legend."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import ClassSpec

# What is neither background nor a class: 255 (ignore) in a mask, or an id a foreign model should not give.
_UNKNOWN_BGR = (200, 200, 200)

# Strips keep the intermediate pictures inside the cache and below the size from which the allocator asks the system
# for fresh pages: less than half of the time at 640x480 on one core.
_STRIP_PIXELS = 1 << 15

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE = (255, 255, 255)
_BLACK = (0, 0, 0)
# Text height 1.0 of OpenCV's font is about 22 pixels; this makes names readable at 480 lines and grow from there.
_TEXT_SCALE_AT_480 = 0.5
_SMALLEST_TEXT_SCALE = 0.35
_PANEL_DARKNESS = 0.45


def colorize(labels: NDArray[np.uint8], classes: Sequence[ClassSpec]) -> NDArray[np.uint8]:
    """Paint class ids in their colours.

    Args:
        labels: Class ids, ``(H, W)`` uint8; ids without a class become light grey.
        classes: In id order; their colours are RGB.

    Returns:
        ``(H, W, 3)`` uint8, BGR.
    """
    return np.asarray(cv2.applyColorMap(labels, _table_bgr(classes)), np.uint8)


def draw_overlay(
    image_bgr: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    classes: Sequence[ClassSpec],
    *,
    opacity: float = 0.5,
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Lay the classes' colours over an image; background (class 0) stays as it is.

    Args:
        image_bgr: ``(H, W, 3)`` uint8, BGR.
        labels: Class ids, ``(H, W)`` uint8.
        classes: In id order.
        opacity: Of the colours, 0 to 1.
        out: Where to draw, same shape as *image_bgr*; may be *image_bgr* itself. None for a new array.

    Returns:
        *out*, or the new array; ``(H, W, 3)`` uint8, BGR.
    """
    if out is None:
        out = image_bgr.copy()
    elif out is not image_bgr:
        np.copyto(out, image_bgr)
    table = _table_bgr(classes)
    rows = max(1, _STRIP_PIXELS // max(1, labels.shape[1]))
    painted = blended = np.empty((0, 0, 3), np.uint8)
    for top in range(0, labels.shape[0], rows):
        ids, strip = labels[top : top + rows], out[top : top + rows]
        highest = int(ids.max(initial=0))
        if highest == 0:
            continue
        if blended.shape != strip.shape:
            painted, blended = np.empty_like(strip), np.empty_like(strip)
            painted[:] = table[1]
        # Where there is but one class, its colour alone will do: the map takes half of the time.
        colours = painted if highest == 1 else cv2.applyColorMap(ids, table)
        # Class ids serve as the mask as they are: background is 0.
        cv2.copyTo(cv2.addWeighted(strip, 1 - opacity, colours, opacity, 0, dst=blended), ids, strip)
    return out


def draw_legend(
    image_bgr: NDArray[np.uint8], classes: Sequence[ClassSpec], *, only: Collection[int] | None = None
) -> NDArray[np.uint8]:
    """Draw the classes' names and colours into the lower left corner of an image, background left out.

    Args:
        image_bgr: ``(H, W, 3)`` uint8, BGR, contiguous; drawn on in place.
        classes: In id order. Those that do not fit in height go into further columns.
        only: Class ids to list, for example those that occur; None for all.

    Returns:
        *image_bgr* itself.
    """
    height, width = image_bgr.shape[:2]
    scale = max(_SMALLEST_TEXT_SCALE, _TEXT_SCALE_AT_480 * min(height / 480, width / 640))
    thickness = _thickness(scale)
    shown = [spec for i, spec in enumerate(classes) if i > 0 and (only is None or i in only)]
    if not shown:
        return image_bgr
    text_h = cv2.getTextSize("Ag", _FONT, scale, thickness)[0][1]
    line, margin = round(text_h * 1.9), max(4, text_h // 2)
    per_column = max(1, (height - 4 * margin) // line)
    columns = [shown[i : i + per_column] for i in range(0, len(shown), per_column)]
    swatch = round(text_h * 1.2)
    widths = [
        max(cv2.getTextSize(c.name, _FONT, scale, thickness)[0][0] for c in column) + swatch + 3 * margin
        for column in columns
    ]
    panel_h = line * len(columns[0]) + margin
    left, top = margin, height - panel_h - margin
    _darken(image_bgr, left, top, sum(widths) + margin, panel_h)
    for column, column_width in zip(columns, widths, strict=True):
        for row, spec in enumerate(column):
            middle = top + margin // 2 + row * line + line // 2
            corner = (left + margin, middle - swatch // 2)
            opposite = (corner[0] + swatch, corner[1] + swatch)
            cv2.rectangle(image_bgr, corner, opposite, spec.color_rgb[::-1], cv2.FILLED)
            cv2.rectangle(image_bgr, corner, opposite, _WHITE, 1)
            draw_text(image_bgr, spec.name, (opposite[0] + margin, middle + text_h // 2), scale)
        left += column_width
    return image_bgr


def draw_text(
    image_bgr: NDArray[np.uint8], text: str, baseline_xy: tuple[int, int], scale: float = _TEXT_SCALE_AT_480
) -> NDArray[np.uint8]:
    """Write white text with a black outline, readable on any picture.

    Args:
        image_bgr: ``(H, W, 3)`` uint8, BGR, contiguous; drawn on in place.
        text: One line.
        baseline_xy: Left end of the text's baseline.
        scale: Of OpenCV's font; 1 is about 22 pixels high.

    Returns:
        *image_bgr* itself.
    """
    thickness = _thickness(scale)
    x, y = baseline_xy
    # Shifted copies rather than a thicker text below: OpenCV 5 widens the letters with the thickness.
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        cv2.putText(image_bgr, text, (x + dx, y + dy), _FONT, scale, _BLACK, thickness, cv2.LINE_AA)
    cv2.putText(image_bgr, text, (x, y), _FONT, scale, _WHITE, thickness, cv2.LINE_AA)
    return image_bgr


def _thickness(scale: float) -> int:
    return max(1, round(scale * 1.6))


def _darken(image_bgr: NDArray[np.uint8], left: int, top: int, width: int, height: int) -> None:
    panel = image_bgr[max(0, top) : top + height, max(0, left) : left + width]
    if panel.size:
        panel[:] = cv2.convertScaleAbs(panel, alpha=1 - _PANEL_DARKNESS)


def _table_bgr(classes: Sequence[ClassSpec]) -> NDArray[np.uint8]:
    table = np.full((256, 1, 3), _UNKNOWN_BGR, np.uint8)
    table[: len(classes), 0] = [spec.color_rgb[::-1] for spec in classes]
    return table
