"""Batch normalisation in one kernel: what Keras computes, faster."""

import numpy as np
import pytest

from fcn_edge.networks import build_fcn, build_fcn_light
from fcn_edge.networks.layers import load_keras, load_tensorflow
from fcn_edge.train.fused import fused_twin

pytestmark = pytest.mark.desk


def images(count=3, size_hw=(32, 24)):
    return np.random.default_rng(0).integers(0, 255, (count, *size_hw, 3)).astype(np.float32)


def network():
    load_keras().utils.set_random_seed(0)
    return build_fcn_light((32, 24, 3), rescale=True, logits=True)


def after_forward(twin_of):
    """Run one forward in training; give the logits, all gradients and all weights after it."""
    model, tf = network(), load_tensorflow()
    forward = twin_of(model)
    with tf.GradientTape() as tape:
        logits = forward(images(), training=True)
        loss = tf.reduce_mean(tf.square(logits))
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    return np.asarray(logits), [np.asarray(gradient) for gradient in gradients], model.get_weights()


@pytest.fixture(scope="module")
def by_keras():
    return after_forward(lambda model: model)


@pytest.fixture(scope="module")
def fused():
    return after_forward(fused_twin)


def test_logits_are_those_of_keras(by_keras, fused):
    np.testing.assert_allclose(fused[0], by_keras[0], rtol=1e-3, atol=1e-4)


def test_gradients_are_those_of_keras(by_keras, fused):
    for wanted, found in zip(by_keras[1], fused[1], strict=True):
        # In the deepest maps a channel that is near constant divides by almost nothing.
        np.testing.assert_allclose(found, wanted, rtol=1e-2, atol=1e-3 * max(1.0, np.abs(wanted).max()))


def test_moving_averages_are_those_of_keras(by_keras, fused):
    before = network().get_weights()
    moved = [not np.array_equal(a, b) for a, b in zip(before, fused[2], strict=True)]
    assert sum(moved) == 2 * sum(type(layer).__name__ == "BatchNormalization" for layer in network().layers)
    for wanted, found in zip(by_keras[2], fused[2], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)


def kinds_of(model):
    return {type(layer).__name__ for layer in fused_twin(model).layers}


def test_all_normalisations_of_the_networks_are_fused():
    assert "BatchNormalization" not in kinds_of(network())
    assert "BatchNormalization" not in kinds_of(build_fcn((16, 16, 3), filters=(4, 8), batch_norm=True))


@pytest.mark.parametrize(("what", "value"), [("trainable", False), ("synchronized", True)])
def test_a_normalisation_that_is_frozen_or_synchronized_is_left_to_keras(what, value):
    model = network()
    for layer in model.layers:
        if hasattr(layer, what) and type(layer).__name__ == "BatchNormalization":
            setattr(layer, what, value)
    assert "FusedNormalization" not in kinds_of(model)


def test_a_network_is_saved_without_its_twin(tmp_path):
    model = network()
    fused_twin(model)(images(), training=True)
    model.save(tmp_path / "model.keras")
    again = load_keras().models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict_on_batch(images()), model.predict_on_batch(images()))
