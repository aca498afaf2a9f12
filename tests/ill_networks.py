"""Small networks for the diagnosis of int8 files: a healthy one, and ones made ill in a known layer."""

from __future__ import annotations

import numpy as np

SIZE_HW = (32, 32)
NAMES = ("background", "bright", "red")


def build_chain(ill=None, *, factor=1000.0):
    """Build four convolutions in a row that tell bright, red and dark discs apart.

    Args:
        ill: None; ``channel``: one channel of ``second`` is *factor* times too large and its reader ``third`` makes up
            for it; ``weights``: ``third`` has weights *factor* times too large, but only for a channel that is always
            0; ``join``: a signed map *factor* times too large is joined with small ones.
        factor: How ill.
    """
    import keras
    from keras import layers

    rng = np.random.default_rng(3)
    image = keras.Input((*SIZE_HW, 3), name="image")
    x = layers.Rescaling(1 / 255, name="rescale")(image)
    first = layers.Conv2D(8, 3, padding="same", activation="relu", name="first")
    second = layers.Conv2D(8, 3, padding="same", activation="relu", name="second")
    third = layers.Conv2D(8, 3, padding="same", activation="relu", name="third")
    head = layers.Conv2D(3, 1, name="head")
    x = second(first(x))
    if ill == "join":
        wide = layers.Conv2D(8, 1, name="wide")
        x = layers.Concatenate(name="join")([x, wide(x)])
    scores = head(third(x))
    for layer in (first, second, third, head):
        layer.set_weights([rng.normal(0, 0.08, w.shape).astype(np.float32) for w in layer.get_weights()])
    for layer in (first, second, third):
        _carry(layer)
    kernel, bias = head.get_weights()
    kernel[...] *= 0.2
    kernel[0, 0, 0], kernel[0, 0, 1], bias[:] = (-6, 0, 6), (0, 8, -8), (3, -4, -1)
    head.set_weights([kernel, bias])
    if ill == "channel":
        _blow_up(second, third, 7, factor)
    if ill == "weights":
        kernel, bias = second.get_weights()
        bias[7] = -factor
        second.set_weights([kernel, bias])
        kernel, bias = third.get_weights()
        kernel[1, 1, 7] = factor
        third.set_weights([kernel, bias])
    if ill == "join":
        wide.set_weights([rng.normal(0, factor, w.shape).astype(np.float32) for w in wide.get_weights()])
        kernel, bias = third.get_weights()
        kernel[:, :, 8:] /= factor * 100
        third.set_weights([kernel, bias])
    return keras.Model(image, scores)


def _carry(layer):
    """Let channels 0 and 1 (red and green) through, so that the scores depend on every layer."""
    kernel, bias = layer.get_weights()
    kernel[:, :, :, :2], bias[:2] = kernel[:, :, :, :2] * 0.1, 0
    kernel[1, 1, 0, 0] += 1
    kernel[1, 1, 1, 1] += 1
    layer.set_weights([kernel, bias])


def _blow_up(layer, reader, channel, factor):
    """Multiply one channel of *layer* and divide what *reader* makes of it: the same network, exactly."""
    kernel, bias = layer.get_weights()
    kernel[..., channel] *= factor
    bias[channel] *= factor
    layer.set_weights([kernel, bias])
    kernel, bias = reader.get_weights()
    kernel[:, :, channel] /= factor
    reader.set_weights([kernel, bias])
