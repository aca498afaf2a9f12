"""Blocks of mobile encoders: convolutions with batch normalisation and ReLU6, inverted residuals.

After Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (CVPR 2018). ReLU6 bounds every
activation, so that int8 has a step of at most 6/255 for it.
"""

from __future__ import annotations

from typing import Any

from fcn_edge.networks.layers import load_keras

# Those of the EfficientNet-Lite weights; what is trained from scratch learns as well with them.
NORM_EPSILON = 1e-3
# Runs on a data folder take some thousand steps, in which Keras's 0.99 forgets the start too late.
NORM_MOMENTUM = 0.98
INITIALIZER = "he_normal"


def convolve(
    x: Any,  # noqa: ANN401 - symbolic Keras tensors, here and below
    filters: int,
    *,
    kernel: int = 1,
    stride: int = 1,
    relu6: bool = True,
    name: str,
) -> Any:  # noqa: ANN401
    """Convolve without bias, normalise, bound by ReLU6 where asked: ``(N, H, W, C)`` to ``(N, H/s, W/s, filters)``."""
    layer = load_keras().layers.Conv2D(
        filters, kernel, stride, padding="same", use_bias=False, kernel_initializer=INITIALIZER, name=name
    )
    return normalize(layer(x), relu6=relu6, name=name)


def convolve_depthwise(x: Any, *, kernel: int, stride: int = 1, name: str) -> Any:  # noqa: ANN401
    """Convolve each channel by itself, normalise, ReLU6: ``(N, H, W, C)`` to ``(N, H/s, W/s, C)``."""
    layer = load_keras().layers.DepthwiseConv2D(
        kernel, stride, padding="same", use_bias=False, depthwise_initializer=INITIALIZER, name=name
    )
    return normalize(layer(x), relu6=True, name=name)


def normalize(x: Any, *, relu6: bool, name: str) -> Any:  # noqa: ANN401
    """Normalise over the batch, and bound by ReLU6 where asked; both fold into the layer before on export."""
    layers = load_keras().layers
    x = layers.BatchNormalization(epsilon=NORM_EPSILON, momentum=NORM_MOMENTUM, name=f"{name}_norm")(x)
    return layers.ReLU(6.0, name=f"{name}_relu6")(x) if relu6 else x


def inverted_residual(x: Any, filters: int, *, expand: int, kernel: int, stride: int, name: str) -> Any:  # noqa: ANN401
    """Widen by 1x1, convolve depthwise, narrow by 1x1 without an activation; with a sum where shapes allow.

    Args:
        x: ``(N, H, W, C)``.
        filters: Channels of the result.
        expand: Factor of the widening; 1 leaves it out.
        kernel: Side of the depthwise kernel.
        stride: Of the depthwise convolution.
        name: Prefix of the layers.
    """
    before = x
    if expand != 1:
        x = convolve(x, expand * x.shape[-1], name=f"{name}_expand")
    x = convolve_depthwise(x, kernel=kernel, stride=stride, name=f"{name}_depthwise")
    x = convolve(x, filters, relu6=False, name=f"{name}_project")
    if stride == 1 and before.shape[-1] == filters:
        x = load_keras().layers.Add(name=f"{name}_sum")([before, x])
    return x
