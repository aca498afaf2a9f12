"""Learning with the roundings of int8, and beginning with the weights of another run."""

import dataclasses

import numpy as np
import pytest
from blobs import write_blobs

from fcn_edge.errors import UsageError
from fcn_edge.export.fold.batch_norm import fold_batch_norms
from fcn_edge.networks import build_fcn, build_fcn_light
from fcn_edge.networks.layers import load_keras
from fcn_edge.networks.quantized import quantized_twin
from fcn_edge.train import TrainConfig, train_model
from fcn_edge.train.losses import make_loss
from fcn_edge.train.optimizer import make_optimizer
from fcn_edge.train.start import start_from
from fcn_edge.train.step import Learner

pytestmark = pytest.mark.desk


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("blobs") / "data")


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    config = tiny(data, tmp_path_factory.mktemp("runs") / "real", epochs=12)
    return config, train_model(config, quiet=True)


def tiny(data, out, **changes):
    config = TrainConfig(
        data=data,
        out=out,
        size_hw=(20, 24),
        options={"filters": (4, 8), "batch_norm": True},
        epochs=2,
        batch_size=4,
        warmup_epochs=0,
        learning_rate=0.01,
    )
    return dataclasses.replace(config, **changes)


def images(count=2, size_hw=(32, 32)):
    return np.random.default_rng(0).integers(0, 255, (count, *size_hw, 3)).astype(np.float32)


def noise_db(bits):
    load_keras().utils.set_random_seed(0)
    network = build_fcn_light((32, 32, 3), logits=True, rescale=True)
    real, rounded = (model.predict_on_batch(images()) for model in (network, quantized_twin(network, bits=bits)))
    return 10 * np.log10(np.square(real).sum() / np.square(real - rounded).sum())


def test_every_bit_takes_six_decibel_of_the_noise():
    assert noise_db(12) - noise_db(8) == pytest.approx(24, abs=4)


def test_a_kernel_is_rounded_as_the_folded_one_will_be():
    """Batch normalisation multiplies whole channels, and every channel has a scale of its own."""
    load_keras().utils.set_random_seed(0)
    network = build_fcn((8, 8, 3), filters=(4,), batch_norm=True, logits=True)
    norm = network.get_layer("enc1_conv_norm")
    norm.gamma.assign([0.1, 1, 5, 20])
    norm.moving_variance.assign([2, 0.1, 1, 3])

    def rounded(kernel):
        step = np.abs(kernel).max(axis=(0, 1, 2)) / 127
        return np.round(kernel / step) * step

    before = np.asarray(network.get_layer("enc1_conv").kernel)
    folded, _ = fold_batch_norms(network)
    after = np.asarray(kernel_of(folded))
    np.testing.assert_allclose(rounded(after), rounded(before) * (after / before), rtol=1e-4, atol=1e-6)


def kernel_of(model):
    return next(layer.kernel for layer in model.layers if type(layer).__name__ == "Conv2D")


def test_the_twin_has_the_variables_of_the_network():
    network = build_fcn_light((32, 32, 3), logits=True)
    twin = quantized_twin(network)
    assert {id(v) for v in twin.trainable_variables} == {id(v) for v in network.trainable_variables}


def test_gradients_pass_through_the_roundings(data, tmp_path):
    """With four steps for each map a network learns nothing unless gradients ignore the rounding."""
    load_keras().utils.set_random_seed(0)
    network = build_fcn((20, 24, 3), filters=(4,), batch_norm=True, rescale=True, logits=True)
    optimizer = make_optimizer(tiny(data, tmp_path), network, 30)
    learner = Learner(network, optimizer, make_loss("ce"), forward=quantized_twin(network, bits=3))
    pixels = images(4, (20, 24))
    truth = (pixels[..., :1] > 127).astype(np.uint8)
    losses = [learner.step(pixels, truth) for _ in range(30)]
    assert losses[-1] < 0.8 * losses[0]


def test_a_run_of_int8_leaves_an_ordinary_model(data, trained, tmp_path):
    config, _ = trained
    report = train_model(
        tiny(data, tmp_path / "int8", start=str(config.out), int8=True, learning_rate=1e-3), quiet=True
    )
    model = load_keras().models.load_model(report.model_path)
    assert not [layer.name for layer in model.layers if "rounded" in layer.name]
    assert report.best.val_miou > 0.5


def test_a_run_begins_with_the_weights_of_another(data, trained, tmp_path):
    config, report = trained
    begun = train_model(tiny(data, tmp_path / "more", start=str(config.out), epochs=1, learning_rate=1e-9), quiet=True)
    assert begun.best.val_loss == pytest.approx(report.best.val_loss, rel=0.2)
    assert begun.epochs[0].loss < report.epochs[0].loss


def test_weights_of_another_network_are_refused(trained):
    config, _ = trained
    other = build_fcn((20, 24, 3), filters=(4, 16), batch_norm=True)
    with pytest.raises(UsageError, match="do not fit"):
        start_from(other, config.out)
