"""A linear map from one feature map to another, exact at the borders.

Far from the border the map is the same everywhere: output pixel ``o`` gets ``kernel[t]`` of input pixel ``i`` with
``o = stride * i + t``. Near a border it may differ, since what a layer in between puts outside its own map is cut off
before the next layer could spread it back. Along each axis a map therefore has *relative* entries, one for each ``t``,
and *absolute* entries, one for each pair of output and input position that is corrected; the four combinations of both
axes are its interior, its strips along the borders and its corners.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export.fold.axis import Axis, Kind, axis_after, moves_of
from fcn_edge.export.fold.stamp import Pair, Stamp

Floats = NDArray[np.float64]
Kinds = tuple[Kind, Kind]

INTERIOR: Kinds = ("relative", "relative")
_KINDS: tuple[Kind, Kind] = ("relative", "absolute")


@dataclass(frozen=True, slots=True, eq=False)
class LinearMap:
    """From one feature map to another; see the module.

    Attributes:
        axes: Rows and columns.
        blocks: By kind of row and column entries: values ``(row entries, column entries, in, out)`` float64, or without
            the last axis where each channel goes to itself. The interior is always there.
    """

    axes: tuple[Axis, Axis]
    blocks: dict[Kinds, Floats]

    @property
    def size(self) -> Pair:
        """Rows and columns of the input."""
        return self.axes[0].size, self.axes[1].size

    @property
    def out_size(self) -> Pair:
        """Rows and columns of the output."""
        return self.axes[0].out_size, self.axes[1].out_size

    @property
    def stride(self) -> Pair:
        """Output pixels for each input pixel."""
        return self.axes[0].stride, self.axes[1].stride

    @property
    def keeps_channels(self) -> bool:
        """Whether each channel goes to itself."""
        return self.blocks[INTERIOR].ndim == 3  # noqa: PLR2004 - two axes and channels

    @property
    def is_identity(self) -> bool:
        """Whether the output is the input."""
        interior = self.blocks[INTERIOR]
        alone = len(self.blocks) == 1 and interior.shape[:2] == (1, 1) and self.keeps_channels
        still = alone and self.axes[0].relative[0] == 0 == self.axes[1].relative[0] and self.stride == (1, 1)
        return bool(still and self.size == self.out_size and np.all(interior == 1))

    def used_taps(self) -> int:
        """Count the relative positions of the interior that have any weight."""
        interior = self.blocks[INTERIOR]
        return int(np.count_nonzero(np.any(interior != 0, axis=tuple(range(2, interior.ndim)))))

    def dense(self, kinds: Kinds) -> Floats:
        """Give a block as ``(row entries, column entries, in, out)``."""
        return _dense(self.blocks[kinds]) if self.keeps_channels else self.blocks[kinds]


def unit(size: Pair, channels: int) -> LinearMap:
    """Give the map that changes nothing."""
    rows, columns = (Axis(n, n, 1, np.zeros(1, np.int64), np.zeros((0, 2), np.int64)) for n in size)
    return LinearMap((rows, columns), {INTERIOR: np.ones((1, 1, channels))})


def compose(after: LinearMap, stamp: Stamp, size: Pair, *, magnitudes: bool = False) -> LinearMap:
    """Put *stamp*, from a map of *size* to the input of *after*, before *after*; its output is cropped to that map.

    Args:
        after: Reads what *stamp* gives.
        stamp: What one layer does.
        size: Rows and columns of the layer's input.
        magnitudes: Add what has to be taken back, so that nothing cancels: to find out which entries there can be.
    """
    moves = [moves_of(after.axes[n], stamp, size[n], n) for n in (0, 1)]
    rows, columns = (axis_after(after.axes[n], stamp, size[n], n, moves[n]) for n in (0, 1))
    blocks: dict[Kinds, Floats] = {}
    for (tap_y, tap_x), weight in _taps(stamp).items():
        mixed = {kinds: _mix(values, weight, stamp) for kinds, values in after.blocks.items()}
        for row, column in itertools.product(moves[0][tap_y], moves[1][tap_x]):
            values = mixed.get((row.before, column.before))
            if values is None:
                continue
            kinds = (row.after, column.after)
            if kinds not in blocks:
                blocks[kinds] = np.zeros((len(rows.of(kinds[0])), len(columns.of(kinds[1])), *values.shape[2:]))
            where = np.ix_(rows.find(row.after, row.entries), columns.find(column.after, column.entries))
            blocks[kinds][where] += values[np.ix_(row.numbers, column.numbers)] * (
                1.0 if magnitudes else row.sign * column.sign
            )
    if INTERIOR not in blocks:
        sample = next(iter(mixed.values()))
        blocks[INTERIOR] = np.zeros((len(rows.relative), len(columns.relative), *sample.shape[2:]))
    return _trimmed(LinearMap((rows, columns), blocks))


def add(first: LinearMap, second: LinearMap) -> LinearMap:
    """Add two maps between the same two feature maps, of the same stride."""
    rows, columns = (_united(a, b) for a, b in zip(first.axes, second.axes, strict=True))
    blocks: dict[Kinds, Floats] = {}
    same = first.keeps_channels == second.keeps_channels
    for part in (first, second):
        for kinds in part.blocks:
            values = part.blocks[kinds] if same else part.dense(kinds)
            shape = (len(rows.of(kinds[0])), len(columns.of(kinds[1])), *values.shape[2:])
            target = blocks.setdefault(kinds, np.zeros(shape))
            at_rows = rows.find(kinds[0], part.axes[0].of(kinds[0]))
            target[np.ix_(at_rows, columns.find(kinds[1], part.axes[1].of(kinds[1])))] += values
    return _trimmed(LinearMap((rows, columns), blocks))


def response_to_constant(linear: LinearMap, values: Floats) -> Floats:
    """Apply a map to one that has *values* ``(in,)`` in every pixel; gives ``(rows, columns, out)``."""
    parts = []
    for kinds, block in linear.blocks.items():
        mixed = block * values if linear.keeps_channels else np.einsum("yxio,i->yxo", block, values)
        rows, columns = (linear.axes[n].incidence(kinds[n]) for n in (0, 1))
        parts.append(np.einsum("py,yxo,qx->pqo", rows, mixed, columns, optimize=True))
    return np.sum(parts, axis=0)  # type: ignore[no-any-return] # NumPy's own type is wider


def _united(first: Axis, second: Axis) -> Axis:
    relative = np.union1d(first.relative, second.relative)
    absolute = np.unique(np.concatenate([first.absolute, second.absolute]), axis=0)
    return Axis(first.size, first.out_size, first.stride, relative, absolute)


def _taps(stamp: Stamp) -> dict[Pair, Floats]:
    """List the channel weights of each tap that has any, border weights behind those of the kernel."""
    rows, columns = stamp.kernel.shape[:2]
    taps = {(y, x): stamp.kernel[y, x] for y in range(rows) for x in range(columns)}
    one = np.ones(stamp.kernel.shape[2]) if stamp.keeps_channels else np.eye(1)
    taps |= {(rows + number, 0): one * weight for number, (_, _, weight) in enumerate(stamp.borders[0])}
    taps |= {(0, columns + number): one * weight for number, (_, _, weight) in enumerate(stamp.borders[1])}
    used = {at: weight for at, weight in taps.items() if np.any(weight)}
    return used or {(0, 0): stamp.kernel[0, 0]}


def _mix(values: Floats, weight: Floats, stamp: Stamp) -> Floats:
    """Put the channel weights of one tap before a block of values."""
    kept = values.ndim == 3  # noqa: PLR2004 - see LinearMap
    if stamp.keeps_channels:
        if kept and values.shape[2] == len(weight):
            return values * weight
        full = _dense(values) if kept else values
        return full[:, :, stamp.first_channel : stamp.first_channel + len(weight)] * weight[:, None]
    if kept:
        return values[:, :, None, :] * weight
    return np.asarray(np.einsum("io,yxok->yxik", weight, values, optimize=True))


def _dense(values: Floats) -> Floats:
    return np.asarray(values[..., None] * np.eye(values.shape[2]))


def _trimmed(linear: LinearMap) -> LinearMap:
    """Drop what is zero throughout."""
    blocks = {kinds: values for kinds, values in linear.blocks.items() if np.any(values) or kinds == INTERIOR}
    keep: list[dict[Kind, NDArray[np.int64]]] = []
    axes = []
    for number, axis in enumerate(linear.axes):
        kept = {kind: _touched(blocks, axis, number, kind) for kind in _KINDS}
        keep.append(kept)
        relative, absolute = axis.relative[kept["relative"]], axis.absolute[kept["absolute"]]
        axes.append(Axis(axis.size, axis.out_size, axis.stride, relative, absolute))
    blocks = {kinds: values[np.ix_(keep[0][kinds[0]], keep[1][kinds[1]])] for kinds, values in blocks.items()}
    return LinearMap((axes[0], axes[1]), blocks)


def _touched(blocks: dict[Kinds, Floats], axis: Axis, number: int, kind: Kind) -> NDArray[np.int64]:
    touched = np.zeros(len(axis.of(kind)), bool)
    for kinds, values in blocks.items():
        if kinds[number] == kind:
            touched |= np.any(values != 0, axis=tuple(n for n in range(values.ndim) if n != number))
    if kind == "relative" and not touched.any():
        # A kernel has at least one tap, be it zero.
        touched[:1] = True
    return np.flatnonzero(touched)
