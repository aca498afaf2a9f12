"""The plans of ``linear_decoders`` in plain NumPy and float64, written from the definitions: slow, and independent."""

from __future__ import annotations

import numpy as np
from linear_decoders import Node, Plan
from linear_layers import layer_name

from fcn_edge.networks.transposed import transposed_convolution


def weights_of(model):
    """Give the weights of a model by layer and name, float64."""
    return {
        layer.name: {weight.name: np.asarray(weight, np.float64) for weight in layer.weights} for layer in model.layers
    }


def compute(plan: Plan, weights, image, *, given=None):
    """Compute every node.

    Args:
        plan: The network.
        weights: From :func:`weights_of`.
        image: ``(1, H, W, 3)``.
        given: Values of nodes to use instead of computing them, by number.

    Returns:
        A list with a ``(1, H, W, C)`` float64 array for each node.
    """
    values = []
    for number, node in enumerate(plan.nodes):
        if given and number in given:
            values.append(given[number])
        elif node.kind == "image":
            values.append(np.asarray(image, np.float64))
        else:
            reads = [values[read] for read in node.reads]
            values.append(_compute(node, reads, weights.get(layer_name(number, node), {})))
    return values


def _compute(node: Node, reads, weights):
    x, options = reads[0], node.options
    if node.kind == "relu_conv":
        same = {"stride": 1, "dilation": 1, "padding": "same"}
        return np.maximum(_convolve(x, weights["kernel"], same) + weights["bias"], 0)
    if node.kind == "conv":
        return _convolve(x, weights["kernel"], options) + weights.get("bias", 0)
    if node.kind == "transposed":
        return transposed_convolution(
            x, weights["kernel"], weights.get("bias"), strides=options["strides"], padding=options["padding"]
        )
    if node.kind == "batch_norm":
        # 1e-3 is the default of Keras.
        normal = (x - weights["moving_mean"]) / np.sqrt(weights["moving_variance"] + 1e-3)
        return normal * weights.get("gamma", 1) + weights.get("beta", 0)
    compute = {
        "pool": lambda: _pool(x, options["stride"]),
        "nearest": lambda: x.repeat(options["by"][0], axis=1).repeat(options["by"][1], axis=2),
        "bilinear": lambda: _bilinear(x, options["by"]),
        "crop": lambda: _crop(x, options["by"]),
        "pad": lambda: np.pad(x, ((0, 0), *options["by"], (0, 0))),
        "linear": lambda: x,
        "dropout": lambda: x,
        "relu": lambda: np.maximum(x, 0),
        "concat": lambda: np.concatenate(reads, axis=-1),
        "add": lambda: reads[0] + reads[1],
    }
    return compute[node.kind]()


def _convolve(x, kernel, options):
    stride, dilation = options["stride"], options["dilation"]
    if options["padding"] == "same":
        x = _pad_same(x, kernel.shape[:2], stride, dilation, 0.0)
    reach = tuple((k - 1) * dilation + 1 for k in kernel.shape[:2])
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(1, 2))
    windows = windows[:, ::stride, ::stride, :, ::dilation, ::dilation]
    return np.einsum("nyxirc,rcio->nyxo", windows, kernel, optimize=True)


def _pad_same(x, kernel_hw, stride, dilation, value):
    """Pad as TensorFlow does: the odd pixel goes behind."""
    pads = []
    for size, kernel in zip(x.shape[1:3], kernel_hw, strict=True):
        needed = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
        pads.append((needed // 2, needed - needed // 2))
    return np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=value)


def _pool(x, stride):
    x = _pad_same(x, (stride, stride), stride, 1, -np.inf)
    count, height, width, channels = x.shape
    return x.reshape(count, height // stride, stride, width // stride, stride, channels).max(axis=(2, 4))


def _bilinear(x, by):
    rows, columns = (_interpolation(size, factor) for size, factor in zip(x.shape[1:3], by, strict=True))
    return np.einsum("nyxc,ty,sx->ntsc", x, rows, columns, optimize=True)


def _interpolation(size, factor):
    """Give the matrix ``(size * factor, size)`` of linear interpolation between pixel centres, ends held."""
    matrix = np.zeros((size * factor, size))
    for target in range(size * factor):
        centre = (target + 0.5) / factor - 0.5
        first = int(np.floor(centre))
        for source, share in ((first, first + 1 - centre), (first + 1, centre - first)):
            matrix[target, min(max(source, 0), size - 1)] += share
    return matrix


def _crop(x, by):
    (top, bottom), (left, right) = by
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]
