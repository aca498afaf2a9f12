"""Tiny networks for the export's tests, with weights set by hand: they tell bright and red discs from dark ground.

The discs are those of ``blobs.py``: class 1 is bright (all channels high), class 2 red.
"""

from __future__ import annotations

import numpy as np

NAMES_2 = ("background", "bright")
NAMES_3 = ("background", "bright", "red")


def scores_of(pixels, channels, *, activation, rgb=(0, 1, 2)):
    """Add encoder, decoder, skip and head to *pixels* ``(N, H, W, 3)`` in 0..1; give scores ``(N, H, W, K)``.

    Args:
        pixels: Symbolic Keras tensor.
        channels: K: 1 for bright against the rest, 3 for background, bright, red.
        activation: Of the head.
        rgb: Where red, green and blue lie among the channels of *pixels*.
    """
    from keras import layers

    rng = np.random.default_rng(0)
    skip = layers.Conv2D(6, 3, padding="same", activation="relu", name="first")
    deep = layers.Conv2D(6, 3, padding="same", activation="relu", name="deep")
    up = layers.Conv2DTranspose(4, 3, strides=2, padding="same", name="up")
    head = layers.Conv2D(channels, 1, activation=activation, name="head")
    low = skip(pixels)
    high = up(deep(layers.MaxPooling2D(padding="same", name="pool")(low)))
    extra = (high.shape[1] - low.shape[1], high.shape[2] - low.shape[2]) if None not in low.shape[1:3] else (0, 0)
    if extra != (0, 0):
        high = layers.Cropping2D(((0, extra[0]), (0, extra[1])), name="crop")(high)
    scores = head(layers.Concatenate(name="join")([high, low]))
    for layer in (skip, deep, up, head):
        # Small weights everywhere keep every layer busy.
        layer.set_weights([rng.normal(0, 0.05, w.shape).astype(np.float32) for w in layer.get_weights()])
    kernel, bias = skip.get_weights()
    red, green, blue = rgb
    kernel[..., :2], bias[:2] = 0, 0
    kernel[1, 1, blue, 0] = 1
    kernel[1, 1, red, 1], kernel[1, 1, green, 1] = 1, -1
    skip.set_weights([kernel, bias])
    kernel, bias = head.get_weights()
    bright = 0 if channels == 1 else 1
    kernel[0, 0, 4, :], bias[:] = 0, 0
    kernel[0, 0, 5, :] = 0
    kernel[0, 0, 4, bright], bias[bright] = 30, -15
    if channels > 1:
        kernel[0, 0, 5, 2], bias[2] = 30, -12
    head.set_weights([kernel, bias])
    return scores


def build_network(size_hw=(32, 32), channels=1, *, activation="default", rescale=True):
    """Build a functional model: 0..255 (or 0..1) RGB to scores, with sigmoid or softmax by default."""
    import keras

    if activation == "default":
        activation = "sigmoid" if channels == 1 else "softmax"
    image = keras.Input((*size_hw, 3), name="image")
    pixels = keras.layers.Rescaling(1 / 255, name="rescale")(image) if rescale else image
    return keras.Model(image, scores_of(pixels, channels, activation=activation))


def random_pixels(size_hw, count=1, seed=0):
    """Draw ``(N, H, W, 3)`` uint8."""
    return np.random.default_rng(seed).integers(0, 256, (count, *size_hw, 3), np.uint8)
