"""Building the corrections along borders and in corners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export.fold.linear_map import LinearMap
from fcn_edge.export.fold.operations import Naming, convolve, fit
from fcn_edge.export.fold.strip_shape import Reach, Strip, strips_of
from fcn_edge.export.graph import Tensor

Floats = NDArray[np.float64]


def emit_strips(tensor: Tensor, linear: LinearMap, name: Naming) -> list[Tensor]:
    """Build all corrections of a map as maps of its output size, zero where nothing is corrected."""
    return [_emit(tensor, linear, strip, name) for strip in strips_of(linear)]


def _emit(tensor: Tensor, linear: LinearMap, strip: Strip, name: Naming) -> Tensor:
    values = linear.dense(strip.kinds)
    if strip.rows is not None and strip.columns is not None:
        corner = _corner(tensor, values, linear, strip.rows, strip.columns, name)
        return fit(corner, (strip.rows.output[0], strip.columns.output[0]), linear.out_size, name)
    if strip.rows is not None:
        band = _band(tensor, values, linear, strip.rows, 0, name)
        return fit(band, (strip.rows.output[0], 0), linear.out_size, name)
    if strip.columns is not None:
        band = _band(tensor, values.swapaxes(0, 1), linear, strip.columns, 1, name)
        return fit(band, (0, strip.columns.output[0]), linear.out_size, name)
    raise AssertionError("a strip follows a border")


def _corner(tensor: Tensor, values: Floats, linear: LinearMap, rows: Reach, columns: Reach, name: Naming) -> Tensor:
    """Compute a corner: every output pixel has a kernel over the whole input corner."""
    import keras

    inputs, outputs = (
        [_length(reach.input) for reach in (rows, columns)],
        [_length(reach.output) for reach in (rows, columns)],
    )
    channels = values.shape[2:]
    kernel = np.zeros((*inputs, channels[0], *outputs, channels[1]))
    for y in rows.entries:
        for x in columns.entries:
            at_y, at_x = linear.axes[0].absolute[y], linear.axes[1].absolute[x]
            from_y, from_x = at_y[1] - rows.input[0], at_x[1] - columns.input[0]
            kernel[from_y, from_x, :, at_y[0] - rows.output[0], at_x[0] - columns.output[0]] += values[y, x]
    flat = kernel.reshape(*inputs, channels[0], -1)[::-1, ::-1]
    part = fit(tensor, (-rows.input[0], -columns.input[0]), (inputs[0], inputs[1]), name)
    first = (1 - inputs[0], 1 - inputs[1])
    result = convolve(part, flat, first, (1, 1), None, name("corner"), name)
    return keras.layers.Reshape((*outputs, channels[1]), dtype=str(tensor.dtype), name=name("corner_pixels"))(result)


def _band(tensor: Tensor, values: Floats, linear: LinearMap, reach: Reach, axis: int, name: Naming) -> Tensor:
    """Compute a strip that crosses *axis*; *values* has that axis first.

    Each of its lines is a convolution to ``stride · K`` channels, which are the line's pixels in order.
    """
    import keras

    along = 1 - axis
    stride, reached = linear.stride[along], linear.axes[along].relative
    cells = reached // stride
    count, size = -(-linear.out_size[along] // stride), linear.size[along]
    depth = _length(reach.input)
    part = fit(tensor, _turn(-reach.input[0], 0, axis), _turn(depth, size, axis), name)
    lines = []
    for output in range(reach.output[0], reach.output[1] + 1):
        kernel = np.zeros((depth, int(cells[-1] - cells[0]) + 1, values.shape[2], stride, values.shape[3]))
        for entry in reach.entries[linear.axes[axis].absolute[reach.entries, 0] == output]:
            # In stamping order: the last input line comes first.
            row = depth - 1 - (linear.axes[axis].absolute[entry, 1] - reach.input[0])
            for number, t in enumerate(reached):
                kernel[row, cells[number] - cells[0], :, t % stride] += values[entry, number]
        flat = kernel.reshape(*kernel.shape[:3], -1)
        flat = flat if axis == 0 else flat.swapaxes(0, 1)
        first = _turn(1 - depth, int(cells[0]), axis)
        line = convolve(part, flat, first, _turn(1, count, axis), None, name("line"), name)
        shape = (*_turn(1, count * stride, axis), values.shape[3])
        line = keras.layers.Reshape(shape, dtype=str(tensor.dtype), name=name("line_pixels"))(line)
        lines.append(fit(line, (0, 0), _turn(1, linear.out_size[along], axis), name))
    return (
        lines[0]
        if len(lines) == 1
        else keras.layers.Concatenate(axis=1 + axis, dtype=str(tensor.dtype), name=name("strip"))(lines)
    )


def _turn(across: int, along: int, axis: int) -> tuple[int, int]:
    return (across, along) if axis == 0 else (along, across)


def _length(ends: tuple[int, int]) -> int:
    return ends[1] - ends[0] + 1
