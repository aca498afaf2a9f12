"""Bilinear interpolation as the kernel of a transposed convolution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def bilinear_kernel(stride: int, channels: int) -> NDArray[np.float32]:
    """Make the kernel with which a transposed convolution interpolates bilinearly, each channel by itself.

    With ``padding="same"`` a source pixel ``i`` then lies at ``(i + 0.5) * stride - 0.5``, as in resizing by pixel
    centres. Near the border, within ``stride / 2``, there is one neighbour only and the result falls off towards zero.

    Args:
        stride: Upsampling factor; the kernel has ``2 * stride`` rows and columns.
        channels: Number of channels in and out.

    Returns:
        ``(2 * stride, 2 * stride, channels, channels)`` float32, in Keras's order (rows, columns, out, in).
    """
    centre = stride - 0.5
    ramp = 1 - np.abs(np.arange(2 * stride) - centre) / stride
    return np.asarray(np.einsum("y,x,oi->yxoi", ramp, ramp, np.eye(channels)), np.float32)
