"""Folding models of others: shared layers, constants among maps, layers that look linear and are not."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from fcn_edge.export.graph import inline, model_of, new_input  # noqa: E402 - after the check for Keras
from fcn_edge.export.passes import run_passes  # noqa: E402

layers = keras.layers


def randomize(model):
    rng = np.random.default_rng(1)
    for layer in model.layers:
        layer.set_weights([rng.uniform(0.3, 1.5, w.shape) * rng.choice([1.0, 0.7]) for w in layer.get_weights()])


def assert_same_scores(build):
    """Hold the model of *build*, a function from an 8x8x3 map to scores, to what the passes make of it."""
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, build(image))
    randomize(model)
    entry = new_input((8, 8))
    flat = model_of(entry, inline(model, entry))
    pixels = np.random.default_rng(0).uniform(-1, 1, (1, 8, 8, 3)).astype(np.float32)
    wanted = np.asarray(model(pixels))
    assert np.ptp(wanted) > 0
    assert np.abs(np.asarray(run_passes(flat).model(pixels)) - wanted).max() <= 1e-5 * np.ptp(wanted)


def head(tensor, channels=2):
    return layers.Conv2D(channels, 1)(layers.Conv2DTranspose(4, 3, strides=2, padding="same")(tensor))


def source(image, channels=4):
    return layers.Conv2D(channels, 3, padding="same", activation="relu")(image)


COORDINATES = np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 8, 8, 1)


@pytest.mark.parametrize(
    "join",
    [
        lambda x: keras.ops.concatenate([x, COORDINATES], axis=-1),
        lambda x: layers.Concatenate()([x, keras.ops.convert_to_tensor(COORDINATES), x]),
        lambda x: layers.Add()([x, x, keras.ops.convert_to_tensor(COORDINATES.repeat(4, axis=-1))]),
        lambda x: x + 0.7,
    ],
    ids=["concatenated", "between maps", "added", "a number"],
)
def test_constants_beside_maps_keep_their_part(join):
    assert_same_scores(lambda image: head(join(source(image))))


def test_one_normalisation_of_two_convolutions_follows_both():
    def build(image):
        norm = layers.BatchNormalization()
        x = source(image)
        return layers.Multiply()([norm(layers.Conv2D(4, 1)(x)), norm(layers.Conv2D(4, 1)(x))])

    assert_same_scores(build)


def test_a_normalisation_of_a_convolution_and_of_its_relu_follows_both():
    def build(image):
        norm = layers.BatchNormalization()
        x = layers.Conv2D(4, 1)(source(image))
        return layers.Multiply()([norm(x), norm(layers.ReLU()(x))])

    assert_same_scores(build)


@keras.saving.register_keras_serializable("tests")
class BentNormalization(layers.BatchNormalization):
    def call(self, inputs, **kwargs):
        return keras.ops.tanh(super().call(inputs, **kwargs))


def test_a_subclass_of_a_normalisation_is_left_alone():
    assert_same_scores(lambda image: head(BentNormalization()(layers.Conv2D(4, 1)(source(image)))))


def test_an_activation_that_is_called_linear_but_is_not_is_left_alone():
    def linear(x):
        return keras.ops.square(x)

    assert_same_scores(lambda image: head(layers.Conv2D(4, 1, activation=linear)(source(image))))


def test_an_adapter_beside_a_kernel_keeps_its_part():
    def build(image):
        convolution = layers.Conv2D(4, 1)
        x = convolution(source(image))
        convolution.enable_lora(2)
        return head(layers.BatchNormalization()(x))

    assert_same_scores(build)


def test_a_decoder_that_is_called_twice_gives_both_its_results():
    def build(image):
        part = keras.Input((8, 8, 4))
        joined = layers.Concatenate()([part, part])
        decoder = keras.Model(part, layers.Conv2D(3, 3, padding="same")(joined))
        return layers.Multiply()([decoder(source(image)), decoder(source(image))])

    assert_same_scores(build)


def test_an_input_given_by_name_is_found():
    def build(image):
        x = layers.Conv2D(4, 1)(inputs=source(image))
        x = layers.ReLU()(inputs=layers.BatchNormalization()(inputs=x))
        up = layers.UpSampling2D()(inputs=x)
        return layers.Conv2D(2, 3, padding="same", activation="relu")(inputs=up)

    assert_same_scores(build)
