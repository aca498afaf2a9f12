"""A tiny data folder that a network learns in seconds: bright discs on dark ground."""

from pathlib import Path

import cv2
import numpy as np


def draw_blobs(seed, size_hw=(40, 48), classes=2):
    """Draw an image (H, W, 3) uint8 BGR and its mask (H, W) uint8; class 1 is bright, class 2 red."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 50, (*size_hw, 3), np.uint8)
    mask = np.zeros(size_hw, np.uint8)
    colors_bgr = {1: (220, 220, 220), 2: (30, 30, 220)}
    for class_id in range(1, classes):
        center_xy = tuple(int(rng.integers(8, size - 8)) for size in size_hw[::-1])
        radius = int(rng.integers(6, 12))
        cv2.circle(image, center_xy, radius, colors_bgr[class_id], -1)
        cv2.circle(mask, center_xy, radius, class_id, -1)
    return image, mask


def write_blobs(root, *, train=8, val=3, classes=2, size_hw=(40, 48)):
    """Write a data folder and give its path."""
    root = Path(root)
    for split, count, first in (("train", train, 0), ("val", val, 1000)):
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for index in range(count):
            image, mask = draw_blobs(first + index, size_hw, classes)
            cv2.imwrite(str(root / "images" / split / f"{index}.png"), image)
            cv2.imwrite(str(root / "masks" / split / f"{index}.png"), mask)
    names = ("background", "bright", "red")[:classes]
    (root / "classes.txt").write_text("\n".join(names) + "\n")
    return root
