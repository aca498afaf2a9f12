"""Operations that Keras has no layer for. Importing this imports Keras and TensorFlow."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf  # noqa: TID251 - imported only through fcn_edge.optional
from numpy.typing import NDArray

# Symbolic and real tensors are Any here, as in fcn_edge.export.graph.


class DepthToSpace(keras.Operation):  # type: ignore[misc] # Keras has no types
    """``(N, H, W, b² · C)`` to ``(N, H · b, W · b, C)``, as ``tf.nn.depth_to_space``."""

    def __init__(self, block: int, *, name: str) -> None:
        super().__init__(name=name)
        self._block = block

    def call(self, tensor: Any) -> Any:  # noqa: ANN401
        """Unpack."""
        return tf.nn.depth_to_space(tensor, self._block)

    def compute_output_spec(self, tensor: Any) -> Any:  # noqa: ANN401
        """Give shape and dtype."""
        count, rows, columns, channels = tensor.shape
        block = self._block
        return keras.KerasTensor((count, rows * block, columns * block, channels // block**2), dtype=tensor.dtype)


class Shift(keras.Operation):  # type: ignore[misc] # Keras has no types
    """Adds *values*, ``(C,)`` or ``(H, W, C)``, which are a constant of the graph, not a weight to train."""

    def __init__(self, values: NDArray[np.float64], *, name: str) -> None:
        super().__init__(name=name)
        self._values = values

    def call(self, tensor: Any) -> Any:  # noqa: ANN401
        """Add."""
        return tensor + tf.constant(self._values, tensor.dtype)

    def compute_output_spec(self, tensor: Any) -> Any:  # noqa: ANN401
        """Give shape and dtype."""
        return keras.KerasTensor(tensor.shape, dtype=tensor.dtype)
