"""The plans of ``linear_decoders`` in Keras, with random weights in every layer, and the images to try them on."""

from __future__ import annotations

import numpy as np
from linear_decoders import Node, Plan


def build(plan: Plan, dtype="float32"):
    """Build a flat Keras model, ``(1, H, W, 3)`` to ``(1, H', W', K)``; layer *n* computes node *n*."""
    import keras

    tensors = []
    for number, node in enumerate(plan.nodes):
        if node.kind == "image":
            tensors.append(keras.Input(batch_shape=(1, *node.shape), dtype=dtype, name="image"))
            continue
        layer = _layer(node, {"name": layer_name(number, node), "dtype": dtype})
        reads = [tensors[read] for read in node.reads]
        tensors.append(layer(reads if len(reads) > 1 else reads[0]))
        if tuple(tensors[-1].shape[1:]) != node.shape:
            raise AssertionError(f"node {number}: {node} became {tensors[-1].shape}")
    model = keras.Model(tensors[0], tensors[-1])
    randomise(model, plan.seed)
    return model


def layer_name(number, node: Node):
    return f"{node.kind}_{number}"


def _layer(node: Node, common):
    from keras import layers

    options = node.options
    if node.kind == "relu_conv":
        return layers.Conv2D(node.shape[2], 3, padding="same", activation="relu", **common)
    if node.kind == "conv":
        return layers.Conv2D(
            node.shape[2],
            options["kernel"],
            strides=options["stride"],
            dilation_rate=options["dilation"],
            padding=options["padding"],
            use_bias=options["bias"],
            **common,
        )
    if node.kind == "transposed":
        return layers.Conv2DTranspose(
            node.shape[2],
            options["kernel"],
            strides=options["strides"],
            padding=options["padding"],
            use_bias=options["bias"],
            **common,
        )
    make = {
        "pool": lambda: layers.MaxPooling2D(options["stride"], padding="same", **common),
        "batch_norm": lambda: layers.BatchNormalization(center=options["center"], scale=options["scale"], **common),
        "nearest": lambda: layers.UpSampling2D(options["by"], interpolation="nearest", **common),
        "bilinear": lambda: layers.UpSampling2D(options["by"], interpolation="bilinear", **common),
        "crop": lambda: layers.Cropping2D(options["by"], **common),
        "pad": lambda: layers.ZeroPadding2D(options["by"], **common),
        "linear": lambda: layers.Activation("linear", **common),
        "dropout": lambda: layers.Dropout(0.5, **common),
        "relu": lambda: layers.ReLU(**common),
        "concat": lambda: layers.Concatenate(**common),
        "add": lambda: layers.Add(**common),
    }
    return make[node.kind]()


def randomise(model, seed):
    """Draw every weight of a model, biases and statistics too, so that maps keep about the same scale."""
    rng = np.random.default_rng(seed)
    for layer in model._flatten_layers(include_self=False):
        for weight in layer.weights if not hasattr(layer, "layers") else ():
            weight.assign(_draw_weight(rng, layer, weight.name, tuple(weight.shape)))


def _draw_weight(rng, layer, name, shape):
    if name == "moving_variance":
        return rng.uniform(0.25, 2, shape)
    if name == "gamma":
        return rng.uniform(0.5, 1.5, shape) * rng.choice((-1, 1), shape)
    if len(shape) < 4:
        return rng.normal(0, 0.3, shape)
    transposed = type(layer).__name__ == "Conv2DTranspose"
    fan_in = np.prod(shape[:2]) * shape[3 if transposed else 2]
    if transposed:
        # Of the kernel's pixels, one in stride x stride meets each output.
        fan_in = max(fan_in / np.prod(layer.strides), shape[3])
    return rng.normal(0, np.sqrt(1.5 / fan_in), shape)


def probe_images(size_hw, seed=0):
    """Draw noise, of all pixels and of the border alone, and make a black image, for the constant part.

    Each is ``(1, H, W, 3)`` float32 in 0..1, in steps that float32 holds exactly.
    """
    noise, frame = np.random.default_rng(seed).integers(0, 257, (2, *size_hw, 3))
    frame[1:-1, 1:-1] = 0
    return [(image[None] / 256).astype(np.float32) for image in (noise, frame, 0 * noise)]


def scores(model, images):
    """Run a model on images one by one; ``(N, H, W, K)`` of the model's own dtype."""
    return np.concatenate([np.asarray(model(image, training=False)) for image in images])


def difference(found, expected):
    """Give the largest difference as a share of the range of what was expected, over all images."""
    if found.shape != expected.shape:
        raise AssertionError(f"{found.shape} instead of {expected.shape}")
    return float(np.abs(found.astype(np.float64) - expected).max() / max(np.ptp(expected.astype(np.float64)), 1e-30))


def answers(expected):
    """Tell whether scores depend on the image to speak of.

    ReLUs may all be shut for each of a few images; what is left is a constant, and its roundings are of any share of no
    range.
    """
    return np.ptp(expected) > 0.01 * np.abs(expected).max()
