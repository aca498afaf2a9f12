"""The classic FCN: its layers and parameters to the last one, its options, any size."""

import numpy as np
import pytest

from fcn_edge.errors import UsageError
from fcn_edge.networks import ARCHITECTURES, build_fcn
from fcn_edge.networks.layers import load_keras

pytestmark = pytest.mark.desk


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def names(model):
    return [layer.name for layer in model.layers]


def conv(kernel, channels_in, channels_out):
    """Parameters of a convolution or transposed convolution with bias."""
    return kernel * kernel * channels_in * channels_out + channels_out


def images(*shape, high=1.0):
    return (np.random.default_rng(0).random(shape) * high).astype(np.float32)


def test_the_reference_has_the_parameters_counted_by_hand():
    encoder = conv(3, 3, 64) + conv(3, 64, 128) + conv(3, 128, 256)
    decoder = conv(3, 256, 256) + conv(3, 256 + 256, 128) + conv(3, 128 + 128, 64)
    head = conv(1, 64 + 64, 1)
    assert encoder + decoder + head == 1_698_497
    assert build_fcn((128, 128, 3)).count_params() == 1_698_497


def test_the_reference_has_its_layers_in_order():
    down = ["Conv2D", "MaxPooling2D"] * 3
    up = ["Conv2DTranspose", "Concatenate"] * 3
    assert kinds(build_fcn((128, 128, 3))) == ["InputLayer", *down, *up, "Conv2D"]


def test_the_layers_of_the_reference_are_as_described():
    model = build_fcn((128, 128, 3))
    for level, filters in ((1, 64), (2, 128), (3, 256)):
        encode = model.get_layer(f"enc{level}_conv")
        assert (encode.filters, encode.kernel_size, encode.padding) == (filters, (3, 3), "same")
        assert encode.activation.__name__ == "relu"
        assert model.get_layer(f"enc{level}_pool").pool_size == (2, 2)
        decode = model.get_layer(f"dec{level}_upsample")
        assert (decode.filters, decode.kernel_size, decode.strides) == (filters, (3, 3), (2, 2))
        assert (decode.padding, decode.activation.__name__) == ("same", "linear")
        skip = model.get_layer(f"dec{level}_skip")
        assert [source.path.split("/")[0] if hasattr(source, "path") else source.name for source in skip.input] == [
            decode.output.name,
            encode.output.name,
        ]
    head = model.get_layer("head")
    assert (head.filters, head.kernel_size, head.activation.__name__) == (1, (1, 1), "sigmoid")


def test_layers_have_stable_names():
    assert names(build_fcn((32, 32, 3), filters=(2, 4), rescale=True)) == [
        "image",
        "rescale",
        "enc1_conv",
        "enc1_pool",
        "enc2_conv",
        "enc2_pool",
        "dec2_upsample",
        "dec2_skip",
        "dec1_upsample",
        "dec1_skip",
        "head",
    ]


@pytest.mark.parametrize("skip", ["concat", "add"])
@pytest.mark.parametrize("size_hw", [(79, 131), (64, 32), (1, 1), (9, 250)])
def test_any_input_size_comes_out_again(size_hw, skip):
    model = build_fcn((*size_hw, 3), filters=(2, 3, 4), skip=skip)
    assert model.predict_on_batch(images(2, *size_hw, 3)).shape == (2, *size_hw, 1)


def test_a_size_that_pools_evenly_needs_no_crop():
    assert "Cropping2D" not in kinds(build_fcn((64, 64, 3), filters=(2, 3, 4)))


def test_depth_doubles_the_filters_from_64():
    model = build_fcn((16, 16, 3), depth=2)
    assert [model.get_layer(f"enc{level}_conv").filters for level in (1, 2)] == [64, 128]


def test_adding_skips_keeps_the_channels():
    """Addition adds no channels, so each later layer is narrower than with concatenation."""
    by_hand = conv(3, 3, 4) + conv(3, 4, 6) + conv(3, 6, 6) + conv(3, 6, 4) + conv(1, 4, 1)
    model = build_fcn((16, 16, 3), filters=(4, 6), skip="add")
    assert model.count_params() == by_hand
    assert model.get_layer("dec2_skip").output.shape == (None, 8, 8, 6)


def test_more_convolutions_on_a_level_follow_each_other():
    model = build_fcn((16, 16, 3), filters=(4,), convs=2)
    assert names(model)[1:4] == ["enc1_conv", "enc1_conv2", "enc1_pool"]
    assert model.count_params() == conv(3, 3, 4) + conv(3, 4, 4) + conv(3, 4, 4) + conv(1, 8, 1)


def test_batch_normalisation_takes_the_place_of_the_bias():
    model = build_fcn((16, 16, 3), filters=(4,), batch_norm=True)
    assert kinds(model)[1:5] == ["Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D"]
    assert not model.get_layer("enc1_conv").use_bias


def test_rescaling_takes_raw_pixels():
    plain = build_fcn((16, 16, 3), filters=(4,))
    raw = build_fcn((16, 16, 3), filters=(4,), rescale=True)
    raw.set_weights(plain.get_weights())
    pixels = images(1, 16, 16, 3, high=255)
    # Division by 255 before or inside the graph: one rounding apart.
    np.testing.assert_allclose(raw.predict_on_batch(pixels), plain.predict_on_batch(pixels / 255), atol=1e-6)


def test_several_classes_end_in_a_softmax():
    scores = build_fcn((16, 16, 3), classes=3, filters=(4,)).predict_on_batch(images(1, 16, 16, 3))
    assert scores.shape == (1, 16, 16, 3)
    np.testing.assert_allclose(scores.sum(axis=-1), 1, atol=1e-6)


@pytest.mark.parametrize(("classes", "activation"), [(1, "sigmoid"), (3, "softmax")])
def test_logits_are_the_scores_before_the_last_activation(classes, activation):
    ops = load_keras().ops
    whole = build_fcn((16, 16, 3), classes=classes, filters=(4,))
    logits = build_fcn((16, 16, 3), classes=classes, filters=(4,), logits=True)
    logits.set_weights(whole.get_weights())
    pixels = images(1, 16, 16, 3)
    expected = getattr(ops, activation)(logits.predict_on_batch(pixels))
    np.testing.assert_allclose(whole.predict_on_batch(pixels), expected, atol=1e-6)


def test_a_saved_network_loads_in_plain_keras(tmp_path):
    model = build_fcn((15, 17, 3), filters=(2, 4), rescale=True, batch_norm=True)
    model.save(tmp_path / "model.keras")
    again = load_keras().models.load_model(tmp_path / "model.keras")
    pixels = images(1, 15, 17, 3, high=255)
    np.testing.assert_array_equal(again.predict_on_batch(pixels), model.predict_on_batch(pixels))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((128, 128), {}, "input shape"),
        ((0, 128, 3), {}, "input shape"),
        ((16, 16, 3), {"classes": 0}, "0 classes"),
        ((16, 16, 3), {"filters": (4, 8), "depth": 3}, "depth 3 does not agree with the 2 filters"),
        ((16, 16, 3), {"filters": ()}, "give no network"),
        ((16, 16, 3), {"depth": 0}, "give no network"),
        ((16, 16, 3), {"skip": "mul"}, "skip 'mul' is unknown"),
        ((16, 16, 3), {"convs": 0}, "0 convolutions"),
    ],
)
def test_an_option_out_of_range_is_named(shape, options, message):
    with pytest.raises(UsageError, match=message):
        build_fcn(shape, **options)


def test_every_architecture_takes_the_options_of_the_trainer():
    small = {"fcn": {"filters": (2,)}, "fcn_lite0": {"decoder": 8}}
    for name, builder in ARCHITECTURES.items():
        model = builder((9, 7, 3), classes=2, rescale=True, logits=True, **small.get(name, {"width": 0.01}))
        assert model.output.shape == (None, 9, 7, 2), name
        assert model.name == name
