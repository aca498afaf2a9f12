"""Bilinear interpolation as the kernel of a transposed convolution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def bilinear_kernel(stride: int, channels: int) -> NDArray[np.float32]:
    """Make the kernel with which a transposed convolution interpolates bilinearly, each channel by itself.

    With ``padding="same"`` a source pixel ``i`` then lies at ``(i + 0.5) * stride - 0.5``, as in resizing by pixel
    centres. Near the border, within ``stride / 2``, there is one neighbour only and the result falls off towards zero.

    Args:
        stride: Upsampling factor.
        channels: Number of channels in and out.

    Returns:
        ``(size, size, channels, channels)`` float32, in Keras's order (rows, columns, out, in); *size* is
        ``2 * stride``, one less for an odd stride so that the middle falls on a pixel.
    """
    size = 2 * stride - stride % 2
    ramp = 1 - np.abs(np.arange(size) - (size - 1) / 2) / stride
    return np.asarray(np.einsum("y,x,oi->yxoi", ramp, ramp, np.eye(channels)), np.float32)
