"""The last activation is taken off wherever it stands, and recognised where it cannot be."""

import numpy as np
import pytest
from export_networks import build_network, random_pixels, scores_of
from hypothesis import given
from hypothesis import strategies as st

from fcn_edge.errors import ModelFileError
from fcn_edge.export.graph import inline, model_of, new_input
from fcn_edge.export.head import apply_activation, measure_activation, strip_head

keras = pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk

SIZE_HW = (16, 20)


def flat(model):
    entry = new_input(SIZE_HW)
    return model_of(entry, inline(model, entry))


def logits(channels):
    """An input and scores without activation."""
    image = keras.Input((*SIZE_HW, 3))
    return image, scores_of(image / 255, channels, activation=None)


def nested_twice(layer, channels):
    image, scores = logits(channels)
    inner = keras.Model(image, layer(scores))
    first, second = keras.Input((*SIZE_HW, 3)), keras.Input((*SIZE_HW, 3))
    return keras.Model(second, keras.Model(first, inner(first))(second))


def after(layer, channels):
    image, scores = logits(channels)
    return keras.Model(image, layer(scores))


HEADS = {
    "activation of the last layer": (lambda: build_network(SIZE_HW, 1), "sigmoid"),
    "softmax of the last layer": (lambda: build_network(SIZE_HW, 3), "softmax"),
    "Activation layer": (lambda: after(keras.layers.Activation("sigmoid"), 1), "sigmoid"),
    "Softmax layer": (lambda: after(keras.layers.Softmax(), 3), "softmax"),
    "Keras op": (lambda: after(keras.ops.sigmoid, 1), "sigmoid"),
    "softmax op": (lambda: after(lambda x: keras.ops.softmax(x, axis=-1), 3), "softmax"),
    "inside two nested models": (lambda: nested_twice(keras.layers.Softmax(), 3), "softmax"),
    "sequential": (
        lambda: keras.Sequential([keras.Input((*SIZE_HW, 3)), keras.layers.Conv2D(2, 1, activation="softmax")]),
        "softmax",
    ),
    "no activation": (lambda: build_network(SIZE_HW, 3, activation=None), "none"),
    "another activation": (lambda: after(keras.layers.Activation("relu"), 1), "none"),
    "softmax over the width": (lambda: after(keras.layers.Softmax(axis=2), 3), "none"),
}


@pytest.mark.parametrize("name", HEADS)
def test_the_activation_is_taken_off_and_put_back_gives_the_same(name):
    build, expected = HEADS[name]
    whole = flat(build())
    head = strip_head(whole)
    assert head.stripped == expected
    pixels = random_pixels(SIZE_HW).astype(np.float32)
    restored = apply_activation(np.asarray(head.model(pixels)), head.stripped)
    np.testing.assert_allclose(restored, np.asarray(whole(pixels)), atol=1e-6)


def test_softmax_over_one_channel_is_refused():
    with pytest.raises(ModelFileError, match="1 for every pixel"):
        strip_head(flat(after(keras.layers.Softmax(), 1)))


@given(seed=st.integers(0, 1000), channels=st.integers(1, 5))
def test_a_head_that_stays_is_recognised_by_its_scores(seed, channels):
    scores = np.random.default_rng(seed).normal(0, 3, (1, 6, 7, channels)).astype(np.float32)
    activation = "sigmoid" if channels == 1 else "softmax"
    assert measure_activation([apply_activation(scores, activation)]) == activation
    assert measure_activation([scores]) == "none"


def test_probabilities_that_do_not_add_up_are_sigmoids():
    scores = np.full((1, 4, 4, 3), 0.7, np.float32)
    assert measure_activation([scores]) == "sigmoid"
