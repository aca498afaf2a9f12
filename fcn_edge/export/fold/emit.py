"""Building the operations of a plan."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export.fold.form import Form, cells_of
from fcn_edge.export.fold.linear_map import INTERIOR, LinearMap
from fcn_edge.export.fold.operations import add_up, convolve, depth_to_space, depthwise, fit, shift, stamp
from fcn_edge.export.fold.region import Value
from fcn_edge.export.fold.segment import Segment
from fcn_edge.export.fold.strip import emit_strips
from fcn_edge.export.graph import Tensor

Floats = NDArray[np.float64]
# Of the largest shift: float64 sums in another order.
_SAME = 1e-13


class Emitter:
    """Builds one sum of terms.

    Args:
        segment: What is to be computed.
        forms: How each term is.
        name: Makes names that the graph does not have yet.
    """

    def __init__(self, segment: Segment, forms: dict[Value, Form], name: Callable[[str], str]) -> None:
        self._segment = segment
        self._forms = forms
        self._name = name
        self._target = segment.target
        # Terms whose squares start elsewhere cannot share the way from coarse to fine.
        shared = {form.level for form in forms.values() if not any(form.origin)}
        self._levels = sorted(shared | {1}, reverse=True)
        self._constant = segment.constant
        self.constant_kind = "none"

    def emit(self, inputs: dict[Value, Tensor]) -> Tensor:
        """Build the operations from symbolic tensors of the terms' maps; gives the target's."""
        sums: dict[int, list[Tensor]] = {level: [] for level in self._levels}
        # The finest first: a shift that is the same everywhere goes into the cheapest convolution.
        for source, form in sorted(self._forms.items(), key=lambda item: item[1].level):
            term = self._term(source, form, inputs[source])
            if any(form.origin):
                sums[1].append(self._unpacked(term, form))
            else:
                sums[form.level].append(term)
        for source, linear in self._segment.maps.items():
            prefix = f"{self._target.name}_from_{source.name}"
            sums[1] += emit_strips(inputs[source], linear, functools.partial(self._prefixed, prefix))
        for level in self._levels:
            total = sums[level][0]
            for number, term in enumerate(sums[level][1:]):
                total = add_up([total, term], self._name(f"{self._target.name}_sum{level}_{number + 1}"))
            if level == 1:
                return self._shifted(total)
            following = self._next(level)
            sums[following].insert(0, self._finer(total, level, following))
        raise AssertionError("level 1 is always there")

    def _prefixed(self, prefix: str, name: str) -> str:
        return self._name(f"{prefix}_{name}")

    def _next(self, level: int) -> int:
        return next(n for n in self._levels if n < level and level % n == 0)

    def _finer(self, tensor: Tensor, level: int, following: int) -> Tensor:
        name = self._name(f"{self._target.name}_upsample{level}")
        finer = depth_to_space(tensor, level // following, name)
        return fit(finer, (0, 0), cells_of(self._target.size, following), self._name)

    def _unpacked(self, tensor: Tensor, form: Form) -> Tensor:
        fine = depth_to_space(tensor, form.level, self._name(f"{self._target.name}_unpack{form.level}"))
        return fit(fine, (-form.origin[0], -form.origin[1]), self._target.size, self._name)

    def _shifted(self, total: Tensor) -> Tensor:
        if self._constant is None:
            return total
        self.constant_kind = "map"
        return shift(total, self._constant, self._name(f"{self._target.name}_shift"))

    def _term(self, source: Value, form: Form, tensor: Tensor) -> Tensor:
        if form.kind == "identity":
            return tensor
        linear = self._segment.maps[source]
        name = self._name(f"{self._target.name}_from_{source.name}")
        bias = self._take_constant(form)
        cells = cells_of(self._target.size, form.level, form.origin)
        if form.kind == "depthwise":
            return depthwise(tensor, *_by_channel(linear), cells, bias, name, self._name)
        kernel, first = self._kernel(linear, form)
        if form.kind == "gathered":
            tensor, kernel = self._gather(tensor, kernel, name)
            name = self._name(f"{name}_gathered")
        if form.kind != "transposed":
            return convolve(tensor, kernel, first, cells, bias, name, self._name)
        return stamp(tensor, kernel, form.stride, first, cells, bias, name, self._name)

    def _gather(self, tensor: Tensor, kernel: Floats, name: str) -> tuple[Tensor, Floats]:
        """Compute all products of a pixel with *kernel* ``(rows, columns, in, out)``; also give what adds them up."""
        used = np.argwhere(np.any(kernel != 0, axis=2))
        if not len(used):
            # All weights cancel; one that is zero keeps the shapes.
            used = np.zeros((1, 3), np.int64)
        weights = np.stack([kernel[y, x, :, out] for y, x, out in used], axis=1)[None, None]
        ones = np.zeros((*kernel.shape[:2], len(used), kernel.shape[3]))
        for number, (y, x, out) in enumerate(used):
            ones[y, x, number, out] = 1
        return convolve(tensor, weights, (0, 0), tuple(tensor.shape[1:3]), None, name, self._name), ones

    def _kernel(self, linear: LinearMap, form: Form) -> tuple[Floats, tuple[int, int]]:
        """Gather the interior by squares of *level* pixels: ``(rows, columns, in, level² · K)`` and the first tap."""
        values = linear.dense(INTERIOR)
        level = form.level
        reach = [axis.relative + before for axis, before in zip(linear.axes, form.origin, strict=True)]
        cells = [positions // level for positions in reach]
        first = (int(cells[0][0]), int(cells[1][0]))
        shape = (int(cells[0][-1]) - first[0] + 1, int(cells[1][-1]) - first[1] + 1)
        channels = values.shape[3]
        kernel = np.zeros((*shape, values.shape[2], level * level * channels))
        order = self._order(form)
        for y, t_y in enumerate(reach[0]):
            for x, t_x in enumerate(reach[1]):
                at = order[t_y % level, t_x % level] * channels
                kernel[cells[0][y] - first[0], cells[1][x] - first[1], :, at : at + channels] = values[y, x]
        return kernel, first

    def _order(self, form: Form) -> NDArray[np.int64]:
        """Tell where each pixel of a square lies among the channels."""
        if any(form.origin):
            return np.arange(form.level**2).reshape(form.level, form.level)
        return self._shared_order(form.level)

    def _shared_order(self, level: int) -> NDArray[np.int64]:
        """Tell the same for squares that are unpacked level by level."""
        if level == 1:
            return np.zeros((1, 1), np.int64)
        following = self._next(level)
        inner = self._shared_order(following)
        phase = np.arange(level)
        factor = level // following
        outer = (phase // following)[:, None] * factor + phase // following
        return outer * following**2 + inner[np.ix_(phase % following, phase % following)]

    def _take_constant(self, form: Form) -> Floats | None:
        """Give the constant as a bias of ``level² · K`` if it repeats with the term's squares; it is then taken."""
        constant, level = self._constant, form.level
        if constant is None:
            return None
        rows, columns = (max(0, (n // level) // 2) * level for n in constant.shape[:2])
        square = constant[rows : rows + level, columns : columns + level]
        if square.shape[:2] != (level, level):
            return None
        cells = cells_of(self._target.size, level)
        repeated = np.tile(square, (*cells, 1))[: constant.shape[0], : constant.shape[1]]
        if np.abs(repeated - constant).max() > _SAME * np.abs(constant).max():
            return None
        self._constant = None
        self.constant_kind = "bias"
        bias = np.zeros((level * level, constant.shape[2]))
        bias[self._order(form).ravel()] = np.roll(square, form.origin, axis=(0, 1)).reshape(-1, constant.shape[2])
        return bias.ravel()


def _by_channel(linear: LinearMap) -> tuple[Floats, tuple[int, int]]:
    """Give the interior of a map that keeps channels apart as ``(rows, columns, channels)`` and the first tap."""
    rows, columns = (axis.relative for axis in linear.axes)
    kernel = np.zeros(
        (int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1, linear.blocks[INTERIOR].shape[2])
    )
    kernel[np.ix_(rows - rows[0], columns - columns[0])] = linear.blocks[INTERIOR]
    return kernel, (int(rows[0]), int(columns[0]))
