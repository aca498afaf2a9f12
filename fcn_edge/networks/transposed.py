"""The transposed convolution in plain NumPy: what every runtime is held to.

It is computed by zero insertion: put ``stride - 1`` zeros between neighbouring pixels, pad, and convolve with the
kernel turned by 180 degrees (Dumoulin and Visin, "A guide to convolution arithmetic for deep learning",
arXiv:1603.07285, chapter 4). Clear rather than quick. ``models/TRANSPOSED_CONVOLUTION.md`` explains it with numbers.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fcn_edge.errors import UsageError

Padding = Literal["same", "valid"]


def transposed_convolution(
    images: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: tuple[int, int] = (1, 1),
    padding: Padding = "valid",
) -> NDArray[np.float64]:
    """Convolve transposed, with the output sizes and crops of Keras and TensorFlow.

    Args:
        images: ``(N, H, W, C_in)``.
        kernel: ``(rows, columns, C_out, C_in)``, the order of Keras's ``Conv2DTranspose``.
        bias: ``(C_out,)``; none by default.
        strides: Upsampling factors along height and width.
        padding: ``valid`` keeps every value a kernel reaches; ``same`` gives ``stride`` times the input's size.

    Returns:
        ``(N, H', W', C_out)`` float64, where ``H'`` and ``W'`` are as in :func:`output_size`.

    Raises:
        UsageError: The shapes do not fit, or stride or padding are not as above.
    """
    images, kernel = np.asarray(images, np.float64), np.asarray(kernel, np.float64)
    if images.ndim != 4 or kernel.ndim != 4 or images.shape[3] != kernel.shape[3]:  # noqa: PLR2004 - NHWC
        raise UsageError(
            f"images {images.shape} and kernel {kernel.shape} do not fit",
            hint="pass (N, H, W, C_in) and (rows, columns, C_out, C_in)",
        )
    count, height, width, channels = images.shape
    rows, columns = kernel.shape[:2]
    out_h = output_size(height, rows, strides[0], padding)
    out_w = output_size(width, columns, strides[1], padding)
    spread = np.zeros((count, height * strides[0], width * strides[1], channels))
    spread[:, :: strides[0], :: strides[1]] = images
    # What "same" removes before the first output; an odd rest is removed behind the last.
    top, left = (
        max(size - stride, 0) // 2 if padding == "same" else 0
        for size, stride in zip((rows, columns), strides, strict=True)
    )
    before_h, before_w = rows - 1 - top, columns - 1 - left
    # Every output needs a whole window, so the end is filled up to it.
    after_h, after_w = (
        out + size - 1 - before - there
        for out, size, before, there in (
            (out_h, rows, before_h, spread.shape[1]),
            (out_w, columns, before_w, spread.shape[2]),
        )
    )
    padded = np.pad(spread, ((0, 0), (before_h, after_h), (before_w, after_w), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), axis=(1, 2))
    turned = kernel[::-1, ::-1]
    result: NDArray[np.float64] = np.einsum("nyxirc,rcoi->nyxo", windows, turned, optimize=True)
    return result if bias is None else result + np.asarray(bias, np.float64)


def output_size(size: int, kernel: int, stride: int, padding: Padding) -> int:
    """Give the output's length along one axis.

    ``same``: ``size * stride``. ``valid``: ``size * stride + max(kernel - stride, 0)``, which for a kernel no smaller
    than the stride is ``(size - 1) * stride + kernel``.

    Raises:
        UsageError: A number is not positive, or *padding* is neither ``same`` nor ``valid``.
    """
    if padding not in ("same", "valid"):
        raise UsageError(f"padding {padding!r} is unknown", hint="use same or valid")
    if min(size, kernel, stride) < 1:
        raise UsageError(
            f"size {size}, kernel {kernel} and stride {stride}: expected positive numbers", hint="use 1 or more"
        )
    return size * stride + (max(kernel - stride, 0) if padding == "valid" else 0)
