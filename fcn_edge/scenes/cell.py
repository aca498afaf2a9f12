"""Nuclei as deformed ellipses: an outline known exactly, whatever is done to the picture afterwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Amount = NDArray[np.float32]
Mask = NDArray[np.uint8]

# Radius in pixels as in the real pack: most nuclei are small, some fields are close-ups.
TYPICAL_RADIUS_PX = 9.0
TOUCHING = 0.35
# A soft border reaches this many blur widths; beyond it tanh is 0 or 1 to a uint8 level.
BORDER_WIDTHS = 4.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One nucleus.

    The outline, seen from the centre, is that of an ellipse times ``1 + sum(amplitude * cos(order * angle + phase))``.

    Attributes:
        center_xy: In pixels; pixel ``(row, column)`` has its centre at ``x = column``, ``y = row``.
        radii: Half axes in pixels.
        angle: Of the first half axis against the x axis, in radians.
        harmonics: ``(order, amplitude, phase)`` of each deformation; amplitudes are small against 1.
        brightness: How much stain it took up; 1 is typical.
        grain: Period in pixels and phase of the texture inside.
    """

    center_xy: tuple[float, float]
    radii: tuple[float, float]
    angle: float
    harmonics: tuple[tuple[int, float, float], ...]
    brightness: float
    grain: tuple[float, float]

    @property
    def reach(self) -> float:
        """No part of the outline is farther than this from the centre, in pixels."""
        return max(self.radii) * (1 + sum(amplitude for _, amplitude, _ in self.harmonics))


def draw_cell(rng: np.random.Generator, center_xy: tuple[float, float], radius: float, *, spread: float = 1.0) -> Cell:
    """Draw a nucleus of about *radius* pixels; *spread* scales how much brightness differs between nuclei."""
    size = radius * math.exp(rng.normal(0.0, 0.2))
    elongation = rng.uniform(1.0, 1.5)
    harmonics = tuple(
        (order, float(rng.uniform(0.0, limit)), float(rng.uniform(0.0, 2 * math.pi)))
        for order, limit in ((2, 0.06), (3, 0.07), (4, 0.04))
    )
    return Cell(
        center_xy=center_xy,
        radii=(size * math.sqrt(elongation), size / math.sqrt(elongation)),
        angle=float(rng.uniform(0.0, math.pi)),
        harmonics=harmonics,
        brightness=math.exp(rng.normal(0.0, 0.3) * spread),
        grain=(float(rng.uniform(0.7, 1.3)) * radius, float(rng.uniform(0.0, 2 * math.pi))),
    )


def scatter(rng: np.random.Generator, size_hw: tuple[int, int], *, spread: float = 1.0) -> tuple[Cell, ...]:
    """Draw the nuclei of one field: few or many, small or close up, some of them touching.

    Args:
        rng: Where chance comes from; equal generators give equal fields.
        size_hw: Height and width of the field in pixels.
        spread: How much brightness differs between nuclei; 0 makes them equal.
    """
    height, width = size_hw
    radius = min(TYPICAL_RADIUS_PX * math.exp(abs(rng.normal(0.0, 0.5)) - 0.2), min(size_hw) / 6)
    covered = float(np.clip(math.exp(rng.normal(math.log(0.1), 0.7)), 0.02, 0.3))
    count = max(3, round(covered * height * width / (math.pi * radius**2)))
    cells: list[Cell] = []
    for _ in range(count):
        place = (float(rng.uniform(0, width - 1)), float(rng.uniform(0, height - 1)))
        if cells and rng.random() < TOUCHING:
            place = _beside(rng, cells[int(rng.integers(len(cells)))], radius)
        cells.append(draw_cell(rng, place, radius, spread=spread))
    return tuple(cells)


def stain_amount(
    cells: Sequence[Cell], size_hw: tuple[int, int], *, blur_px: float = 1.2, texture: float = 1.0
) -> tuple[Amount, Mask]:
    """Render nuclei with soft borders, and their exact mask.

    The border is a ramp symmetric about the outline: it is 0.5 exactly there, so that where nuclei are equal and even
    a threshold at half height gives back the mask.

    Args:
        cells: The nuclei; where they overlap the stronger stain shows.
        size_hw: Height and width of the field in pixels.
        blur_px: Width of the soft border.
        texture: Strength of the grain inside; 0 makes nuclei even.

    Returns:
        The amount of stain, ``(H, W)`` float32 from 0, about 1 inside a typical nucleus; and the mask, ``(H, W)``
        uint8: 1 where a pixel's centre is inside an outline, else 0.
    """
    amount = np.zeros(size_hw, np.float32)
    mask = np.zeros(size_hw, np.uint8)
    for cell in cells:
        window = _window(cell, size_hw, margin=BORDER_WIDTHS * blur_px)
        if window is None:
            continue
        along, across = _own_axes(cell, window)
        inside_px = _distance_inside(cell, along, across)
        border = 0.5 * (1 + np.tanh(inside_px / blur_px))
        here = cell.brightness * border * _grain(cell, along, across, texture)
        amount[window] = np.maximum(amount[window], here)
        mask[window] |= (inside_px > 0).astype(np.uint8)
    return amount, mask


def _beside(rng: np.random.Generator, neighbour: Cell, radius: float) -> tuple[float, float]:
    direction = rng.uniform(0, 2 * math.pi)
    distance = (radius + sum(neighbour.radii) / 2) * rng.uniform(0.85, 1.1)
    x, y = neighbour.center_xy
    return x + distance * math.cos(direction), y + distance * math.sin(direction)


def _window(cell: Cell, size_hw: tuple[int, int], *, margin: float) -> tuple[slice, slice] | None:
    """Rows and columns that a cell can touch, None when it lies outside the field."""
    height, width = size_hw
    x, y = cell.center_xy
    reach = cell.reach + margin
    top, bottom = max(0, math.floor(y - reach)), min(height, math.ceil(y + reach) + 1)
    left, right = max(0, math.floor(x - reach)), min(width, math.ceil(x + reach) + 1)
    return (slice(top, bottom), slice(left, right)) if top < bottom and left < right else None


def _own_axes(cell: Cell, window: tuple[slice, slice]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixel centres of *window* in the cell's own axes, in pixels from its centre."""
    rows, columns = window
    x = np.arange(columns.start, columns.stop)[None, :] - cell.center_xy[0]
    y = np.arange(rows.start, rows.stop)[:, None] - cell.center_xy[1]
    cosine, sine = math.cos(cell.angle), math.sin(cell.angle)
    return x * cosine + y * sine, y * cosine - x * sine


def _distance_inside(cell: Cell, along: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far inside the outline each pixel is, measured along the ray from the centre; negative outside."""
    u, v = along / cell.radii[0], across / cell.radii[1]
    rho = np.maximum(np.hypot(u, v), 1e-9)
    theta = np.arctan2(v, u)
    outline = 1.0 + sum(a * np.cos(order * theta + phase) for order, a, phase in cell.harmonics)
    from_center_px = np.maximum(np.hypot(along, across), 1e-9)
    return np.asarray(from_center_px * (outline / rho - 1))


def _grain(cell: Cell, along: NDArray[np.float64], across: NDArray[np.float64], texture: float) -> NDArray[np.float64]:
    """Chromatin: a mild pattern fixed to the cell, so that it turns and drifts with it in a film."""
    period, phase = cell.grain
    # Two periods in no simple ratio along oblique axes: spots rather than a chequerboard.
    pattern = np.sin((along + 0.4 * across) * (6.28 / period) + phase)
    pattern = pattern * np.cos((across - 0.3 * along) * (4.1 / period) - 2 * phase)
    dome = (along / cell.radii[0]) ** 2 + (across / cell.radii[1]) ** 2
    return np.asarray(1 + texture * (0.1 * pattern + 0.1 - 0.2 * np.clip(dome, 0, 1)))
