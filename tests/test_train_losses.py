"""Losses against their formulas in NumPy; ignored pixels change nothing."""

import cv2
import numpy as np
import pytest
from sklearn.metrics import log_loss

from fcn_edge.networks.layers import load_keras
from fcn_edge.train.losses import balanced_weights, imitation, make_loss

pytestmark = pytest.mark.desk


def batch(channels, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, max(2, channels), (2, 5, 6, 1)).astype(np.uint8)
    return truth, rng.normal(0, 2, (2, 5, 6, channels)).astype(np.float32)


def value(kind, truth, logits, weights=None):
    return float(make_loss(kind, weights)(load_keras().ops.convert_to_tensor(truth), logits))


def probabilities(logits):
    if logits.shape[-1] == 1:
        foreground = 1 / (1 + np.exp(-logits[..., 0].astype(np.float64)))
        return np.stack([1 - foreground, foreground], axis=-1)
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("channels", [1, 3])
def test_cross_entropy_is_the_mean_log_loss(channels):
    truth, logits = batch(channels)
    classes = max(2, channels)
    expected = log_loss(truth.ravel(), probabilities(logits).reshape(-1, classes), labels=range(classes))
    # float32 against float64 over 60 pixels.
    assert value("ce", truth, logits) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_class_weights_weigh_the_mean(channels):
    truth, logits = batch(channels)
    classes = max(2, channels)
    weights = (0.5, 3.0, 2.0)[:classes]
    expected = log_loss(
        truth.ravel(),
        probabilities(logits).reshape(-1, classes),
        labels=range(classes),
        sample_weight=np.take(weights, truth.ravel()),
    )
    assert value("ce", truth, logits, weights) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_dice_is_its_formula(channels):
    truth, logits = batch(channels)
    parts = []
    for class_id in range(1 if channels == 1 else 0, max(2, channels)):
        predicted, true = probabilities(logits)[..., class_id], truth[..., 0] == class_id
        parts.append(1 - (2 * (predicted * true).sum() + 1) / (predicted.sum() + true.sum() + 1))
    assert value("dice", truth, logits) == pytest.approx(np.mean(parts), rel=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_default_is_the_sum_of_both(channels):
    truth, logits = batch(channels)
    both = value("ce", truth, logits) + value("dice", truth, logits)
    assert value("ce+dice", truth, logits) == pytest.approx(both, rel=1e-6)


@pytest.mark.parametrize("kind", ["ce", "dice", "ce+dice"])
@pytest.mark.parametrize("channels", [1, 3])
def test_ignored_pixels_change_neither_value_nor_gradient(kind, channels):
    import tensorflow as tf  # noqa: TID251 - gradients have no function in Keras itself

    truth, logits = batch(channels)
    truth[:, 2:4] = 255
    other = logits.copy()
    other[:, 2:4] = 1e4
    for scores in (logits, other):
        tensor = tf.convert_to_tensor(scores)
        with tf.GradientTape() as tape:
            tape.watch(tensor)
            loss = make_loss(kind)(tf.convert_to_tensor(truth), tensor)
        gradient = tape.gradient(loss, tensor).numpy()
        assert not gradient[:, 2:4].any()
        assert gradient[:, :2].any()
        assert float(loss) == pytest.approx(value(kind, truth, logits), rel=1e-6)


@pytest.mark.parametrize("kind", ["ce", "dice", "ce+dice"])
def test_a_batch_of_ignored_pixels_only_gives_zero(kind):
    truth, logits = batch(3)
    assert value(kind, np.full_like(truth, 255), logits) == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sure_and_right_prediction_costs_nothing(channels):
    truth, _ = batch(channels)
    ids = [1] if channels == 1 else np.arange(channels)
    logits = np.where(truth == ids, 50.0, -50.0)
    assert value("ce+dice", truth, logits.astype(np.float32)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_huge_logits_stay_finite(channels):
    truth, logits = batch(channels)
    assert np.isfinite(value("ce+dice", truth, logits * 1e6))


def test_dice_leaves_out_a_class_that_the_batch_does_not_hold():
    truth, logits = batch(3)
    truth[truth == 2] = 1
    both = value("dice", truth, logits)
    parts = []
    for class_id in (0, 1):
        predicted, true = probabilities(logits)[..., class_id], truth[..., 0] == class_id
        parts.append(1 - (2 * (predicted * true).sum() + 1) / (predicted.sum() + true.sum() + 1))
    assert both == pytest.approx(np.mean(parts), rel=1e-5)


def test_balanced_weights_are_the_median_frequency_over_each():
    assert balanced_weights((0.5, 0.25, 0.125)) == pytest.approx((0.5, 1.0, 2.0))


def test_balanced_weights_are_bounded_and_an_absent_class_weighs_one():
    assert balanced_weights((0.999, 0.0005, 0.0005, 0.0)) == pytest.approx((0.1, 1.0, 1.0, 1.0), rel=1e-2)


def doubled(scores):
    """Resize ``(N, H, W, K)`` as scoring does it."""
    height, width, channels = 2 * scores.shape[1], 2 * scores.shape[2], scores.shape[3]
    return np.stack([cv2.resize(each, (width, height)).reshape(height, width, channels) for each in scores])


@pytest.mark.parametrize("channels", [1, 3])
def test_scores_are_resized_to_a_finer_truth_as_for_scoring(channels):
    truth, logits = batch(channels)
    fine = np.repeat(np.repeat(truth, 2, axis=1), 2, axis=2)
    assert value("ce+dice", fine, logits) == pytest.approx(value("ce+dice", fine, doubled(logits)), rel=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_teacher_is_imitated_at_the_size_of_a_finer_truth(channels):
    truth, logits = batch(channels)
    teacher = batch(channels, seed=1)[1]
    fine = np.repeat(np.repeat(truth, 2, axis=1), 2, axis=2)
    found, expected = (
        float(imitation(fine, *pair)) for pair in ((logits, teacher), (doubled(logits), doubled(teacher)))
    )
    assert found == pytest.approx(expected, rel=1e-5)
