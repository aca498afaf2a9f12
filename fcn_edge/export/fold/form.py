"""The ways to compute one term of a sum, and what each costs.

Costs are in multiply-adds of a convolution; what only moves memory is weighed against them. The weights were set by
hand after timings in LiteRT and ONNX Runtime on x86-64; they need to rank forms, not to predict milliseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from fcn_edge.export.fold.linear_map import LinearMap

ConstantKind = Literal["none", "bias", "map"]
FormKind = Literal["identity", "depthwise", "convolution", "gathered", "transposed"]

# Kernels compute this many output channels at a time, needed or not.
CHANNEL_TILE = 8
# Of one element read, added and written; of one moved by depth-to-space or padding.
ADD_COST = 6.0
MOVE_COST = 8.0
# Of one operation, however small.
CALL_COST = 30_000.0
# Of one element of a constant map: it is read and added, and lies in the file.
CONSTANT_COST = 60.0
# A transposed convolution gathers its input through an indirection for each phase: 1 in LiteRT's int8, 3.7 in its
# float, 1.3 in ONNX Runtime.
TRANSPOSED_FACTOR = 2.0
# A depthwise convolution reads and writes for every multiply-add.
DEPTHWISE_FACTOR = 3.0


@dataclass(frozen=True, slots=True)
class Form:
    """How one term is computed.

    Attributes:
        kind: ``identity``: added as it is. ``depthwise``: each channel by itself, at full resolution.
            ``convolution``: to ``level ** 2 * K`` channels, then depth to space. ``transposed``: the same by a
            transposed convolution. ``gathered``: a 1x1 convolution to one channel for each weight of the kernel, and
            one with ones that gathers them, for so few channels that a convolution to them would be mostly idle.
        level: Output pixels along a side of what the term gives, 1 for full resolution.
        origin: Rows and columns of the term's result that lie before the map and are cut off: a kernel that starts
            inside a square of *level* pixels needs fewer taps when the squares start with it.
        stride: Of the transposed convolution (rows, columns).
        kernel: Its rows and columns.
        macs: Multiply-adds.
        cost: See the module.
    """

    kind: FormKind
    level: int
    origin: tuple[int, int]
    stride: tuple[int, int]
    kernel: tuple[int, int]
    macs: int
    cost: float


def forms_of(linear: LinearMap, channels: tuple[int, int]) -> list[Form]:
    """List the forms that compute the interior of a map, with *channels* in and out."""
    if linear.is_identity and channels[0] == channels[1]:
        return [Form("identity", 1, (0, 0), (1, 1), (1, 1), 0, 0.0)]
    if linear.keeps_channels and channels[0] == channels[1] and linear.stride == (1, 1):
        kernel = (taps_of(linear, 0, 1, 0), taps_of(linear, 1, 1, 0))
        macs = math.prod(linear.out_size) * math.prod(kernel) * channels[0]
        return [Form("depthwise", 1, (0, 0), (1, 1), kernel, macs, macs * DEPTHWISE_FACTOR + CALL_COST)]
    common = math.gcd(*linear.stride)
    found = []
    for level in (n for n in range(1, common + 1) if common % n == 0):
        stride = (linear.stride[0] // level, linear.stride[1] // level)
        # Squares that start where the kernel starts, or where the map does.
        begin = [int(-axis.relative[0]) % level for axis in linear.axes]
        origins = {(0, 0), (begin[0], begin[1])} if stride == (1, 1) else {(0, 0)}
        found += [_form(linear, channels, level, origin, stride) for origin in sorted(origins)]
        if stride == (1, 1) and level**2 * channels[1] < CHANNEL_TILE:
            found += [form for origin in sorted(origins) if (form := _gathered(linear, channels, level, origin))]
    return found


def _form(
    linear: LinearMap, channels: tuple[int, int], level: int, origin: tuple[int, int], stride: tuple[int, int]
) -> Form:
    kernel = (taps_of(linear, 0, level, origin[0]), taps_of(linear, 1, level, origin[1]))
    plain = stride == (1, 1)
    pixels = math.prod(cells_of(linear.out_size, level, origin) if plain else linear.size)
    per_channel = pixels * math.prod(kernel) * channels[0]
    out = level * level * channels[1]
    cost = per_channel * _tiled(out) * (1.0 if plain else TRANSPOSED_FACTOR)
    cost += math.prod(linear.size) * channels[0] + CALL_COST
    if any(origin):
        # It is unpacked and cut on its own, and then added.
        cost += 2 * (MOVE_COST * math.prod(linear.out_size) * channels[1] + CALL_COST)
    return Form("convolution" if plain else "transposed", level, origin, stride, kernel, per_channel * out, cost)


def _gathered(linear: LinearMap, channels: tuple[int, int], level: int, origin: tuple[int, int]) -> Form | None:
    kernel = (taps_of(linear, 0, level, origin[0]), taps_of(linear, 1, level, origin[1]))
    weights = linear.used_taps() * channels[1]
    if math.prod(kernel) == 1:
        return None
    single, out = math.prod(linear.size) * channels[0], level * level * channels[1]
    gathering = math.prod(cells_of(linear.out_size, level, origin)) * math.prod(kernel) * weights
    cost = single * _tiled(weights) + gathering * _tiled(out) + single + 2 * CALL_COST
    if any(origin):
        cost += 2 * (MOVE_COST * math.prod(linear.out_size) * channels[1] + CALL_COST)
    return Form("gathered", level, origin, (1, 1), kernel, single * weights + gathering * out, cost)


def cells_of(size: tuple[int, int], level: int, origin: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """Give the rows and columns of squares of *level* pixels that cover a map of *size*, *origin* pixels before it."""
    return -(-(size[0] + origin[0]) // level), -(-(size[1] + origin[1]) // level)


def sum_cost(forms: list[Form], size: tuple[int, int], channels: int, constant: ConstantKind) -> float:
    """Weigh adding up terms, coarse to fine, and a constant."""
    elements = math.prod(size) * channels
    levels = {form.level for form in forms if not any(form.origin)}
    moves = len(levels | {1}) - 1
    shift = CONSTANT_COST * elements + CALL_COST if constant == "map" else 0.0
    return (len(forms) - 1) * (ADD_COST * elements + CALL_COST) + moves * (MOVE_COST * elements + CALL_COST) + shift


def taps_of(linear: LinearMap, axis: int, level: int, origin: int) -> int:
    """Count the squares of *level* pixels that the kernel touches along an axis."""
    reach = linear.axes[axis].relative + origin
    return int(reach[-1] // level - reach[0] // level + 1)


def _tiled(channels: int) -> int:
    return -(-channels // CHANNEL_TILE) * CHANNEL_TILE
