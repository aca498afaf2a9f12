"""What the pipeline needs of others: something that segments, and something that draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import ClassSpec
from fcn_edge.geometry import Placement
from fcn_edge.live.result import Result
from fcn_edge.runtime.backend import TensorInfo


class SegmenterLike(Protocol):
    """The part of :class:`fcn_edge.runtime.segmenter.Segmenter` that runs for every frame."""

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """All classes in id order."""
        ...

    @property
    def tensors(self) -> tuple[TensorInfo, TensorInfo]:
        """The model's input and output."""
        ...

    def preprocess(
        self, image_bgr: NDArray[np.uint8], *, out: NDArray[np.generic] | None = None
    ) -> tuple[NDArray[np.generic], Placement]:
        """Fit an image to the model's input."""
        ...

    def infer(self, pixels: NDArray[np.generic], *, out: NDArray[np.generic] | None = None) -> NDArray[np.generic]:
        """Run the model."""
        ...

    def postprocess(
        self, raw: NDArray[np.generic], place: Placement, *, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Turn raw output into class ids at the image's size."""
        ...


Painter = Callable[[Result, NDArray[np.uint8]], NDArray[np.uint8]]
"""Draws a result into the array given, ``(H, W, 3)`` uint8 BGR, and returns it."""
