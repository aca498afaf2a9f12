"""The pictures that candidates answer: the user's own, or drawn ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.dataset import open_folder
from fcn_edge.errors import UsageError
from fcn_edge.image_file import list_images, read_image
from fcn_edge.runtime.tune.config import TuneConfig
from fcn_edge.scenes import draw_scene
from fcn_edge.timing.paired import FEWEST_INPUTS

Image = NDArray[np.uint8]

# As a webcam gives them.
_DRAWN_HW = (480, 640)
# Pixels of the grains that a texture is made of, and how their strength grows with their size, as in photographs.
_GRAINS_PX = (2, 4, 8, 16, 32, 64)
_GRAIN_STRENGTH = 0.7


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures ``(H, W, 3)`` uint8 BGR, and in words what they are."""

    bgr: tuple[Image, ...]
    words: str


def find_pictures(config: TuneConfig, *, count: int = FEWEST_INPUTS) -> Pictures:
    """Read the user's pictures, or draw some.

    Raises:
        UsageError: Too few are found, or a path does not exist.
        DatasetError: The data folder cannot be used.
        ImageError: A picture cannot be decoded.
    """
    if config.data is not None:
        samples = open_folder(config.data).samples(config.split)
        return _read([sample.image_path for sample in samples], f"{config.data} ({config.split})", count)
    if config.images is not None:
        files = [file for path in config.images for file in _files(path)]
        return _read(files, ", ".join(map(str, config.images)), count)
    rng = np.random.default_rng(config.seed)
    drawn = [draw_scene(rng, _DRAWN_HW)[0] if i % 2 else draw_texture(rng, _DRAWN_HW) for i in range(count)]
    words = f"{count} drawn pictures of {_DRAWN_HW[1]}x{_DRAWN_HW[0]}, half of them scenes, half textures"
    return Pictures(tuple(drawn), words)


def draw_texture(rng: np.random.Generator, size_hw: tuple[int, int]) -> Image:
    """Draw grains of all sizes in all colours: no object, but something everywhere for a model to decide on."""
    height, width = size_hw
    total = np.zeros((height, width, 3), np.float32)
    for grain in _GRAINS_PX:
        noise = rng.normal(size=(height // grain + 1, width // grain + 1, 3)).astype(np.float32)
        total += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * grain**_GRAIN_STRENGTH
    total *= 45 / float(total.std())
    return np.asarray(np.clip(total + rng.uniform(60, 190, 3), 0, 255), np.uint8)


def _read(files: Sequence[Path], where: str, count: int) -> Pictures:
    if not files:
        raise UsageError(f"{where}: no pictures found", hint="name a folder with some, or leave it out: they are drawn")
    # Spread over the set: neighbours are often of one film. Few are taken again and again.
    chosen = [files[i * len(files) // count] for i in range(count)]
    pictures = {file: read_image(file) for file in dict.fromkeys(chosen)}
    return Pictures(tuple(pictures[file] for file in chosen), f"{len(pictures)} of {len(files)} pictures of {where}")


def _files(path: Path) -> Sequence[Path]:
    if path.is_dir():
        return list_images(path)
    if not path.is_file():
        raise UsageError(f"{path}: does not exist; a picture or a folder was expected", hint="check the path")
    return [path]
