"""Still scenes and data folders of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fcn_edge import atomic
from fcn_edge.dataset import write_mask
from fcn_edge.errors import UsageError
from fcn_edge.progress import track
from fcn_edge.scenes.cell import Mask, scatter, stain_amount
from fcn_edge.scenes.optics import Image, SceneConfig, draw_optics, expose

CLASS_NAMES = ("background", "nucleus")
SMALLEST_PX = 16
# As the real pack was stored; calibration then sees the same compression.
JPEG_QUALITY = 92


def draw_scene(
    rng: np.random.Generator, size_hw: tuple[int, int] = (256, 256), *, config: SceneConfig | None = None
) -> tuple[Image, Mask]:
    """Draw a field of nuclei as a microscope would show it, and what is truly there.

    Args:
        rng: Where chance comes from; equal generators give equal scenes.
        size_hw: Height and width in pixels, at least 16.
        config: What disturbs the picture; as in real ones by default.

    Returns:
        The picture, ``(H, W, 3)`` uint8 BGR, and the mask, ``(H, W)`` uint8: 1 where a pixel's centre is inside a
        nucleus, else 0.

    Raises:
        UsageError: The size is too small.
    """
    if min(size_hw) < SMALLEST_PX:
        message = f"a scene of {size_hw[0]}x{size_hw[1]} (height x width) holds no nucleus"
        raise UsageError(message, hint=f"ask for at least {SMALLEST_PX}x{SMALLEST_PX}")
    config = config or SceneConfig()
    optics = draw_optics(rng, size_hw, config)
    cells = scatter(rng, size_hw, spread=config.texture)
    blur_px = float(rng.uniform(0.7, 1.6)) if config.blur_px is None else config.blur_px
    amount, mask = stain_amount(cells, size_hw, blur_px=blur_px, texture=config.texture)
    return expose(optics, amount, rng), mask


def write_data_folder(
    root: Path | str,
    *,
    train: int,
    val: int,
    seed: int = 0,
    size_hw: tuple[int, int] = (256, 256),
    config: SceneConfig | None = None,
    quiet: bool = True,
) -> Path:
    """Write a data folder of scenes: ``images/SPLIT/*.jpg``, ``masks/SPLIT/*.png``, ``classes.txt``.

    Args:
        root: The folder, made where it is missing; files of the same names are replaced.
        train: Number of scenes in split ``train``.
        val: Number of scenes in split ``val``; no scene is in both.
        seed: Equal seeds give equal folders.
        size_hw: Height and width of each scene.
        config: What disturbs the pictures.
        quiet: Show no progress.

    Returns:
        *root* as a path.

    Raises:
        OutputError: A file cannot be written.
    """
    root = Path(root)
    wanted = [("train", i) for i in range(train)] + [("val", i) for i in range(val)]
    for split, index in track(wanted, total=len(wanted), description="scenes", unit="scene", quiet=quiet):
        rng = np.random.default_rng((seed, 0 if split == "train" else 1, index))
        image_bgr, mask = draw_scene(rng, size_hw, config=config)
        name = f"scene_{index:04d}"
        jpeg = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        atomic.write_bytes(root / "images" / split / f"{name}.jpg", jpeg.tobytes())
        write_mask(root / "masks" / split / f"{name}.png", mask)
    atomic.write_text(root / "classes.txt", "\n".join(CLASS_NAMES) + "\n")
    return root
