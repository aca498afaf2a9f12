"""FCNs on mobile encoders: their tables, their shapes, the ImageNet weights, and a decoder that folds."""

import numpy as np
import pytest

from fcn_edge.errors import ModelFileError, UsageError
from fcn_edge.export.fold import fold_linear
from fcn_edge.networks import build_fcn_light, build_fcn_lite0, pretrained
from fcn_edge.networks.layers import load_keras

pytestmark = pytest.mark.desk

BUILDERS = {"fcn_lite0": build_fcn_lite0, "fcn_light": build_fcn_light}


@pytest.fixture(scope="module")
def lite0():
    return build_fcn_lite0((64, 64, 3), logits=True)


def encoder_parameters(model):
    return sum(layer.count_params() for layer in model.layers if layer.name.startswith("enc"))


def test_the_encoder_is_efficientnet_lite0(lite0):
    """4,652,008 parameters (the published number) and 42,016 moving statistics, less head and classifier."""
    head_and_classifier = 320 * 1280 + 4 * 1280 + 1280 * 1000 + 1000
    assert encoder_parameters(lite0) == 4_652_008 + 42_016 - head_and_classifier


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("size_hw", [(79, 131), (32, 64), (33, 35)])
def test_any_input_size_comes_out_again(name, size_hw):
    model = BUILDERS[name]((*size_hw, 3), classes=3)
    assert model.predict_on_batch(np.zeros((1, *size_hw, 3), np.float32)).shape == (1, *size_hw, 3)


@pytest.mark.parametrize("name", BUILDERS)
def test_an_encoder_may_end_at_stride_16(name):
    model = BUILDERS[name]((64, 64, 3), deepest=16)
    assert model.count_params() < BUILDERS[name]((64, 64, 3)).count_params()
    assert "dec16_score" in {layer.name for layer in model.layers}


@pytest.mark.parametrize("name", BUILDERS)
def test_a_shrunk_network_gives_scores_at_full_size(name):
    model = BUILDERS[name]((128, 96, 3), shrink=2)
    assert model.output_shape == (None, 128, 96, 1)
    assert model.get_layer("enc_stem").output.shape[1:3] == (32, 24)


def test_a_shrunk_stem_gives_the_features_of_the_halved_image():
    """But at the border, where the padding lies elsewhere."""
    image = np.random.default_rng(0).random((1, 32, 32, 3), np.float32).repeat(2, axis=1).repeat(2, axis=2)
    shrunk, plain = build_fcn_lite0((64, 64, 3), shrink=2), build_fcn_lite0((32, 32, 3))
    kernel = np.asarray(shrunk.get_layer("enc_stem").kernel)
    pixels = image[0, 8:14, 8:14]
    found = np.einsum("rci,rcio->o", pixels, kernel)
    expected = np.einsum("rci,rcio->o", pixels[::2, ::2], np.asarray(plain.get_layer("enc_stem").kernel))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_scores_are_probabilities_unless_logits_are_asked_for():
    image = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    load_keras().utils.set_random_seed(0)
    model = build_fcn_lite0((32, 32, 3), classes=4)
    np.testing.assert_allclose(model.predict_on_batch(image).sum(-1), 1, atol=1e-5)
    assert build_fcn_lite0((32, 32, 3), classes=4, logits=True).layers[-1].activation.__name__ == "linear"


def test_pretrained_features_vary_less_in_scale_than_untrained_ones(lite0):
    """What ImageNet taught is in the layers: the kernels are those of the file."""
    with np.load(pretrained.shipped_encoder("efficientnet_lite0")) as stored:
        kernel = stored["enc_stem/kernel"].astype(np.float32)
    np.testing.assert_array_equal(lite0.get_layer("enc_stem").kernel, kernel)
    untrained = build_fcn_lite0((64, 64, 3), pretrained=False)
    assert np.abs(untrained.get_layer("enc_stem").kernel - kernel).max() > 0.1


def test_all_weights_of_the_encoder_are_in_the_file(lite0):
    with np.load(pretrained.shipped_encoder("efficientnet_lite0")) as stored:
        names = set(stored.files)
    wanted = {f"{layer.name}/{w.name}" for layer in lite0.layers if layer.name.startswith("enc") for w in layer.weights}
    assert names == wanted


def test_damaged_encoder_weights_are_named(monkeypatch, tmp_path):
    path = tmp_path / "broken.npz"
    path.write_bytes(b"no archive")
    monkeypatch.setattr(pretrained, "shipped_encoder", lambda name: path)
    with pytest.raises(ModelFileError, match=r"broken\.npz: cannot be read"):
        build_fcn_lite0((32, 32, 3))


def test_weights_of_another_encoder_are_refused(monkeypatch, tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, **{"enc_stem/kernel": np.zeros((3, 3, 3, 8), np.float16)})
    monkeypatch.setattr(pretrained, "shipped_encoder", lambda name: path)
    with pytest.raises(ModelFileError, match=r"shape \(3, 3, 3, 8\) for enc_stem/kernel, expected shape"):
        build_fcn_lite0((32, 32, 3))


@pytest.mark.parametrize("options", [{"deepest": 8}, {"decoder": 0}, {"shrink": 3}, {"nonlinear": 1}])
def test_options_out_of_range_are_refused(options):
    for build in BUILDERS.values():
        with pytest.raises(UsageError):
            build((32, 32, 3), **options)


@pytest.mark.parametrize("nonlinear", [2, 4, 8])
@pytest.mark.parametrize("classes", [1, 4])
def test_the_decoder_folds_and_gives_the_same_scores(classes, nonlinear):
    load_keras().utils.set_random_seed(1)
    model = build_fcn_light((48, 64, 3), classes=classes, nonlinear=nonlinear, logits=True)
    folding = fold_linear(model, force=True)
    # Of what is nonlinear down to stride 2 the last upsampling is left to fold.
    folded = "dec1_upsample" if nonlinear == 2 else "dec2_upsample"
    assert not [layer.name for layer in folding.model.layers if folded in layer.name]
    image = np.random.default_rng(0).random((1, 48, 64, 3), np.float32)
    expected = model.predict_on_batch(image)
    np.testing.assert_allclose(folding.model.predict_on_batch(image), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("nonlinear", [2, 4, 8])
def test_nothing_in_the_decoder_interpolates(nonlinear):
    """ONNX Runtime's int8 interpolation gives other scores on arm64 than on x86-64."""
    kinds = {type(layer).__name__ for layer in build_fcn_light((64, 64, 3), nonlinear=nonlinear).layers}
    assert not kinds & {"UpSampling2D", "Resizing"}
