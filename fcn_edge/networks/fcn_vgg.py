"""FCN-32s, FCN-16s and FCN-8s of Long, Shelhamer and Darrell (CVPR 2015) on a VGG16-style encoder.

The fully connected layers of VGG16 are convolutions here (fc6 7x7, fc7 1x1). Score layers (1x1) on fc7, pool4 and pool3
start at zero, are summed coarse to fine and upsampled by transposed convolutions that start as bilinear interpolation;
the last of them stays so, as in the paper. Where the paper pads the image by 100 pixels and crops, these pad "same":
the pools round up and each upsampled map is cropped to the size it meets.
"""

from __future__ import annotations

from typing import Any

from fcn_edge.errors import UsageError
from fcn_edge.networks.bilinear import bilinear_kernel
from fcn_edge.networks.layers import crop_to, head_activation, head_channels, load_keras, open_input, size_hw

# Convolutions of each of VGG16's blocks, and their filters.
VGG16_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
FC_FILTERS = 4096


def build_fcn32s(
    input_shape: tuple[int, int, int],
    *,
    classes: int = 1,
    width: float = 1.0,
    dropout: float = 0.5,
    rescale: bool = False,
    logits: bool = False,
) -> Any:  # noqa: ANN401 - keras.Model, and Keras has no types
    """Build FCN-32s: scores of fc7, upsampled 32 times at once.

    Args:
        input_shape: Height, width, channels; any size.
        classes: 1 for background and one foreground class (one sigmoid channel), else the number of classes,
            background included (softmax).
        width: Factor on the filters of every layer, 1 for the paper's 134 million parameters; 0.125 suits a board.
        dropout: Share of features dropped after fc6 and fc7 while training.
        rescale: Put ``Rescaling(1/255)`` first: input 0..255. Otherwise the input is 0..1.
        logits: Leave out the last sigmoid or softmax.

    Returns:
        A functional ``keras.Model``: ``(N, H, W, C)`` float32 to ``(N, H, W, K)`` float32, K = *classes*.

    Raises:
        UsageError: An option is out of range.
        MissingPackageError: TensorFlow is not installed.
    """
    return _build(input_shape, (), classes, width, dropout, rescale=rescale, logits=logits)


def build_fcn16s(
    input_shape: tuple[int, int, int],
    *,
    classes: int = 1,
    width: float = 1.0,
    dropout: float = 0.5,
    rescale: bool = False,
    logits: bool = False,
) -> Any:  # noqa: ANN401 - keras.Model, and Keras has no types
    """Build FCN-16s: fc7's scores doubled, summed with pool4's, upsampled 16 times; see :func:`build_fcn32s`."""
    return _build(input_shape, (4,), classes, width, dropout, rescale=rescale, logits=logits)


def build_fcn8s(
    input_shape: tuple[int, int, int],
    *,
    classes: int = 1,
    width: float = 1.0,
    dropout: float = 0.5,
    rescale: bool = False,
    logits: bool = False,
) -> Any:  # noqa: ANN401 - keras.Model, and Keras has no types
    """Build FCN-8s: sums with pool4's and pool3's scores, upsampled 2, 2 and 8 times; see :func:`build_fcn32s`."""
    return _build(input_shape, (4, 3), classes, width, dropout, rescale=rescale, logits=logits)


def _build(
    input_shape: tuple[int, int, int],
    fused_pools: tuple[int, ...],
    classes: int,
    width: float,
    dropout: float,
    *,
    rescale: bool,
    logits: bool,
) -> Any:  # noqa: ANN401 - keras.Model
    if width <= 0 or not 0 <= dropout < 1:
        raise UsageError(
            f"width {width} with dropout {dropout} cannot be built", hint="width is above 0, dropout in 0 to 1"
        )
    keras = load_keras()
    channels = head_channels(classes)
    entry, x = open_input(input_shape, rescale=rescale)
    pools, x = _encode(x, width, dropout)
    x = _score(x, channels, "fc7")
    stride = 32
    for pool in fused_pools:
        x = _upsample(x, channels, 2, f"pool{pool}_upsample")
        x = crop_to(x, size_hw(pools[pool]), name=f"pool{pool}_crop")
        x = keras.layers.Add(name=f"pool{pool}_sum")([x, _score(pools[pool], channels, f"pool{pool}")])
        stride //= 2
    x = _upsample(x, channels, stride, "upsample", trainable=False)
    x = crop_to(x, (input_shape[0], input_shape[1]), name="crop")
    activation = head_activation(classes, logits=logits) or "linear"
    x = keras.layers.Activation(activation, name="head")(x)
    model = keras.Model(entry, x, name=f"fcn{stride}s")
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            # Set after building rather than by an initialiser of our own, which plain Keras could not load again.
            layer.set_weights([bilinear_kernel(layer.strides[0], channels)])
    return model


def _encode(x: Any, width: float, dropout: float) -> tuple[dict[int, Any], Any]:  # noqa: ANN401 - symbolic tensors
    """Run VGG16 up to fc7; also give the pools by number."""
    layers = load_keras().layers
    pools = {}
    for block, (repeats, count) in enumerate(VGG16_BLOCKS, start=1):
        for repeat in range(1, repeats + 1):
            x = _relu_conv(x, count, 3, width, f"conv{block}_{repeat}")
        x = pools[block] = layers.MaxPooling2D(2, padding="same", name=f"pool{block}")(x)
    for name, kernel in (("fc6", 7), ("fc7", 1)):
        x = _relu_conv(x, FC_FILTERS, kernel, width, name)
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return pools, x


def _relu_conv(x: Any, count: int, kernel: int, width: float, name: str) -> Any:  # noqa: ANN401 - symbolic tensors
    # The paper starts from ImageNet weights; from scratch, sixteen ReLU layers need an initialiser that keeps scale.
    return load_keras().layers.Conv2D(
        max(1, round(count * width)),
        kernel,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        name=name,
    )(x)


def _score(x: Any, channels: int, name: str) -> Any:  # noqa: ANN401 - symbolic tensors
    return load_keras().layers.Conv2D(channels, 1, kernel_initializer="zeros", name=f"{name}_score")(x)


def _upsample(x: Any, channels: int, stride: int, name: str, *, trainable: bool = True) -> Any:  # noqa: ANN401 - tensors
    return load_keras().layers.Conv2DTranspose(
        channels,
        2 * stride,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="zeros",
        trainable=trainable,
        name=name,
    )(x)
