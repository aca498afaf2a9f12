"""One axis of a linear map: its entries, and where a layer before the map moves them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export.fold.stamp import Stamp

Ints = NDArray[np.int64]
Kind = Literal["relative", "absolute"]


@dataclass(frozen=True, slots=True)
class Axis:
    """The entries of a map along one axis.

    Attributes:
        size: Input positions.
        out_size: Output positions.
        stride: Output positions for each input position.
        relative: ``t`` of each relative entry, ``(n,)`` rising.
        absolute: Output and input position of each absolute entry, ``(n, 2)``.
    """

    size: int
    out_size: int
    stride: int
    relative: Ints
    absolute: Ints

    def of(self, kind: Kind) -> Ints:
        """Give the entries of one kind."""
        return self.relative if kind == "relative" else self.absolute

    def find(self, kind: Kind, entries: Ints) -> Ints:
        """Give the numbers of *entries*, all of which there are."""
        if kind == "relative":
            return np.asarray(np.searchsorted(self.relative, entries))
        # One number for each pair keeps their order.
        base = max(self.size, 1)
        return np.asarray(np.searchsorted(self.absolute @ np.array([base, 1]), entries @ np.array([base, 1])))

    def incidence(self, kind: Kind) -> NDArray[np.float64]:
        """Tell which output positions each entry reaches: ``(out_size, entries)`` of 0 and 1."""
        outputs = np.arange(self.out_size)
        if kind == "absolute":
            return np.asarray(outputs[:, None] == self.absolute[:, 0], np.float64)
        offset = outputs[:, None] - self.relative
        pixel = offset // self.stride
        reached = (offset % self.stride == 0) & (pixel >= 0) & (pixel < self.size)
        return np.asarray(reached, np.float64)


@dataclass(frozen=True, slots=True)
class Move:
    """Where entries of one kind go through one tap of a layer.

    Attributes:
        before: Their kind in the map.
        after: Their kind in the map with the layer before it.
        numbers: Which entries of the map.
        entries: What they become.
        sign: -1 where what a layer puts outside its own map is taken back.
    """

    before: Kind
    after: Kind
    numbers: Ints
    entries: Ints
    sign: float = 1.0


def moves_of(axis: Axis, stamp: Stamp, size: int, number: int) -> dict[int, list[Move]]:
    """List the moves along one axis, by tap; border weights count as taps behind those of the kernel.

    Args:
        axis: Of the map.
        stamp: The layer before it.
        size: Of the layer's input.
        number: Which axis it is.
    """
    found: dict[int, list[Move]] = {}
    taps = stamp.kernel.shape[number]
    for tap in range(taps):
        shift = tap + stamp.start[number]
        found[tap] = [
            *_inside(axis, shift, stamp.stride[number], size),
            *_lost(axis, shift, stamp.stride[number], size),
        ]
    for count, (middle, pixel, _) in enumerate(stamp.borders[number]):
        found[taps + count] = _border(axis, middle, pixel)
    return {tap: [move for move in moves if len(move.numbers)] for tap, moves in found.items()}


def _inside(axis: Axis, shift: int, step: int, size: int) -> list[Move]:
    """Move what lands on the layer's map."""
    moved, stride = axis.relative + axis.stride * shift, axis.stride * step
    # The first input position whose output is not before the map; unused entries would only widen kernels.
    first = np.maximum(0, -(moved // stride))
    used = np.flatnonzero((first < size) & (first * stride + moved < axis.out_size))
    back = axis.absolute[:, 1] - shift
    fits = np.flatnonzero((back % step == 0) & (back >= 0) & (back // step < size))
    pairs = np.stack([axis.absolute[fits, 0], back[fits] // step], axis=1)
    return [Move("relative", "relative", used, moved[used]), Move("absolute", "absolute", fits, pairs)]


def _lost(axis: Axis, shift: int, step: int, size: int) -> list[Move]:
    """Take back what lands outside the layer's map and would reach the output from there."""
    pixels = np.arange(size)
    landed = step * pixels + shift
    moves = []
    for pixel in pixels[(landed < 0) | (landed >= axis.size)]:
        at = axis.stride * (step * pixel + shift) + axis.relative
        seen = np.flatnonzero((at >= 0) & (at < axis.out_size))
        moves.append(Move("relative", "absolute", seen, _pairs(at[seen], pixel), -1.0))
    return moves


def _border(axis: Axis, middle: int, pixel: int) -> list[Move]:
    """Add a weight from input *pixel* to position *middle* of the layer's map."""
    at = axis.stride * middle + axis.relative
    seen = np.flatnonzero((at >= 0) & (at < axis.out_size))
    same = np.flatnonzero(axis.absolute[:, 1] == middle)
    return [
        Move("relative", "absolute", seen, _pairs(at[seen], pixel)),
        Move("absolute", "absolute", same, _pairs(axis.absolute[same, 0], pixel)),
    ]


def axis_after(axis: Axis, stamp: Stamp, size: int, number: int, moves: dict[int, list[Move]]) -> Axis:
    """Collect the entries that *moves* lead to."""
    every = list(itertools.chain.from_iterable(moves.values()))
    relative = [move.entries for move in every if move.after == "relative"]
    absolute = [move.entries for move in every if move.after == "absolute"]
    return Axis(
        size,
        axis.out_size,
        axis.stride * stamp.stride[number],
        np.unique(np.concatenate(relative)) if relative else np.zeros(1, np.int64),
        np.unique(np.concatenate(absolute), axis=0) if absolute else np.zeros((0, 2), np.int64),
    )


def _pairs(outputs: Ints, pixel: int) -> Ints:
    return np.stack([outputs, np.full_like(outputs, pixel)], axis=1)
