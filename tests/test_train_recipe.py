"""What makes a training better: averaged weights, weight decay, a teacher, several data folders."""

import dataclasses

import numpy as np
import pytest
from blobs import write_blobs

from fcn_edge.errors import DatasetError, ModelFileError, UsageError
from fcn_edge.model_file import read_card
from fcn_edge.networks import build_fcn
from fcn_edge.networks.layers import load_keras
from fcn_edge.train import NO_AUGMENTATION, TrainConfig, train_model
from fcn_edge.train.checkpoint import read_checkpoint, require_same_settings
from fcn_edge.train.config import settings
from fcn_edge.train.data import open_data
from fcn_edge.train.feed import ValidationStore
from fcn_edge.train.history import EpochStats, best_epoch
from fcn_edge.train.losses import imitation, make_loss
from fcn_edge.train.optimizer import make_optimizer
from fcn_edge.train.step import Learner
from fcn_edge.train.teacher import load_teacher, load_teachers

pytestmark = pytest.mark.desk

NAMES = ("background", "bright")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("blobs") / "data")


@pytest.fixture(scope="module")
def teacher(data, tmp_path_factory):
    """The run folder of a network of another size that has learned a little."""
    out = tmp_path_factory.mktemp("runs") / "teacher"
    train_model(tiny(data, out, size_hw=(40, 48), epochs=8, learning_rate=0.01), quiet=True)
    return out


def tiny(data, out, **changes):
    config = TrainConfig(
        data=data, out=out, size_hw=(20, 24), options={"filters": (4, 8)}, epochs=2, batch_size=4, warmup_epochs=0
    )
    return dataclasses.replace(config, **changes)


def learner_of(config, **options):
    load_keras().utils.set_random_seed(0)
    network = build_fcn((20, 24, 3), filters=(4,), rescale=True, logits=True)
    optimizer = make_optimizer(config, network, 10)
    return network, Learner(network, optimizer, make_loss("ce"), **options)


def batch():
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (2, 20, 24, 3)).astype(np.float32), rng.integers(0, 2, (2, 20, 24, 1)).astype(np.uint8)


def test_the_average_follows_the_weights_at_its_decay(data, tmp_path):
    network, learner = learner_of(tiny(data, tmp_path), average=0.5)
    expected = network.get_weights()
    for step in range(1, 4):
        learner.step(*batch())
        keep = min(0.5, (1 + step) / (10 + step))
        expected = [w + keep * (e - w) for e, w in zip(expected, network.get_weights(), strict=True)]
    for found, wanted in zip(learner.average, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)


def test_the_network_has_its_own_weights_again_after_validation(data, tmp_path):
    network, learner = learner_of(tiny(data, tmp_path), average=0.9)
    learner.step(*batch())
    own = network.get_weights()
    with learner.averaged():
        assert any((a != b).any() for a, b in zip(own, network.get_weights(), strict=True))
    for before, after in zip(own, network.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_resumed_run_goes_on_with_the_average(data, tmp_path):
    whole = train_model(tiny(data, tmp_path / "whole", epochs=3, average=0.9), quiet=True)
    stopped = tiny(data, tmp_path / "stopped", epochs=3, average=0.9)
    with pytest.raises(KeyboardInterrupt):
        train_model(stopped, quiet=True, on_epoch=stop_after_first)
    assert read_checkpoint(stopped.out).average
    resumed = train_model(stopped, quiet=True)
    for one, other in zip(whole.epochs, resumed.epochs, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-4)
        assert one.val_loss == pytest.approx(other.val_loss, rel=1e-4)


def stop_after_first(stats):
    if stats.epoch == 1:
        raise KeyboardInterrupt


def test_weight_decay_shrinks_kernels_and_leaves_biases_alone(data, tmp_path):
    config = tiny(data, tmp_path, weight_decay=0.5, learning_rate=0.1)
    network, learner = learner_of(config)
    images, masks = batch()
    before = {variable.path: np.asarray(variable) for variable in network.trainable_variables}
    for variable in network.trainable_variables:
        if variable.name == "bias":
            variable.assign(np.ones(variable.shape))
    # With every pixel ignored there is no gradient: what changes is decay alone.
    learner.step(images, np.full_like(masks, 255))
    for variable in network.trainable_variables:
        expected = 1 if variable.name == "bias" else before[variable.path] * (1 - 0.1 * 0.5)
        np.testing.assert_allclose(variable, expected, rtol=1e-5)


def test_imitating_the_teacher_exactly_costs_only_its_own_doubt():
    logits = np.random.default_rng(0).normal(size=(1, 4, 4, 3)).astype(np.float32)
    truth = np.zeros((1, 4, 4, 1), np.uint8)
    chance = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    entropy = -(chance * np.log(chance)).sum(-1).mean()
    assert float(imitation(truth, logits, logits)) == pytest.approx(entropy, rel=1e-5)
    assert float(imitation(truth, logits + np.float32([1, 0, 0]), logits)) > entropy


def test_ignored_pixels_teach_nothing():
    logits = np.zeros((1, 2, 2, 1), np.float32)
    teacher = np.full((1, 2, 2, 1), 9, np.float32)
    truth = np.full((1, 2, 2, 1), 255, np.uint8)
    assert float(imitation(truth, logits, teacher)) == 0
    truth[0, 0, 0] = 1
    assert float(imitation(truth, logits, teacher)) == pytest.approx(np.log(2), rel=1e-3)


def test_a_student_comes_nearer_to_its_teacher(data, teacher, tmp_path):
    """Taught by the teacher alone, the scores differ less from the teacher's than those of a student of the masks."""
    scores = load_teacher(teacher, class_names=NAMES, size_hw=(20, 24), geometry="stretch")
    images = np.stack([image for image, _ in seen(data)]).astype(np.float32)
    wanted = 1 / (1 + np.exp(-np.asarray(scores(images))))

    def distance(share):
        out = tmp_path / f"share{share}"
        config = tiny(
            data,
            out,
            epochs=12,
            learning_rate=0.01,
            teacher=(str(teacher),),
            teacher_share=share,
            augment=NO_AUGMENTATION,
            loss="ce",
        )
        model = load_keras().models.load_model(train_model(config, quiet=True).model_path)
        return float(np.abs(model.predict_on_batch(images) - wanted).mean())

    assert distance(1.0) < distance(0.0)


def seen(data):
    store = ValidationStore(open_data((data,), quiet=True).train, (20, 24), "stretch")
    return [store[index] for index in range(len(store))]


def test_a_teacher_of_another_size_gives_scores_at_the_students(teacher):
    scores = load_teacher(teacher, class_names=NAMES, size_hw=(20, 24), geometry="stretch")
    assert tuple(scores(np.zeros((2, 20, 24, 3), np.float32)).shape) == (2, 20, 24, 1)


def test_several_teachers_give_the_mean_of_their_scores(data, teacher, tmp_path):
    other = train_model(tiny(data, tmp_path / "other", epochs=1), quiet=True).model_path
    task = {"class_names": NAMES, "size_hw": (20, 24), "geometry": "stretch"}
    images = np.stack([image for image, _ in seen(data)]).astype(np.float32)
    first, second = (np.asarray(load_teacher(one, **task)(images)) for one in (teacher, other))
    assert np.abs(first - second).max() > 0.1
    both = np.asarray(load_teachers((teacher, other), **task)(images))
    np.testing.assert_allclose(both, (first + second) / 2, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("names", "geometry", "told"),
    [(("background", "dog"), "stretch", "was trained for background, bright"), (NAMES, "letterbox", "with stretch")],
)
def test_a_teacher_of_another_task_is_refused(teacher, names, geometry, told):
    with pytest.raises(UsageError, match=told):
        load_teacher(teacher, class_names=names, size_hw=(20, 24), geometry=geometry)


def test_an_exported_file_is_no_teacher():
    with pytest.raises(ModelFileError, match=r"a teacher is a \.keras file"):
        load_teacher("people.int8.tflite", class_names=NAMES, size_hw=(20, 24), geometry="stretch")


@pytest.mark.parametrize("changes", [{"average": 1.0}, {"average": -0.1}, {"teacher_share": 2.0}, {"weight_decay": -1}])
def test_settings_out_of_range_are_refused(data, tmp_path, changes):
    with pytest.raises(UsageError):
        tiny(data, tmp_path, **changes)


def test_several_folders_are_joined(data, tmp_path):
    other = write_blobs(tmp_path / "other", train=2, val=1)
    joined = open_data((data, other), quiet=True)
    assert (len(joined.train), len(joined.val)) == (10, 4)
    report = train_model(tiny(data, tmp_path / "run", epochs=1, more_data=(other,)), quiet=True)
    assert (report.train_images, report.val_images) == (10, 4)


def test_class_frequencies_are_pooled_over_folders(data, tmp_path):
    same = open_data((data, data), quiet=True)
    assert same.frequencies == pytest.approx(open_data((data,), quiet=True).frequencies)
    assert sum(same.frequencies) == pytest.approx(1)


def test_folders_of_other_classes_are_not_joined(data, tmp_path):
    other = write_blobs(tmp_path / "other", classes=3)
    with pytest.raises(DatasetError, match="has the classes background, bright, red, and"):
        open_data((data, other), quiet=True)


def test_every_epoch_is_scored_at_all_scales_and_the_best_mean_is_kept(data, tmp_path):
    report = train_model(tiny(data, tmp_path / "run", epochs=4, val_scales=(0.5, 1.5)), quiet=True)
    assert [sorted(stats.val_scales) for stats in report.epochs] == [["0.5", "1.5"]] * 4
    means = [np.mean([stats.val_miou, *stats.val_scales.values()]) for stats in report.epochs]
    assert report.best.epoch == 1 + int(np.argmax(means))
    [miou] = [metric.value for metric in read_card(report.model_path).metrics if metric.name == "miou"]
    assert miou == pytest.approx(report.best.val_miou, abs=1e-6)


def test_the_best_mean_beats_the_best_at_one_scale():
    def epoch(number, miou, scaled):
        return EpochStats(number, 1, 1, miou, 1, {}, None, 0, 1, {"2": scaled})

    assert best_epoch([epoch(1, 0.9, 0.5), epoch(2, 0.8, 0.7)]).epoch == 2


def test_a_run_of_before_an_option_is_resumed_with_it_off(data, tmp_path):
    wanted = settings(tiny(data, tmp_path))
    stored = {key: value for key, value in wanted.items() if key != "val_scales"}
    require_same_settings(tmp_path, stored, wanted)
    with pytest.raises(UsageError, match="val_scales was None"):
        require_same_settings(tmp_path, stored, settings(tiny(data, tmp_path, val_scales=(2.0,))))
