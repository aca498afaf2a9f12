"""Which Keras layers are linear, and what they stamp."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export.fold.stamp import Stamp, bilinear, convolution, identity, nearest
from fcn_edge.export.graph import is_plain

Shape = tuple[int, int, int]
_CHANNEL_AXES = (-1, 3)


@dataclass(frozen=True, slots=True)
class Affine:
    """A linear layer with its shift.

    Attributes:
        chains: For each of its inputs the stamps one after another, each with the shape of what it gives.
        bias: Added to every pixel, ``(channels,)`` float64; None for none.
    """

    chains: tuple[tuple[tuple[Stamp, Shape], ...], ...]
    bias: NDArray[np.float64] | None = None


def affine_of(layer: Any, inputs: list[Shape], output: Shape) -> Affine | None:  # noqa: ANN401 - Keras has no types
    """Describe a layer as stamps; None where it is not linear, or linear in a way that is not known here.

    Args:
        layer: A layer or Keras op.
        inputs: Shapes of its inputs without the batch.
        output: Shape of its output.
    """
    describe = _LAYERS.get(type(layer).__name__)
    # A class of the same name that is not Keras's own may do anything.
    if describe is None or not is_plain(layer) or getattr(layer, "data_format", None) == "channels_first":
        return None
    return describe(layer, inputs, output)


def _weights(layer: Any) -> list[NDArray[np.float64]]:  # noqa: ANN401
    return [np.asarray(weight, np.float64) for weight in layer.get_weights()]


def _one(stamp: Stamp, output: Shape, bias: NDArray[np.float64] | None = None) -> Affine:
    return Affine((((stamp, output),),), bias)


def _conv(layer: Any, _inputs: list[Shape], output: Shape) -> Affine | None:  # noqa: ANN401
    if tuple(layer.strides) != (1, 1) or getattr(layer, "groups", 1) != 1:
        return None
    kernel, *bias = _weights(layer)
    if type(layer).__name__ == "DepthwiseConv2D":
        if layer.depth_multiplier != 1:
            return None
        kernel = kernel[..., 0]
    dilation = tuple(layer.dilation_rate)
    reach = [(n - 1) * d for n, d in zip(kernel.shape[:2], dilation, strict=True)]
    padding = (reach[0] // 2, reach[1] // 2) if layer.padding == "same" else (0, 0)
    return _one(convolution(kernel, padding, (dilation[0], dilation[1])), output, bias[0] if bias else None)


def _transposed(layer: Any, inputs: list[Shape], output: Shape) -> Affine | None:  # noqa: ANN401
    dilated = tuple(layer.dilation_rate) != (1, 1)
    if dilated or layer.output_padding is not None or getattr(layer, "groups", 1) != 1:
        return None
    kernel, *bias = _weights(layer)
    stride = tuple(layer.strides)
    spare = [max(k - s, 0) for k, s in zip(kernel.shape[:2], stride, strict=True)]
    same = layer.padding == "same"
    grown = tuple(n * s + (0 if same else more) for n, s, more in zip(inputs[0], stride, spare, strict=False))
    if grown != output[:2]:
        return None
    start = (-(spare[0] // 2), -(spare[1] // 2)) if same else (0, 0)
    # Keras keeps (rows, columns, out, in).
    return _one(Stamp(kernel.swapaxes(2, 3), (stride[0], stride[1]), start), output, bias[0] if bias else None)


def batch_norm_weights(layer: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # noqa: ANN401
    """Give what a batch normalisation multiplies each channel by at inference, and what it then adds."""
    mean, variance = (np.asarray(v, np.float64) for v in (layer.moving_mean, layer.moving_variance))
    factor = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        factor = factor * np.asarray(layer.gamma, np.float64)
    shift = -mean * factor
    if layer.center:
        shift = shift + np.asarray(layer.beta, np.float64)
    return factor, shift


def _batch_norm(layer: Any, _inputs: list[Shape], output: Shape) -> Affine | None:  # noqa: ANN401
    if layer.axis not in _CHANNEL_AXES:
        return None
    factor, shift = batch_norm_weights(layer)
    return _one(Stamp(factor[None, None]), output, shift)


def _upsampling(layer: Any, inputs: list[Shape], output: Shape) -> Affine | None:  # noqa: ANN401
    rows, columns, channels = inputs[0]
    factor = tuple(layer.size)
    if layer.interpolation == "nearest":
        return _one(nearest((factor[0], factor[1]), channels), output)
    if layer.interpolation != "bilinear":
        return None
    down = bilinear(factor[0], 0, rows, channels)
    across = bilinear(factor[1], 1, columns, channels)
    return Affine((((down, (output[0], columns, channels)), (across, output)),))


def _resize(layer: Any, inputs: list[Shape], output: Shape) -> Affine | None:  # noqa: ANN401
    rows, columns, channels = inputs[0]
    whole = output[0] % rows == 0 and output[1] % columns == 0 and layer.interpolation == "bilinear"
    if not whole or layer.antialias or layer.crop_to_aspect_ratio or layer.pad_to_aspect_ratio:
        return None
    down = bilinear(output[0] // rows, 0, rows, channels)
    across = bilinear(output[1] // columns, 1, columns, channels)
    return Affine((((down, (output[0], columns, channels)), (across, output)),))


def _concatenate(layer: Any, inputs: list[Shape], output: Shape) -> Affine | None:  # noqa: ANN401
    if layer.axis not in _CHANNEL_AXES or sum(shape[2] for shape in inputs) != output[2]:
        return None
    starts = np.cumsum([0, *(shape[2] for shape in inputs)])
    stamps = [identity(shape[2], first_channel=int(start)) for shape, start in zip(inputs, starts, strict=False)]
    return Affine(tuple(((stamp, output),) for stamp in stamps))


def _add(_layer: Any, inputs: list[Shape], output: Shape) -> Affine | None:  # noqa: ANN401
    # As an operation of Keras it may also add a number, which is no input.
    if len(inputs) == 1 or any(shape != output for shape in inputs):
        return None
    return Affine(tuple(((identity(output[2]), output),) for _ in inputs))


def _crop(layer: Any, _inputs: list[Shape], output: Shape) -> Affine | None:  # noqa: ANN401
    (top, _), (left, _) = layer.cropping
    return _one(identity(output[2], start=(-top, -left)), output)


def _pad(layer: Any, _inputs: list[Shape], output: Shape) -> Affine | None:  # noqa: ANN401
    (top, _), (left, _) = layer.padding
    return _one(identity(output[2], start=(top, left)), output)


def _nothing(_layer: Any, _inputs: list[Shape], output: Shape) -> Affine | None:  # noqa: ANN401
    return _one(identity(output[2]), output)


_LAYERS: dict[str, Callable[[Any, list[Shape], Shape], Affine | None]] = {
    "Conv2D": _conv,
    "DepthwiseConv2D": _conv,
    "Conv2DTranspose": _transposed,
    "BatchNormalization": _batch_norm,
    "UpSampling2D": _upsampling,
    "Resize": _resize,
    "Concatenate": _concatenate,
    "Add": _add,
    "Cropping2D": _crop,
    "ZeroPadding2D": _pad,
    # These do nothing: an activation gets here only if it is linear, the others at inference.
    "Activation": _nothing,
    "Dropout": _nothing,
    "SpatialDropout2D": _nothing,
    "GaussianNoise": _nothing,
    "GaussianDropout": _nothing,
    "Identity": _nothing,
}
