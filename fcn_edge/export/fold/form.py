"""The ways to compute one term of a sum, and what each costs.

Costs are in multiply-adds of a convolution; what only moves memory is weighed against them. The weights were fitted to
LiteRT and ONNX Runtime on x86-64 and need to rank forms, not to predict milliseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from fcn_edge.export.fold.linear_map import LinearMap

FormKind = Literal["identity", "convolution", "transposed"]

# Kernels compute this many output channels at a time, needed or not.
CHANNEL_TILE = 8
# Of one element read, added and written; of one moved by depth-to-space or padding.
ADD_COST = 6.0
MOVE_COST = 8.0
# Of one operation, however small.
CALL_COST = 30_000.0
# A transposed convolution gathers its input through an indirection for each phase.
TRANSPOSED_FACTOR = 1.25


@dataclass(frozen=True, slots=True)
class Form:
    """How one term is computed.

    Attributes:
        kind: ``identity``: added as it is. ``convolution``: a convolution to ``level ** 2 * K`` channels, then depth to
            space. ``transposed``: a transposed convolution to ``level ** 2 * K`` channels, then depth to space.
        level: Output pixels along a side of what the term gives, 1 for full resolution.
        stride: Of the transposed convolution (rows, columns).
        kernel: Its rows and columns.
        macs: Multiply-adds.
        cost: See the module.
    """

    kind: FormKind
    level: int
    stride: tuple[int, int]
    kernel: tuple[int, int]
    macs: int
    cost: float


def forms_of(linear: LinearMap, channels: tuple[int, int]) -> list[Form]:
    """List the forms that compute the interior of a map, with *channels* in and out."""
    if linear.is_identity and channels[0] == channels[1] and linear.keeps_channels:
        return [Form("identity", 1, (1, 1), (1, 1), 0, 0.0)]
    common = math.gcd(*linear.stride)
    found = []
    for level in (n for n in range(1, common + 1) if common % n == 0):
        stride = (linear.stride[0] // level, linear.stride[1] // level)
        kernel = (_taps(linear, 0, level), _taps(linear, 1, level))
        cells = cells_of(linear.out_size, level)
        plain = stride == (1, 1)
        pixels = math.prod(cells if plain else linear.size)
        per_channel = pixels * math.prod(kernel) * channels[0]
        out = level * level * channels[1]
        factor = 1.0 if plain else TRANSPOSED_FACTOR
        cost = per_channel * _tiled(out) * factor + math.prod(linear.size) * channels[0] + CALL_COST
        found.append(Form("convolution" if plain else "transposed", level, stride, kernel, per_channel * out, cost))
    return found


def cells_of(size: tuple[int, int], level: int) -> tuple[int, int]:
    """Give the rows and columns of squares of *level* pixels that cover a map of *size*."""
    return -(-size[0] // level), -(-size[1] // level)


def sum_cost(forms: list[Form], size: tuple[int, int], channels: int, *, constant: bool) -> float:
    """Weigh adding up terms, coarse to fine."""
    elements = math.prod(size) * channels
    levels = {form.level for form in forms}
    additions = len(forms) - 1 + constant
    moves = len(levels | {1}) - 1
    return additions * (ADD_COST * elements + CALL_COST) + moves * (MOVE_COST * elements + CALL_COST)


def _taps(linear: LinearMap, axis: int, level: int) -> int:
    reach = linear.axes[axis].relative
    return int(reach[-1] // level - reach[0] // level + 1)


def _tiled(channels: int) -> int:
    return -(-channels // CHANNEL_TILE) * CHANNEL_TILE
