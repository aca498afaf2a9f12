"""A film of drifting nuclei, with what is truly there in every frame."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fcn_edge.atomic import replacing
from fcn_edge.errors import OutputError
from fcn_edge.scenes.cell import Cell, Mask, draw_cell, scatter, stain_amount
from fcn_edge.scenes.optics import Image, SceneConfig, draw_optics, expose

FILM_CONFIG = SceneConfig(stain="fluorescence")
# Cells come in and leave through a rim this many pixels outside the field, so that none appears or vanishes in view.
RIM_PX = 40


@dataclass(frozen=True, slots=True)
class FilmInfo:
    """A film that was written."""

    path: Path
    frames: int
    fps: float
    size_hw: tuple[int, int]


@dataclass(slots=True)
class _Drift:
    cell: Cell
    velocity_xy: tuple[float, float]
    turn: float


def film_frames(
    *, seed: int = 3, frames: int = 160, size_hw: tuple[int, int] = (256, 320), config: SceneConfig | None = None
) -> Iterator[tuple[Image, Mask]]:
    """Yield the frames of a film and their masks; equal arguments give equal films.

    Nuclei drift with a common current and a motion of their own, turn slowly, leave the field, and others come in.
    Light and tissue stay; the camera's noise is new in every frame.

    Args:
        seed: Where chance starts.
        frames: How many.
        size_hw: Height and width in pixels.
        config: What disturbs the picture; grey fluorescence by default.

    Yields:
        The frame, ``(H, W, 3)`` uint8 BGR, and its mask, ``(H, W)`` uint8 of 0 and 1.
    """
    config = config or FILM_CONFIG
    rng = np.random.default_rng((seed, 2))
    # Two streams, so that a film without noise shows the same cells on the same way.
    noise = np.random.default_rng((seed, 3))
    optics = draw_optics(rng, size_hw, config)
    drifts = _start(rng, size_hw, config)
    blur_px = 1.2 if config.blur_px is None else config.blur_px
    for _ in range(frames):
        cells = [drift.cell for drift in drifts]
        amount, mask = stain_amount(cells, size_hw, blur_px=blur_px, texture=config.texture)
        yield expose(optics, amount, noise), mask
        for drift in drifts:
            _step(drift, rng, size_hw)


def write_film(
    path: Path | str,
    *,
    seconds: float = 8.0,
    fps: float = 20.0,
    size_hw: tuple[int, int] = (256, 320),
    seed: int = 3,
    config: SceneConfig | None = None,
) -> FilmInfo:
    """Write a film as Motion JPEG in AVI; :func:`film_frames` with the same arguments gives its masks.

    Raises:
        OutputError: OpenCV cannot write such a film there.
    """
    path = Path(path)
    frames = max(1, round(seconds * fps))
    with replacing(path) as temporary:
        codec = cv2.VideoWriter.fourcc(*"MJPG")
        writer = cv2.VideoWriter(str(temporary), codec, fps, size_hw[::-1])
        if not writer.isOpened():
            raise OutputError(f"{path}: OpenCV cannot write a Motion JPEG film here", hint="use a name ending in .avi")
        try:
            for image_bgr, _ in film_frames(seed=seed, frames=frames, size_hw=size_hw, config=config):
                writer.write(image_bgr)
        finally:
            writer.release()
    return FilmInfo(path, frames, fps, size_hw)


def _start(rng: np.random.Generator, size_hw: tuple[int, int], config: SceneConfig) -> list[_Drift]:
    height, width = size_hw
    wide = (height + 2 * RIM_PX, width + 2 * RIM_PX)
    current = rng.uniform(0, 2 * math.pi)
    speed = rng.uniform(0.4, 0.7)
    drifts = []
    for cell in scatter(rng, wide, spread=config.texture):
        x, y = cell.center_xy
        velocity = (
            speed * math.cos(current) + float(rng.normal(0, 0.2)),
            speed * math.sin(current) + float(rng.normal(0, 0.2)),
        )
        placed = dataclasses.replace(cell, center_xy=(x - RIM_PX, y - RIM_PX))
        drifts.append(_Drift(placed, velocity, float(rng.normal(0, 0.02))))
    return drifts


def _step(drift: _Drift, rng: np.random.Generator, size_hw: tuple[int, int]) -> None:
    """Move one cell by a frame; one that left through the rim comes back on the other side as another cell."""
    height, width = size_hw
    x, y = (c + v for c, v in zip(drift.cell.center_xy, drift.velocity_xy, strict=True))
    wrapped = ((x + RIM_PX) % (width + 2 * RIM_PX) - RIM_PX, (y + RIM_PX) % (height + 2 * RIM_PX) - RIM_PX)
    if wrapped != (x, y) and max(abs(wrapped[0] - x), abs(wrapped[1] - y)) > 1:
        radius = math.sqrt(drift.cell.radii[0] * drift.cell.radii[1])
        drift.cell = draw_cell(rng, wrapped, radius)
    else:
        drift.cell = dataclasses.replace(drift.cell, center_xy=(x, y), angle=drift.cell.angle + drift.turn)
