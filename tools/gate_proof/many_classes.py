"""Forty classes told apart by colour, one of them seldom seen and hard to tell: a model without training, and its data.

The class with the nearest colour is the one with the largest linear score, so one 1x1 convolution is the model. Of the
hard class most pixels have the colour of another, as of a thing behind glass; its IoU is low to begin with, and to lose
it wholly moves the mean over forty classes by less than a hundredth.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge import atomic
from fcn_edge.card import ModelCard, class_specs
from fcn_edge.dataset import write_mask
from fcn_edge.model_file import write_card
from fcn_edge.networks.layers import load_keras

SIZE_HW = (96, 96)
CLASSES = 40
# Its true colour shows on this share of its pixels.
_SHOWN = 0.2
_LEVELS = (32, 96, 160, 224)
_NOISE = 6.0
_CELL = 16
# Of the cells of a picture so many belong to the hard class; more would cost the class that wins them three points too.
_SELDOM = 0.0025
# Enough for the class never to be chosen, and too little to coarsen the scores' eight bits.
_NEVER = -10.0

HARD_NAME = "glass"
HARD_CLASS = CLASSES - 1


def class_names() -> list[str]:
    """Name the classes in id order: background, colours, the hard one."""
    return ["background", *(f"colour{number:02d}" for number in range(1, CLASSES - 1)), HARD_NAME]


def write_data(root: Path, *, train: int, val: int, seed: int) -> Path:
    """Write a data folder of coloured cells."""
    rng = np.random.default_rng(seed)
    for split, count in (("train", train), ("val", val)):
        for number in range(count):
            image_bgr, mask = _picture(rng)
            # No JPEG: it would blur the colours, which are all there is to see.
            content = cv2.imencode(".png", image_bgr)[1].tobytes()
            atomic.write_bytes(root / "images" / split / f"cells_{number:03d}.png", content)
            write_mask(root / "masks" / split / f"cells_{number:03d}.png", mask)
    atomic.write_text(root / "classes.txt", "\n".join(class_names()) + "\n")
    return root


def write_model(path: Path, *, ruined: bool) -> None:
    """Write the Keras model with its card.

    Args:
        path: Of the ``.keras`` file.
        ruined: Give the hard class a bias with which it is never chosen.
    """
    keras = load_keras()
    entry = keras.Input((*SIZE_HW, 3), name="image")
    head = keras.layers.Conv2D(CLASSES, 1, activation="softmax", name="head")
    model = keras.Model(entry, head(entry), name="many_classes")
    # |x - c|^2 is smallest where (c - m)x - (|c|^2 - |m|^2) / 2 is largest, for any m; the middle keeps scores small.
    colours, middle = _colours_rgb(), np.full(3, 127.5)
    weights = (colours - middle).T / 1000
    bias = -((colours**2).sum(1) - (middle**2).sum()) / 2000
    if ruined:
        bias[HARD_CLASS] += _NEVER
    head.set_weights([weights[None, None].astype(np.float32), bias.astype(np.float32)])
    model.save(path)
    write_card(path, ModelCard("colours", "linear", class_specs(class_names()), SIZE_HW))


def _colours_rgb() -> NDArray[np.float64]:
    """Give each class its colour, ``(K, 3)``, spread over the cube of colours; the hard one's is next to the last."""
    cube = np.array(list(itertools.product(_LEVELS, repeat=3)), np.float64)
    colours: NDArray[np.float64] = cube[np.linspace(0, len(cube) - 1, CLASSES).round().astype(int)]
    colours[HARD_CLASS] = colours[HARD_CLASS - 1] + (0, 0, _LEVELS[1] - _LEVELS[0])
    return colours


def _picture(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    height, width = (side // _CELL for side in SIZE_HW)
    cells = rng.integers(0, HARD_CLASS, (height, width))
    cells[rng.random(cells.shape) < _SELDOM] = HARD_CLASS
    mask = cells.repeat(_CELL, 0).repeat(_CELL, 1).astype(np.uint8)
    seen = np.where((mask == HARD_CLASS) & (rng.random(mask.shape) > _SHOWN), HARD_CLASS - 1, mask)
    rgb = _colours_rgb()[seen] + rng.normal(0, _NOISE, (*SIZE_HW, 3))
    return np.ascontiguousarray(rgb.clip(0, 255).round().astype(np.uint8)[..., ::-1]), mask
