"""Rewriting a float ONNX graph, exactly, into operations that the runtimes have fast kernels for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export import onnx_graph
from fcn_edge.export.onnx_graph import Proto

# A transposed convolution as a plain one multiplies with zeros too. ONNX Runtime has the former in float only, which
# on x86-64 takes about 2.7 times as long per multiply-add as the latter in int8 (without VNNI; with it, more).
_MOST_WORK = 2.5
_HEIGHT, _WIDTH = 2, 3


def drop_idle_reshapes(model: Proto) -> None:
    """Take out reshapes to the shape that is there already.

    The converter makes them of transposes over a single channel.
    """
    shape_of = onnx_graph.shapes(model)
    for node in [node for node in model.graph.node if node.op_type == "Reshape"]:
        before, after = (shape_of.get(name) for name in (node.input[0], node.output[0]))
        if before is not None and before == after and node.input[0] != model.graph.input[0].name:
            onnx_graph.bypass(model, node)


def spread_transposed_convolutions(model: Proto) -> None:
    """Turn transposed convolutions into plain ones at the coarse resolution, followed by DepthToSpace.

    Each output pixel of a block of ``stride x stride`` becomes a channel. That costs some multiplications with zero,
    and pays where the graph is quantised: no runtime here has the transposed kind in int8. Those that would more than
    double the work, or have groups, dilation or unequal strides, stay.
    """
    shape_of, values = onnx_graph.shapes(model), onnx_graph.constants(model)
    for node in [node for node in model.graph.node if node.op_type == "ConvTranspose"]:
        plan = _plan(node, values, shape_of)
        if plan is not None:
            onnx_graph.replace(model, node, _spread(model, node, values, plan))
    onnx_graph.forget_unused(model)


@dataclass(frozen=True, slots=True)
class _Axis:
    """Height or width of a transposed convolution, seen from the coarse side.

    Output pixel ``stride * m + r`` sums ``kernel[r + cropped - stride * d] * input[m + d]`` over the *taps* offsets d
    from *first* on.
    """

    cropped: int
    first: int
    taps: int
    pads: tuple[int, int]
    blocks: int
    size: int


@dataclass(frozen=True, slots=True)
class _Plan:
    stride: int
    rows: _Axis
    columns: _Axis


def _plan(node: Proto, values: dict[str, Any], shape_of: dict[str, tuple[int, ...]]) -> _Plan | None:
    given = onnx_graph.attributes(node)
    kernel, taken, made = values.get(node.input[1]), shape_of.get(node.input[0]), shape_of.get(node.output[0])
    strides, pads = given.get("strides", [1, 1]), given.get("pads", [0, 0, 0, 0])
    plain = given.get("group", 1) == 1 and set(given.get("dilations", [1, 1])) == {1} and "output_shape" not in given
    if kernel is None or taken is None or made is None or not plain or strides[0] != strides[1] or strides[0] == 1:
        return None
    stride = strides[0]
    axes = [
        _axis(kernel.shape[axis], stride, pads[axis - _HEIGHT], taken[axis], made[axis]) for axis in (_HEIGHT, _WIDTH)
    ]
    work = np.prod([axis.taps * stride for axis in axes]) / np.prod(kernel.shape[_HEIGHT:])
    fits = work <= _MOST_WORK and all(min(axis.pads) >= 0 for axis in axes)
    return _Plan(stride, *axes) if fits else None


def _axis(kernel: int, stride: int, cropped: int, taken: int, made: int) -> _Axis:
    first = -((kernel - 1 - cropped) // stride)
    taps = (stride - 1 + cropped) // stride - first + 1
    blocks = -(-made // stride)
    return _Axis(cropped, first, taps, (-first, blocks - taken + taps - 1 + first), blocks, made)


def _spread(model: Proto, node: Proto, values: dict[str, Any], plan: _Plan) -> list[Proto]:
    make = onnx_graph.onnx().helper.make_node
    rows, columns, stride = plan.rows, plan.columns, plan.stride
    name, result = node.name or node.output[0], node.output[0]
    reads = [node.input[0], onnx_graph.add_constant(model, f"{name}/spread", _kernel(values[node.input[1]], plan))]
    if len(node.input) > 2:  # noqa: PLR2004 - the bias is the third
        bias = np.tile(values[node.input[2]], stride * stride)
        reads.append(onnx_graph.add_constant(model, f"{name}/spread_bias", bias))
    pads = [rows.pads[0], columns.pads[0], rows.pads[1], columns.pads[1]]
    whole = (rows.blocks * stride, columns.blocks * stride) == (rows.size, columns.size)
    fine = result if whole else f"{name}/blocks"
    made = [
        make("Conv", reads, [f"{name}/coarse"], name, kernel_shape=[rows.taps, columns.taps], pads=pads),
        make("DepthToSpace", [f"{name}/coarse"], [fine], f"{name}/upsample", blocksize=stride, mode="DCR"),
    ]
    if not whole:
        limits = {"starts": [0, 0], "ends": [rows.size, columns.size], "axes": [_HEIGHT, _WIDTH]}
        edges = [onnx_graph.add_constant(model, f"{name}/{key}", np.array(v, np.int64)) for key, v in limits.items()]
        made.append(make("Slice", [fine, *edges], [result], f"{name}/crop"))
    return made


def _kernel(kernel: NDArray[np.floating], plan: _Plan) -> NDArray[np.floating]:
    """Sort a kernel ``(in, out, rows, columns)`` by the output pixel of a block that each of its values goes to.

    Returns:
        ``(stride * stride * out, in, rows, columns)``, as DepthToSpace wants its channels: block row, column, channel.
    """
    rows, columns, stride = plan.rows, plan.columns, plan.stride
    channels_in, channels_out, height, width = kernel.shape
    sorted_kernel = np.zeros((stride, stride, channels_out, channels_in, rows.taps, columns.taps), kernel.dtype)
    for row, tap_row in np.ndindex(stride, rows.taps):
        y = row + rows.cropped - stride * (tap_row + rows.first)
        for column, tap_column in np.ndindex(stride, columns.taps):
            x = column + columns.cropped - stride * (tap_column + columns.first)
            if 0 <= y < height and 0 <= x < width:
                sorted_kernel[row, column, :, :, tap_row, tap_column] = kernel[:, :, y, x].T
    return sorted_kernel.reshape(-1, channels_in, rows.taps, columns.taps)
