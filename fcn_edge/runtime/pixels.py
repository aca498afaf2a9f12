"""From a camera's picture to the bytes a model takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Geometry
from fcn_edge.errors import UsageError
from fcn_edge.geometry import Placement, fit_image, placement
from fcn_edge.runtime.backend import TensorInfo
from fcn_edge.runtime.contract import image_hw

_CHANNELS = 3
_LEVELS = 256

_TableValue: TypeAlias = np.integer[Any] | np.floating[Any]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What a foreign model wants done to its pixels: ``(pixel * scale - mean) / std`` per channel.

    Files exported by this package have all of this in their graph and take raw RGB pixels.

    Attributes:
        scale: Factor on 0..255; ``1 / 255`` for a model trained on 0..1.
        mean: Per channel in the model's colour order, after *scale*.
        std: Per channel in the model's colour order, after *scale*; not zero.
        bgr: The model takes BGR instead of RGB.
    """

    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    bgr: bool = False


class PixelDoor:
    """Turns BGR images into a model's input tensor, in buffers that are used again for every frame."""

    def __init__(self, tensor: TensorInfo, geometry: Geometry, preprocessing: Preprocessing | None) -> None:
        self._hw = image_hw(tensor)
        self._geometry = geometry
        self._bgr = preprocessing is not None and preprocessing.bgr
        self._table = _table(tensor, preprocessing)
        self._fitted = np.empty((*self._hw, _CHANNELS), np.uint8)
        self._image = np.empty((*self._hw, _CHANNELS), np.uint8)
        self._tensor = np.empty(tensor.shape, tensor.dtype)
        self._planar = tensor.layout == "NCHW"

    def __call__(
        self, image_bgr: NDArray[np.uint8], out: NDArray[np.generic] | None = None
    ) -> tuple[NDArray[np.generic], Placement]:
        """Fit an image to the input and convert it.

        Args:
            image_bgr: ``(H, W, 3)`` uint8, BGR, any size.
            out: Where to write the input tensor; None for memory that the next such call overwrites.

        Returns:
            The input tensor, and where the image lies in it.
        """
        tensor = self._tensor if out is None else out
        place = placement((image_bgr.shape[0], image_bgr.shape[1]), self._hw, self._geometry)
        fitted = fit_image(image_bgr, self._hw, self._geometry, out=self._fitted)
        if self._table is None and not self._planar:
            # A table is left out for uint8 RGB alone, where the colours' order is all that is left to do.
            cv2.cvtColor(fitted, cv2.COLOR_BGR2RGB, dst=tensor[0])
            return tensor, place
        if not self._bgr:
            fitted = np.asarray(cv2.cvtColor(fitted, cv2.COLOR_BGR2RGB, dst=self._image), np.uint8)
        converted = fitted if self._table is None else cv2.LUT(fitted, self._table)
        tensor[0] = converted.transpose(2, 0, 1) if self._planar else converted
        return tensor, place


def _table(tensor: TensorInfo, preprocessing: Preprocessing | None) -> NDArray[_TableValue] | None:
    """Build the lookup table ``(1, 256, 3)`` from pixel values to tensor values; None where they are the same.

    Everything that happens to a pixel depends on its value and channel alone, so 768 entries computed once replace
    arithmetic on every frame.
    """
    wish = preprocessing or Preprocessing()
    if 0 in wish.std:
        raise UsageError(
            f"std is {wish.std}: a division by zero", hint="give three numbers above 0, such as --std 1,1,1"
        )
    if preprocessing is None and tensor.dtype == "uint8":
        return None
    levels = np.arange(_LEVELS, dtype=np.float64)[:, np.newaxis]
    real: NDArray[np.float64] = (levels * wish.scale - np.array(wish.mean)) / np.array(wish.std)
    if tensor.dtype in ("uint8", "int8"):
        limits = np.iinfo(tensor.dtype)
        stored = real if tensor.scale is None else np.rint(real / tensor.scale) + (tensor.zero_point or 0)
        return np.asarray(np.clip(np.rint(stored), limits.min, limits.max)[np.newaxis], limits.dtype)
    # OpenCV has no half floats in tables; the copy into the tensor narrows them.
    return np.asarray(real[np.newaxis], np.float32)
