"""What one linear layer does, in one form for all of them: each input pixel stamps a kernel onto the output.

A transposed convolution is this by definition; a convolution is it with its kernel turned by 180 degrees and stride 1;
nearest and bilinear upsampling, batch normalisation, crops, padding, sums and concatenations are it with kernels that
keep channels apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pair = tuple[int, int]
# An output position that the border treats in its own way: (output, input, weight added) along one axis.
BorderWeight = tuple[int, int, float]


@dataclass(frozen=True, slots=True, eq=False)
class Stamp:
    """``v[stride * m + j + start] += kernel[j].T @ u[m]`` for each pixel ``m`` of the input and each tap ``j``.

    Attributes:
        kernel: ``(rows, columns, in, out)`` float64, or ``(rows, columns, channels)`` where each channel goes to one.
        stride: Upsampling factor (rows, columns).
        start: Where the first tap of pixel 0 falls on the output; negative where the output is cropped.
        first_channel: Output channel that input channel 0 goes to, for a kernel that keeps channels apart.
        borders: For rows and columns: weights to add near the border, the same for all channels; the kernel has one tap
            along the other axis.
    """

    kernel: NDArray[np.float64]
    stride: Pair = (1, 1)
    start: Pair = (0, 0)
    first_channel: int = 0
    borders: tuple[tuple[BorderWeight, ...], tuple[BorderWeight, ...]] = ((), ())

    @property
    def keeps_channels(self) -> bool:
        """Whether each input channel goes to one output channel."""
        return self.kernel.ndim == 3  # noqa: PLR2004 - rows, columns, channels

    @property
    def is_identity(self) -> bool:
        """Whether it passes its input on."""
        still = self.stride == (1, 1) and self.start == (0, 0) and self.first_channel == 0
        return still and self.keeps_channels and self.kernel.shape[:2] == (1, 1) and bool(np.all(self.kernel == 1))

    def support(self) -> Stamp:
        """Give the same with one channel: 1 where any weight differs from zero.

        Where channels are kept apart but scaled, the weights are 2, so that what changes nothing can be told from it.
        """
        axes = tuple(range(2, self.kernel.ndim))
        touched = np.any(self.kernel != 0, axis=axes).astype(np.float64)[..., None]
        if self.keeps_channels and not np.all(self.kernel == 1):
            touched *= 2
        borders = tuple(tuple((o, m, abs(w)) for o, m, w in axis) for axis in self.borders)
        return Stamp(
            touched if self.keeps_channels else touched[..., None], self.stride, self.start, 0, (borders[0], borders[1])
        )


def identity(channels: int, *, start: Pair = (0, 0), first_channel: int = 0) -> Stamp:
    """Move a map, or put its channels among others."""
    return Stamp(np.ones((1, 1, channels)), start=start, first_channel=first_channel)


def convolution(kernel: NDArray[np.float64], padding: Pair, dilation: Pair = (1, 1)) -> Stamp:
    """A convolution of stride 1.

    Args:
        kernel: ``(rows, columns, in, out)``, or ``(rows, columns, channels)`` of a depthwise one.
        padding: Zeros before the first row and column.
        dilation: Distance of neighbouring taps.
    """
    rows, columns = ((n - 1) * d + 1 for n, d in zip(kernel.shape[:2], dilation, strict=True))
    spread = np.zeros((rows, columns, *kernel.shape[2:]))
    spread[:: dilation[0], :: dilation[1]] = kernel
    return Stamp(spread[::-1, ::-1], start=(padding[0] - rows + 1, padding[1] - columns + 1))


def nearest(factor: Pair, channels: int) -> Stamp:
    """Repeat each pixel *factor* times."""
    return Stamp(np.ones((*factor, channels)), stride=factor)


def bilinear(factor: int, axis: int, size: int, channels: int) -> Stamp:
    """Interpolate linearly along one *axis* of *size* pixels, by pixel centres; the border pixel continues outwards."""
    reach = np.arange(-factor, 2 * factor)
    weights = 1 - np.abs((reach + 0.5) / factor - 0.5)
    inside = weights > 0
    ramp, start = weights[inside], int(reach[inside][0])
    centres = (np.arange(factor * size) + 0.5) / factor - 0.5
    borders = [(o, 0, float(-c)) for o, c in enumerate(centres) if c < 0]
    borders += [(o, size - 1, float(c - size + 1)) for o, c in enumerate(centres) if c > size - 1]
    shape = (len(ramp), 1) if axis == 0 else (1, len(ramp))
    kernel = np.repeat(ramp.reshape(*shape, 1), channels, axis=2)
    along = (factor, 1) if axis == 0 else (1, factor)
    begin = (start, 0) if axis == 0 else (0, start)
    return Stamp(kernel, along, begin, 0, (tuple(borders), ()) if axis == 0 else ((), tuple(borders)))
