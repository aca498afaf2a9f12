"""Pictures that are the same every time, and the tensors that the shipped models make of them on this machine."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.runtime.segmenter import Segmenter
from fcn_edge.scenes import STAINS, SceneConfig, draw_scene

Image = NDArray[np.uint8]
# Neither square nor of any model's size, so that the pictures are resized, and letterboxed where the card says so.
_SIZE_HW = (200, 240)


def draw_pictures(count: int = 2) -> list[Image]:
    """Draw *count* microscope scenes and as many textured figures, ``(H, W, 3)`` uint8, BGR."""
    scenes = [
        draw_scene(np.random.default_rng(seed), _SIZE_HW, config=SceneConfig(stain=STAINS[seed % len(STAINS)]))[0]
        for seed in range(count)
    ]
    return scenes + [_figure(np.random.default_rng(seed)) for seed in range(count)]


def _figure(rng: np.random.Generator) -> Image:
    """Draw what has the outline of a person on a street, all of it grainy: nobody's portrait, but not background."""
    height, width = _SIZE_HW
    image = np.empty((height, width, 3), np.float32)
    image[:] = np.linspace(210, 120, height, dtype=np.float32)[:, np.newaxis, np.newaxis]
    x = int(rng.integers(width // 3, 2 * width // 3))
    skin, shirt, trousers = (90, 120, 190), rng.integers(20, 200, 3).tolist(), rng.integers(10, 90, 3).tolist()
    for side in (-1, 1):
        cv2.line(image, (x + 9 * side, 110), (x + 12 * side, 190), trousers, 16)
        cv2.line(image, (x + 20 * side, 62), (x + 28 * side, 112), shirt, 9)
        cv2.circle(image, (x + 28 * side, 116), 5, skin, -1)
    cv2.ellipse(image, (x, 85), (21, 36), 0, 0, 360, shirt, -1)
    cv2.ellipse(image, (x, 33), (11, 15), 0, 0, 360, skin, -1)
    cv2.ellipse(image, (x, 24), (12, 9), 0, 180, 360, (20, 25, 30), -1)
    coarse = cv2.resize(rng.normal(0, 12, (height // 4, width // 4, 3)).astype(np.float32), (width, height))
    grain = rng.normal(0, 6, image.shape).astype(np.float32)
    picture: Image = np.clip(image + coarse + grain, 0, 255).astype(np.uint8)
    return picture


def write_inputs(path: Path, models: Path) -> None:
    """Write the pictures as ``pictures`` and each model's input tensors as ``NAME``, ``(N, H, W, 3)`` uint8.

    Args:
        path: A ``.npz`` file.
        models: The folder of the shipped models.
    """
    pictures = draw_pictures()
    arrays = {"pictures": np.stack(pictures)}
    for model in sorted(models.glob("*/*.int8.tflite")):
        with Segmenter.open(model) as segmenter:
            tensors = [segmenter.preprocess(picture)[0].copy() for picture in pictures]
        arrays[model.parent.name] = np.concatenate(tensors)
    np.savez_compressed(path, allow_pickle=False, **arrays)
