"""The pictures that are timed: real ones where there are any, else drawn scenes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import UsageError
from fcn_edge.image_file import read_image
from fcn_edge.scenes import draw_scene
from fcn_edge.timing.paired import FEWEST_INPUTS

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
# As a webcam gives them.
_DRAWN_HW = (480, 640)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures ``(H, W, 3)`` uint8 BGR, and in words what they are."""

    bgr: tuple[NDArray[np.uint8], ...]
    words: str

    def digest(self) -> str:
        """Tell these pictures from others by their pixels."""
        digest = hashlib.sha256()
        for picture in self.bgr:
            digest.update(repr(picture.shape).encode())
            digest.update(picture.tobytes())
        return digest.hexdigest()


def find_pictures(images: Sequence[Path] | None, *, count: int, seed: int) -> Pictures:
    """Read the first pictures, or draw some where none are named.

    Args:
        images: Files and folders, which are searched; None draws.
        count: How many, at least 8: with fewer the caches would know them.
        seed: Of drawn ones.

    Raises:
        UsageError: Fewer than 8 are wanted or found, or a path does not exist.
        ImageError: One cannot be decoded.
    """
    if count < FEWEST_INPUTS:
        raise UsageError(f"{count} pictures: at least {FEWEST_INPUTS} were expected", hint="leave the number out")
    if images is None:
        rng = np.random.default_rng(seed)
        drawn = tuple(draw_scene(rng, _DRAWN_HW)[0] for _ in range(count))
        return Pictures(drawn, f"{count} drawn scenes of {_DRAWN_HW[1]}x{_DRAWN_HW[0]} (width x height)")
    files = [file for path in images for file in _files(path)]
    if len(files) < FEWEST_INPUTS:
        where = ", ".join(map(str, images))
        raise UsageError(
            f"{where}: {len(files)} pictures found, at least {FEWEST_INPUTS} were expected",
            hint="name a folder with more, or leave --images out: scenes are drawn then",
        )
    # Spread over the set: neighbours are often of one film.
    chosen = [files[i * len(files) // count] for i in range(min(count, len(files)))]
    return Pictures(tuple(read_image(file) for file in chosen), f"{len(chosen)} of {len(files)} pictures")


def write_pictures(pictures: Pictures, path: Path) -> Path:
    """Write them where another process reads them."""
    np.savez(path, *pictures.bgr)
    return path


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix.lower() in _SUFFIXES)
    if not path.is_file():
        raise UsageError(f"{path}: does not exist", hint="name picture files or folders of them")
    return [path]
