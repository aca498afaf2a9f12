"""Flat models compute what the nested ones did, whatever they are made of."""

import numpy as np
import pytest
from export_networks import random_pixels

from fcn_edge.export.freeze import count_macs
from fcn_edge.export.graph import consumers, graph_of, inline, model_of, new_input, producer

keras = pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk

SIZE_HW = (12, 16)


def flat(model, size_hw=SIZE_HW):
    entry = new_input(size_hw)
    return model_of(entry, inline(model, entry))


def block(name, channels_in, channels_out):
    """A nested model whose layers are called as those of every other block."""
    layers = keras.layers
    image = keras.Input((None, None, channels_in))
    x = layers.Conv2D(channels_out, 3, padding="same", name="conv")(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Dropout(0.5, name="drop")(x) + 1.0
    return keras.Model(image, layers.ReLU(name="relu")(x), name=name)


def two_blocks():
    image = keras.Input((*SIZE_HW, 3))
    shared = block("second", 4, 4)
    x = block("first", 3, 4)(image)
    # The same block twice, and once recorded as in training.
    model = keras.Model(image, shared(shared(x), training=True))
    rng = np.random.default_rng(0)
    model.set_weights([np.abs(rng.normal(0.5, 0.3, w.shape)).astype(np.float32) for w in model.get_weights()])
    return model


def test_nested_models_become_operations_with_names_of_their_own():
    model = flat(two_blocks())
    names = [operation.name for operation in model.operations]
    assert len(names) == len(set(names))
    assert all(graph_of(operation) is None for operation in model.operations)
    assert sum("conv" in name for name in names) == 2


def test_a_flat_model_computes_the_same_without_dropout():
    nested = two_blocks()
    pixels = random_pixels(SIZE_HW).astype(np.float32)
    image = keras.Input((*SIZE_HW, 3))
    shared = nested.get_layer("second")
    expected = shared(shared(nested.get_layer("first")(pixels, training=False), training=False), training=False)
    assert image.shape == nested.inputs[0].shape
    np.testing.assert_allclose(np.asarray(flat(nested)(pixels)), np.asarray(expected), rtol=1e-5)


def test_a_fully_convolutional_model_can_take_another_size():
    model = flat(two_blocks(), (20, 8))
    assert model.outputs[0].shape == (1, 20, 8, 4)


def test_layers_trained_in_mixed_precision_compute_in_float32(tmp_path):
    from fcn_edge.export.load import load_source

    image = keras.Input((*SIZE_HW, 3), dtype="float32")
    half = keras.layers.Conv2D(2, 3, dtype="mixed_float16")(image)
    keras.Model(image, keras.layers.Activation("softmax", dtype="float32")(half)).save(tmp_path / "mixed.keras")
    model = flat(load_source(tmp_path / "mixed.keras").model)
    assert {str(operation.compute_dtype) for operation in model.layers} == {"float32"}
    assert model.outputs[0].dtype == "float32"


def test_producer_and_consumers_walk_the_graph():
    model = flat(two_blocks())
    entry = model.inputs[0]
    assert producer(entry) is None
    ((first, node),) = consumers(model, entry)
    assert first.name == "conv"
    assert producer(node.outputs[0])[0] is first


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (lambda layers: layers.Conv2D(5, 3, padding="same"), 12 * 16 * 9 * 3 * 5),
        (lambda layers: layers.Conv2D(6, 3, strides=2, padding="valid"), 5 * 7 * 9 * 3 * 6),
        (lambda layers: layers.Conv2D(6, 3, padding="same", groups=3), 12 * 16 * 9 * 1 * 6),
        (lambda layers: layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2), 12 * 16 * 9 * 3 * 2),
        (lambda layers: layers.Conv2DTranspose(4, 3, strides=2, padding="same"), 12 * 16 * 9 * 3 * 4),
        (lambda layers: layers.Dense(7), 12 * 16 * 3 * 7),
        (lambda layers: layers.ReLU(), 0),
    ],
)
def test_multiply_adds_are_counted(layer, macs):
    image = keras.Input((*SIZE_HW, 3))
    model = flat(keras.Model(image, layer(keras.layers)(image)))
    assert count_macs(model) == macs
