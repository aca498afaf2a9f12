"""A runtime without a model: any function of the pixels, for tests of what stands on top of a backend."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fcn_edge.runtime.backend import BackendInfo, TensorInfo, check_out


class FakeBackend:
    """Answers with a function.

    Args:
        function: From the input, ``(1, H, W, 3)`` uint8 RGB, to scores, ``(1, H, W, K)`` float32.
        size_hw: Height and width of the input and the scores.
        channels: K.

    Attributes:
        closed: Whether :meth:`close` was called.
    """

    def __init__(
        self, function: Callable[[NDArray[np.generic]], NDArray[np.generic]], size_hw: tuple[int, int], channels: int
    ) -> None:
        self._function = function
        source = TensorInfo("image", (1, *size_hw, 3), "uint8", None, None, "NHWC", "RGB")
        result = TensorInfo("scores", (1, *size_hw, channels), "float32", None, None, "NHWC", None)
        self._info = BackendInfo("fake", "0", "cpu", 1, source, result)
        self.closed = False

    @property
    def info(self) -> BackendInfo:
        """What goes in and what comes out."""
        return self._info

    def infer(self, pixels: NDArray[np.generic], *, out: NDArray[np.generic] | None = None) -> NDArray[np.generic]:
        """Call the function."""
        result = self._function(pixels)
        if out is None:
            return result
        check_out(out, self._info.output)
        np.copyto(out, result)
        return out

    def close(self) -> None:
        """Note that it was called."""
        self.closed = True
