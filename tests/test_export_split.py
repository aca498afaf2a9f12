"""Concatenations taken apart before a linear convolution."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from fcn_edge.export.split import split_concatenations  # noqa: E402 - after the check for Keras
from fcn_edge.networks import build_fcn  # noqa: E402


def kinds(model):
    return [type(operation).__name__ for operation in model.operations]


def assert_same(first, second):
    image = np.random.default_rng(0).normal(size=first.input_shape[1:]).astype(np.float32)[None]
    before, after = first(image).numpy(), second(image).numpy()
    # Float32 sums in another order.
    assert np.abs(before - after).max() <= 1e-5 * np.ptp(before)


@pytest.mark.parametrize("size_hw", [(16, 16), (13, 21)])
def test_an_fcn_without_its_concatenations_gives_the_same_scores(size_hw):
    model = build_fcn((*size_hw, 3), filters=(4, 6, 8), classes=3, logits=True)
    split = split_concatenations(model)
    assert "Concatenate" in kinds(model)
    assert "Concatenate" not in kinds(split)
    assert_same(model, split)


def test_biases_are_added_once():
    entry = keras.Input((8, 8, 2))
    join = keras.layers.Concatenate()([entry, entry, entry])
    model = keras.Model(entry, keras.layers.Conv2DTranspose(3, 3, bias_initializer="ones")(join))
    assert_same(model, split_concatenations(model))


def test_a_concatenation_before_an_activation_stays():
    entry = keras.Input((8, 8, 2))
    join = keras.layers.Concatenate()([entry, entry])
    model = keras.Model(entry, keras.layers.Conv2D(3, 3, activation="relu")(join))
    assert split_concatenations(model) is model


def test_a_concatenation_that_two_layers_read_stays():
    entry = keras.Input((8, 8, 2))
    join = keras.layers.Concatenate()([entry, entry])
    both = keras.layers.Add()([keras.layers.Conv2D(3, 1)(join), keras.layers.Conv2D(3, 1)(join)])
    model = keras.Model(entry, both)
    assert split_concatenations(model) is model
