"""FCNs on mobile encoders, for boards: a decoder that is narrow where it is nonlinear and linear where maps are large.

The encoder's coarse levels are brought to one width and summed coarse to fine, each sum followed by a depthwise
separable convolution. From there on nothing is nonlinear, as in the networks of Long, Shelhamer and Darrell ("Fully
Convolutional Networks", CVPR 2015): transposed convolutions and sums with the skips of the fine levels, as wide as
training likes, which an export folds into one small convolution for each skip.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fcn_edge.errors import UsageError
from fcn_edge.networks.inverted_residual import convolve, convolve_depthwise
from fcn_edge.networks.layers import crop_to, head_activation, head_channels, load_keras, open_input, size_hw
from fcn_edge.networks.mobile_encoder import EFFICIENTNET_LITE0, LIGHT, EncoderSpec, encode
from fcn_edge.networks.pretrained import load_encoder

# How many of the encoder's five levels, finest first, are joined linearly, by the stride where the rest ends.
_LINEAR_LEVELS = {8: 2, 4: 1, 2: 0}
# Channels of a skip of stride 4 and more after its 1x1 convolution, and of the finest; of the linear maps by stride.
_FINE_SKIPS, _FINEST_SKIP = 24, 16
_FINE_MAPS = {8: 32, 4: 32, 2: 16, 1: 8}
_ENCODER_FILE = "efficientnet_lite0"


def build_fcn_lite0(
    input_shape: tuple[int, int, int],
    *,
    classes: int = 1,
    decoder: int = 64,
    deepest: int = 32,
    shrink: int = 1,
    nonlinear: int = 8,
    pretrained: bool = True,
    rescale: bool = False,
    logits: bool = False,
) -> Any:  # noqa: ANN401 - keras.Model, and Keras has no types
    """Build an FCN on EfficientNet-Lite0, which brings what it learned on ImageNet.

    Args:
        input_shape: Height, width and 3 channels; any size.
        classes: 1 for background and one foreground class (one sigmoid channel), else the number of classes,
            background included (softmax).
        decoder: Channels of the decoder's nonlinear part; half of them where it meets the encoder's finest maps.
        deepest: Stride at which the encoder ends, times *shrink*: 32, or 16 for a quarter of its weights.
        shrink: 2 lets the first convolution shrink twice as much, for large inputs.
        nonlinear: Stride, times *shrink*, down to which the decoder is nonlinear: 8, or 4 or 2 for finer
            maps at some cost.
        pretrained: Start from the ImageNet weights that are shipped.
        rescale: Put ``Rescaling(1/255)`` first: input 0..255. Otherwise the input is 0..1.
        logits: Leave out the last sigmoid or softmax.

    Returns:
        A functional ``keras.Model``: ``(N, H, W, 3)`` float32 to ``(N, H, W, K)`` float32, K = *classes*.

    Raises:
        UsageError: An option is out of range.
        MissingPackageError: TensorFlow is not installed.
    """
    options = {"width": 1.0, "deepest": deepest, "shrink": shrink}
    model = _build(
        "fcn_lite0",
        input_shape,
        EFFICIENTNET_LITE0,
        classes,
        decoder,
        nonlinear,
        options,
        rescale=rescale,
        logits=logits,
    )
    if pretrained:
        load_encoder(model, _ENCODER_FILE)
    return model


def build_fcn_light(
    input_shape: tuple[int, int, int],
    *,
    classes: int = 1,
    width: float = 1.0,
    decoder: int = 48,
    deepest: int = 32,
    shrink: int = 1,
    nonlinear: int = 8,
    rescale: bool = False,
    logits: bool = False,
) -> Any:  # noqa: ANN401 - keras.Model
    """Build a light FCN of inverted residuals, to be trained from scratch; see :func:`build_fcn_lite0`.

    Args:
        input_shape: Height, width, channels; any size.
        classes: 1 for background and one foreground class, else the number of classes.
        width: Factor on the encoder's filters.
        decoder: Channels of the decoder's nonlinear part.
        deepest: Stride at which the encoder ends, 16 or 32, times *shrink*.
        shrink: 2 lets the first convolution shrink twice as much.
        nonlinear: Stride, times *shrink*, down to which the decoder is nonlinear, 8, 4 or 2.
        rescale: Put ``Rescaling(1/255)`` first: input 0..255. Otherwise the input is 0..1.
        logits: Leave out the last sigmoid or softmax.

    Returns:
        A functional ``keras.Model``: ``(N, H, W, C)`` float32 to ``(N, H, W, K)`` float32, K = *classes*.

    Raises:
        UsageError: An option is out of range.
        MissingPackageError: TensorFlow is not installed.
    """
    options = {"width": width, "deepest": deepest, "shrink": shrink}
    return _build("fcn_light", input_shape, LIGHT, classes, decoder, nonlinear, options, rescale=rescale, logits=logits)


def _build(
    name: str,
    input_shape: tuple[int, int, int],
    spec: EncoderSpec,
    classes: int,
    decoder: int,
    nonlinear: int,
    options: Mapping[str, Any],
    *,
    rescale: bool,
    logits: bool,
) -> Any:  # noqa: ANN401 - keras.Model
    if decoder < 1 or nonlinear not in _LINEAR_LEVELS:
        raise UsageError(
            f"a decoder of {decoder} channels, nonlinear down to stride {nonlinear}, cannot be built",
            hint="give decoder=64 or another number, and nonlinear 8, 4 or 2",
        )
    channels = head_channels(classes)
    entry, x = open_input(input_shape, rescale=rescale)
    skips = encode(x, spec, **options)
    strides = sorted(skips, reverse=True)
    x = convolve(skips[strides[0]], decoder, name=f"dec{strides[0]}_score")
    linear = _LINEAR_LEVELS[nonlinear]
    for stride in strides[1 : len(strides) - linear]:
        # The finest maps hold most of the work, and outlines need fewer channels than shapes.
        x = _join_nonlinear(x, skips[stride], stride, -(-decoder // 2) if stride == strides[-1] else decoder)
    for stride in strides[len(strides) - linear :]:
        x = _join_linear(x, skips[stride], stride, channels, finest=stride == strides[-1])
    for stride in (s for s in (2, 1) if s < strides[-1]):
        rows, columns = (-(-size // stride) for size in input_shape[:2])
        x = _upsample(x, max(_FINE_MAPS[stride], channels), (rows, columns), f"dec{stride}")
    activation = head_activation(classes, logits=logits)
    x = load_keras().layers.Conv2D(channels, 1, activation=activation, name="head")(x)
    return load_keras().Model(entry, x, name=name)


def _join_nonlinear(x: Any, skip: Any, stride: int, filters: int) -> Any:  # noqa: ANN401 - tensors
    name = f"dec{stride}"
    layers = load_keras().layers
    # Four 1x1 convolutions, one for each pixel of a square, whose int8 kernels give the same on every processor. ONNX
    # Runtime's int8 interpolation (Resize) does not: it was the first tensor that arm64 had other values of.
    x = layers.Conv2DTranspose(filters, 2, strides=2, use_bias=False, name=f"{name}_upsample")(x)
    x = crop_to(x, size_hw(skip), name=f"{name}_crop")
    x = layers.Add(name=f"{name}_sum")([x, convolve(skip, filters, name=f"{name}_skip")])
    x = convolve_depthwise(x, kernel=5, name=f"{name}_depthwise")
    return convolve(x, filters, name=f"{name}_mix")


def _join_linear(x: Any, skip: Any, stride: int, channels: int, *, finest: bool) -> Any:  # noqa: ANN401 - tensors
    name = f"dec{stride}"
    maps = max(_FINE_MAPS[stride], channels)
    layers = load_keras().layers
    skip = convolve(skip, _FINEST_SKIP if finest else _FINE_SKIPS, name=f"{name}_skip")
    # 1x1: a wider kernel would read beyond the map's edge, for which a fold needs strips of their own along the border.
    skip = layers.Conv2D(maps, 1, name=f"{name}_spread")(skip)
    return layers.Add(name=f"{name}_sum")([_upsample(x, maps, size_hw(skip), name), skip])


def _upsample(x: Any, filters: int, wanted_hw: tuple[int, int], name: str) -> Any:  # noqa: ANN401 - tensors
    # A kernel of 3 at stride 2 is what folds exactly as it stands.
    layer = load_keras().layers.Conv2DTranspose(filters, 3, strides=2, padding="same", name=f"{name}_upsample")
    return crop_to(layer(x), wanted_hw, name=f"{name}_crop")
