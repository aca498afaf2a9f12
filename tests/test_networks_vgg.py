"""FCN-32s, FCN-16s and FCN-8s: the paper's score layers, sums and bilinear upsampling."""

import cv2
import numpy as np
import pytest

from fcn_edge.errors import UsageError
from fcn_edge.networks import build_fcn8s, build_fcn16s, build_fcn32s
from fcn_edge.networks.bilinear import bilinear_kernel
from fcn_edge.networks.layers import load_keras

BUILDERS = {"fcn32s": build_fcn32s, "fcn16s": build_fcn16s, "fcn8s": build_fcn8s}

pytestmark = pytest.mark.desk


def tiny(builder, size_hw=(64, 64), **options):
    return builder((*size_hw, 3), width=1 / 32, **options)


def upsampling(model):
    """Stride of each transposed convolution, in order."""
    keras = load_keras()
    return [layer.strides[0] for layer in model.layers if isinstance(layer, keras.layers.Conv2DTranspose)]


def parameters_by_hand(width, classes, ups, scored):
    """VGG16's convolutions with fc6 and fc7, then score layers (with bias) and upsampling (without)."""
    total, before = 0, 3
    for repeats, filters in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
        for _ in range(repeats):
            total += 9 * before * int(filters * width) + int(filters * width)
            before = int(filters * width)
    fully = int(4096 * width)
    total += 49 * before * fully + fully + fully * fully + fully
    total += sum(channels * classes + classes for channels in (fully, *(int(c * width) for c in scored)))
    return total + sum((2 * stride) ** 2 * classes**2 for stride in ups)


@pytest.mark.parametrize(
    ("name", "ups", "scored"),
    [("fcn32s", (32,), ()), ("fcn16s", (2, 16), (512,)), ("fcn8s", (2, 2, 8), (512, 256))],
)
def test_parameters_are_those_counted_by_hand(name, ups, scored):
    model = tiny(BUILDERS[name], classes=3)
    assert upsampling(model) == list(ups)
    assert model.count_params() == parameters_by_hand(1 / 32, 3, ups, scored)


def test_the_count_by_hand_is_that_of_the_paper_at_full_width():
    """134 million parameters (Long et al., table 1): VGG16's 138 million less the last layer's, plus the scores."""
    assert parameters_by_hand(1, 21, (32,), ()) == 14_714_688 + 102_764_544 + 16_781_312 + 86_037 + 64 * 64 * 21 * 21


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("size_hw", [(79, 131), (32, 64), (5, 33)])
def test_any_input_size_comes_out_again(name, size_hw):
    model = tiny(BUILDERS[name], size_hw)
    assert model.predict_on_batch(np.zeros((1, *size_hw, 3), np.float32)).shape == (1, *size_hw, 1)


@pytest.mark.parametrize("name", BUILDERS)
def test_scores_start_at_zero(name):
    model = tiny(BUILDERS[name], classes=2, logits=True)
    pixels = np.random.default_rng(0).random((1, 64, 64, 3), np.float32)
    assert not model.predict_on_batch(pixels).any()


@pytest.mark.parametrize("stride", [2, 3, 8, 16])
def test_the_kernel_interpolates_a_ramp_linearly(stride):
    layers = load_keras().layers
    rows, columns = np.mgrid[0:5, 0:6].astype(np.float32)
    ramp = 3 * rows - 2 * columns + 1
    kernel = bilinear_kernel(stride, 1)
    layer = layers.Conv2DTranspose(1, len(kernel), strides=stride, padding="same", use_bias=False)
    layer.build((None, 5, 6, 1))
    layer.set_weights([kernel])
    upsampled = np.asarray(layer(ramp[None, ..., None]))[0, ..., 0]
    expected = cv2.resize(ramp, (6 * stride, 5 * stride), interpolation=cv2.INTER_LINEAR)
    inside = (slice(stride, -stride), slice(stride, -stride))
    # Nearer to the border there is one neighbour only. OpenCV's own coefficients are good to about 1e-5.
    np.testing.assert_allclose(upsampled[inside], expected[inside], atol=1e-4)


def test_the_kernel_keeps_channels_apart():
    kernel = bilinear_kernel(2, 3)
    assert kernel.shape == (4, 4, 3, 3)
    assert not kernel[:, :, 0, 1].any()
    np.testing.assert_array_equal(kernel[:, :, 0, 0], kernel[:, :, 2, 2])


def test_scores_of_pools_are_summed_with_the_upsampled_ones():
    """A constant score of pool4 alone comes out as that constant, away from the border."""
    model = tiny(build_fcn16s, (128, 128), logits=True)
    model.get_layer("pool4_score").bias.assign([2.5])
    scores = model.predict_on_batch(np.zeros((1, 128, 128, 3), np.float32))[0, ..., 0]
    np.testing.assert_allclose(scores[16:-16, 16:-16], 2.5, rtol=1e-6)


def test_the_last_upsampling_stays_bilinear_and_the_others_learn():
    model = tiny(build_fcn8s)
    assert not model.get_layer("upsample").trainable
    assert model.get_layer("pool4_upsample").trainable
    assert model.get_layer("pool3_upsample").trainable


def test_dropout_follows_both_fully_connected_layers():
    model = tiny(build_fcn32s, dropout=0.25)
    assert [model.get_layer(f"{name}_dropout").rate for name in ("fc6", "fc7")] == [0.25, 0.25]


@pytest.mark.parametrize("options", [{"width": 0}, {"dropout": 1.0}])
def test_an_option_out_of_range_is_refused(options):
    with pytest.raises(UsageError, match="cannot be built"):
        build_fcn32s((32, 32, 3), **options)


def test_a_saved_network_loads_in_plain_keras(tmp_path):
    model = tiny(build_fcn8s, (33, 40))
    model.save(tmp_path / "model.keras")
    again = load_keras().models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.get_layer("upsample").get_weights()[0], bilinear_kernel(8, 1))
