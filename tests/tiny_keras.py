"""A tiny network of the classic kind with weights set by hand: it finds what is brighter than a level."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fcn_edge.card import ModelCard, class_specs
from fcn_edge.model_file import write_card


def make_tiny_keras(path: Path, *, level: float = 32.0, size_hw: tuple[int, int] = (32, 32)) -> Path:
    """Write a ``.keras`` with a card: encoder, transposed convolution, concatenation, sigmoid head; 0..255 RGB in."""
    import keras

    pixels = keras.Input((*size_hw, 3), name="pixels")
    real = keras.layers.Rescaling(1 / 255)(pixels)
    skip = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(real)
    deep = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(keras.layers.MaxPooling2D()(skip))
    up = keras.layers.Conv2DTranspose(4, 3, strides=2, padding="same")(deep)
    head = keras.layers.Conv2D(1, 1, activation="sigmoid")(keras.layers.Concatenate()([up, skip]))
    model = keras.Model(pixels, head)
    rng = np.random.default_rng(0)
    # Small weights everywhere keep every layer busy; the first channel of the skip alone carries the brightness.
    model.set_weights([rng.normal(0, 0.02, w.shape).astype(np.float32) for w in model.get_weights()])
    first, last = model.layers[2], model.layers[-1]
    kernel, bias = first.get_weights()
    kernel[..., 0] = 0
    kernel[1, 1, :, 0] = 1 / 3
    bias[0] = 0
    first.set_weights([kernel, bias])
    kernel, bias = last.get_weights()
    kernel[0, 0, 4, 0] = 40.0
    bias[0] = -40.0 * level / 255
    last.set_weights([kernel, bias])
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
    write_card(path, ModelCard("tiny", "fcn", class_specs(("background", "nucleus")), size_hw, threshold=0.5))
    return path
