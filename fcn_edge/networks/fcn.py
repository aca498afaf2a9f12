"""The classic encoder-decoder: convolution and pooling down, transposed convolution and skips up.

After Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation" (CVPR 2015), in the form in
which it is widely taught: three levels of 64, 128 and 256 filters, skips by concatenation. Nothing after the encoder's
last ReLU is nonlinear up to the scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from fcn_edge.errors import UsageError
from fcn_edge.networks.layers import crop_to, head_activation, head_channels, load_keras, open_input, size_hw

Skip = Literal["concat", "add"]

DEFAULT_DEPTH = 3
FIRST_FILTERS = 64


def build_fcn(
    input_shape: tuple[int, int, int],
    *,
    classes: int = 1,
    filters: Sequence[int] | None = None,
    depth: int | None = None,
    skip: Skip = "concat",
    convs: int = 1,
    batch_norm: bool = False,
    initializer: str = "glorot_uniform",
    rescale: bool = False,
    logits: bool = False,
) -> Any:  # noqa: ANN401 - keras.Model, and Keras has no types
    """Build the classic FCN; ``build_fcn((128, 128, 3))`` is the reference network with 1,698,497 parameters.

    Any input size works: pools round up, and each upsampled map is cropped to its skip.

    Args:
        input_shape: Height, width, channels.
        classes: 1 for background and one foreground class (one sigmoid channel), else the number of classes,
            background included (softmax).
        filters: Filters of each level, finest first. Default: ``64 * 2 ** level``.
        depth: Number of levels where *filters* is not given; default 3.
        skip: How a skip joins: ``concat`` (its channels are put beside) or ``add``.
        convs: 3x3 convolutions on each level of the encoder.
        batch_norm: Convolution without bias, batch normalisation, ReLU in the encoder.
        initializer: Keras initialiser of the kernels, the head's excepted. ``he_normal`` keeps the scale of activations
            through the ReLUs and starts to learn epochs earlier; the default is that of the reference.
        rescale: Put ``Rescaling(1/255)`` first: input 0..255. Otherwise the input is 0..1.
        logits: Leave out the last sigmoid or softmax.

    Returns:
        A functional ``keras.Model``: ``(N, H, W, C)`` float32 to ``(N, H, W, K)`` float32, K = *classes*.

    Raises:
        UsageError: An option is out of range.
        MissingPackageError: TensorFlow is not installed.
    """
    levels = _levels(filters, depth)
    if skip not in ("concat", "add"):
        raise UsageError(f"skip {skip!r} is unknown", hint="use concat or add")
    if convs < 1:
        raise UsageError(f"{convs} convolutions on a level cannot be built", hint="give convs=1 or more")
    layers = load_keras().layers
    entry, x = open_input(input_shape, rescale=rescale)
    skips = []
    for level, count in enumerate(levels, start=1):
        for repeat in range(1, convs + 1):
            name = f"enc{level}_conv" + ("" if repeat == 1 else str(repeat))
            x = _convolve(x, count, name=name, batch_norm=batch_norm, initializer=initializer)
        skips.append(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"enc{level}_pool")(x)
    join = layers.Concatenate if skip == "concat" else layers.Add
    for level in range(len(levels), 0, -1):
        x = layers.Conv2DTranspose(
            levels[level - 1],
            3,
            strides=2,
            padding="same",
            kernel_initializer=initializer,
            name=f"dec{level}_upsample",
        )(x)
        x = crop_to(x, size_hw(skips[level - 1]), name=f"dec{level}_crop")
        x = join(name=f"dec{level}_skip")([x, skips[level - 1]])
    activation = head_activation(classes, logits=logits)
    x = layers.Conv2D(head_channels(classes), 1, activation=activation, name="head")(x)
    return load_keras().Model(entry, x, name="fcn")


def _levels(filters: Sequence[int] | None, depth: int | None) -> tuple[int, ...]:
    if filters is None:
        levels = tuple(FIRST_FILTERS * 2**level for level in range(DEFAULT_DEPTH if depth is None else depth))
    else:
        levels = tuple(filters)
        if depth is not None and depth != len(levels):
            raise UsageError(
                f"depth {depth} does not agree with the {len(levels)} filters {levels}", hint="give one of the two"
            )
    if not levels or min(levels) < 1:
        raise UsageError(f"filters {levels} give no network", hint="give at least one level of at least one filter")
    return levels


def _convolve(x: Any, count: int, *, name: str, batch_norm: bool, initializer: str) -> Any:  # noqa: ANN401 - tensors
    layers = load_keras().layers
    if not batch_norm:
        return layers.Conv2D(count, 3, padding="same", activation="relu", kernel_initializer=initializer, name=name)(x)
    # The normalisation's own shift makes a bias redundant.
    x = layers.Conv2D(count, 3, padding="same", use_bias=False, kernel_initializer=initializer, name=name)(x)
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
