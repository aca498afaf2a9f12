"""Input scaling goes into the first convolution, exactly; where it cannot, into one 1x1 convolution."""

import numpy as np
import pytest
from export_networks import random_pixels

from fcn_edge.export.absorb import absorb_input_scaling
from fcn_edge.export.graph import inline, model_of, new_input

keras = pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk

SIZE_HW = (9, 11)


def flat(scale, *, padding="same", pad=False, extra_reader=False):
    """A flat model of *scale* and a convolution; optionally padded, or with the image read twice."""
    layers = keras.layers
    entry = keras.Input((*SIZE_HW, 3))
    scaled = scale(entry)
    pixels = layers.ZeroPadding2D(1, name="pad")(scaled) if pad else scaled
    scores = layers.Conv2D(4, 3, padding=padding, activation="relu", name="first")(pixels)
    if extra_reader:
        scores = layers.Concatenate(name="join")([scores, scaled])
    return flattened(keras.Model(entry, layers.Conv2D(2, 1, name="head")(scores)))


def flattened(model):
    fresh = new_input(SIZE_HW)
    return model_of(fresh, inline(model, fresh))


def names(model):
    return [operation.name for operation in model.operations]


def same(before, after):
    pixels = random_pixels(SIZE_HW).astype(np.float32)
    expected = np.asarray(before(pixels))
    np.testing.assert_allclose(np.asarray(after(pixels)), expected, atol=1e-5 * np.ptp(expected))


SCALES = {
    "Rescaling": keras.layers.Rescaling(1 / 255),
    "division": lambda x: x / 255,
    "constant first": lambda x: 0.004 * x,
    "flip to BGR": lambda x: keras.ops.flip(x, axis=-1),
    "several": lambda x: keras.layers.Rescaling(2.0)(keras.ops.flip(x / 255, axis=-1)),
    "per channel": keras.layers.Rescaling([0.1, 0.2, 0.3]),
}
SHIFTS = {
    "Rescaling to -1..1": keras.layers.Rescaling(1 / 127.5, -1),
    "Normalization": keras.layers.Normalization(mean=[10.0, 20.0, 30.0], variance=[4.0, 9.0, 16.0]),
    "minus a mean": lambda x: x - 127.5,
}


@pytest.mark.parametrize("name", SCALES)
def test_pure_scaling_leaves_nothing_before_the_convolution(name):
    before = flat(SCALES[name])
    after = absorb_input_scaling(before)
    assert names(after) == ["image", "first", "head"]
    same(before, after)


@pytest.mark.parametrize("name", SHIFTS)
def test_a_shift_before_zero_padding_becomes_one_small_convolution(name):
    before = flat(SHIFTS[name])
    after = absorb_input_scaling(before)
    assert names(after) == ["image", "input_scaling", "first", "head"]
    same(before, after)


@pytest.mark.parametrize("name", SHIFTS)
def test_a_shift_before_a_valid_convolution_goes_into_its_bias(name):
    before = flat(SHIFTS[name], padding="valid")
    after = absorb_input_scaling(before)
    assert names(after) == ["image", "first", "head"]
    same(before, after)


def test_scaling_passes_through_zero_padding():
    before = flat(SCALES["Rescaling"], padding="valid", pad=True)
    after = absorb_input_scaling(before)
    assert names(after) == ["image", "pad", "first", "head"]
    same(before, after)


def test_a_shift_does_not_pass_through_zero_padding():
    before = flat(SHIFTS["minus a mean"], padding="valid", pad=True)
    after = absorb_input_scaling(before)
    assert names(after) == ["image", "input_scaling", "pad", "first", "head"]
    same(before, after)


@pytest.mark.parametrize("scale", [SCALES["Rescaling"], lambda x: x / 255])
def test_an_image_that_several_convolutions_read_is_scaled_in_each(scale):
    entry = keras.Input((*SIZE_HW, 3))
    scaled = scale(entry)
    readers = [keras.layers.Conv2D(2, 3, padding="same", name=name)(scaled) for name in ("left", "right")]
    before = flattened(keras.Model(entry, keras.layers.Concatenate(name="join")(readers)))
    after = absorb_input_scaling(before)
    assert sorted(names(after)) == ["image", "join", "left", "right"]
    same(before, after)


def test_networks_side_by_side_lose_the_scaling_of_each():
    entry = keras.Input((*SIZE_HW, 3))
    scales = (keras.layers.Rescaling(1 / 255, name="to_1"), keras.layers.Rescaling(1 / 127.5, -1, name="to_2"))
    sides = [
        keras.layers.Conv2D(2, 3, padding="same", name=f"first_{n}")(scale(entry)) for n, scale in enumerate(scales)
    ]
    before = flattened(keras.Model(entry, keras.layers.Concatenate(name="join")(sides)))
    after = absorb_input_scaling(before)
    assert sorted(names(after)) == ["first_0", "first_1", "image", "input_scaling", "join"]
    same(before, after)


def test_a_scaling_that_is_called_again_further_on_stays():
    scale = keras.layers.Rescaling(1 / 255)
    entry = keras.Input((*SIZE_HW, 3))
    before = flattened(keras.Model(entry, scale(keras.layers.Conv2D(3, 3, name="first")(scale(entry)))))
    assert absorb_input_scaling(before) is before


def test_a_scaled_image_that_is_also_read_otherwise_stays():
    before = flat(SCALES["Rescaling"], extra_reader=True)
    assert absorb_input_scaling(before) is before


def test_what_mixes_pixels_is_not_taken_for_scaling():
    before = flat(keras.layers.AveragePooling2D(3, strides=1, padding="same", name="blur"))
    assert absorb_input_scaling(before) is before


def test_a_model_without_scaling_stays():
    before = flat(lambda x: x)
    assert absorb_input_scaling(before) is before
