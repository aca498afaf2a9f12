"""Training: it learns, keeps the best, goes on after a stop, and refuses to begin on faults."""

import dataclasses
import json
import zipfile

import cv2
import numpy as np
import pytest
from blobs import write_blobs

from fcn_edge.errors import DatasetError, OutputError, TrainingError, UsageError
from fcn_edge.model_file import read_card
from fcn_edge.networks.layers import load_keras
from fcn_edge.train import NO_AUGMENTATION, TrainConfig, train_model
from fcn_edge.train.alone import writing_alone
from fcn_edge.train.step import Learner

pytestmark = pytest.mark.desk


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("blobs") / "data")


def tiny(data, out, **changes):
    config = TrainConfig(
        data=data, out=out, size_hw=(20, 24), options={"filters": (4, 8)}, epochs=3, batch_size=4, warmup_epochs=0.5
    )
    return dataclasses.replace(config, **changes)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A training long enough to learn something, in about five seconds."""
    out = tmp_path_factory.mktemp("runs") / "blobs"
    config = tiny(data, out, epochs=25, learning_rate=0.01, patience=0, licence="CC0", credit="nobody", limits="toys")
    return config, train_model(config, quiet=True)


def test_training_learns(trained):
    _, report = trained
    assert report.best.val_per_class_iou["bright"] > 0.7
    assert report.epochs[-1].loss < report.epochs[0].loss / 2


def test_the_model_has_no_option_that_older_keras_refuses(data, tmp_path):
    """Keras 3.12 loads no model with the options that 3.15 writes for initialisers and batch normalisation."""
    config = tiny(data, tmp_path, epochs=1, options={"filters": (4, 8), "batch_norm": True})
    train_model(config, quiet=True)
    with zipfile.ZipFile(config.out / "model.keras") as archive:
        text = archive.read("config.json").decode()
    assert "BatchNormalization" in text
    assert not {option for option in ("input_axes", "output_axes", "renorm") if option in text}
    load_keras().models.load_model(config.out / "model.keras")


def test_the_loss_of_an_epoch_is_the_mean_over_all_its_batches(data, tmp_path):
    """Without learning, two epochs see the same images in another order, so only a mean over all of them is equal."""
    config = tiny(data, tmp_path, epochs=2, batch_size=1, learning_rate=1e-12, loss="ce", augment=NO_AUGMENTATION)
    first, second = train_model(config, quiet=True).epochs
    assert first.loss == pytest.approx(second.loss, rel=1e-5)


def test_the_run_folder_holds_all_results(trained):
    config, _ = trained
    names = {str(path.relative_to(config.out)) for path in config.out.rglob("*") if path.is_file()}
    samples = {f"samples/{index}.png" for index in range(3)}
    assert names == {"model.keras", "history.json", "checkpoint.npz", "curves.png", *samples}


def test_the_model_takes_raw_pixels_and_carries_no_optimizer(trained):
    config, _ = trained
    model = load_keras().models.load_model(config.out / "model.keras")
    assert [layer.name for layer in model.layers[:2]] == ["image", "rescale"]
    assert model.input_shape == (None, 20, 24, 3)
    assert model.layers[-1].activation.__name__ == "sigmoid"
    assert getattr(model, "optimizer", None) is None
    bright = model.predict_on_batch(np.full((1, 20, 24, 3), 220, np.float32))
    assert bright.mean() > 0.5


def test_the_card_describes_the_best_epoch(trained):
    config, report = trained
    card = read_card(config.out / "model.keras")
    assert (card.name, card.architecture, card.input_size_hw) == ("blobs", "fcn", (20, 24))
    assert [spec.name for spec in card.classes] == ["background", "bright"]
    assert (card.score_activation, card.threshold) == ("sigmoid", report.best.threshold)
    assert (card.training.images, card.training.licence, card.training.credit) == (8, "CC0", "nobody")
    assert (card.limits, card.options["filters"], card.options["skip"]) == ("toys", [4, 8], "concat")
    metrics = {metric.name: metric for metric in card.metrics}
    assert set(metrics) == {"miou", "pixel_accuracy", "iou.background", "iou.bright"}
    assert metrics["miou"].value == pytest.approx(report.best.val_miou, abs=1e-6)
    assert (metrics["miou"].split, metrics["miou"].images) == ("val", 3)
    assert card.tools["keras"]


def test_history_lists_every_epoch(trained):
    config, report = trained
    history = json.loads((config.out / "history.json").read_text())
    assert (history["schema_version"], history["kind"]) == (1, "history")
    assert [stats["epoch"] for stats in history["epochs"]] == list(range(1, 26))
    assert history["best_epoch"] == report.best.epoch
    assert history["epochs"][0]["val_per_class_iou"].keys() == {"background", "bright"}


def test_pictures_can_be_looked_at(trained):
    config, _ = trained
    assert cv2.imread(str(config.out / "curves.png")).shape[1] > 800
    image, truth, predicted = np.array_split(cv2.imread(str(config.out / "samples" / "0.png")), 3, axis=1)
    assert image.max() > 200
    # Orange where the class is; both the truth and what the network says have some.
    assert (truth == (1, 97, 230)).all(axis=-1).any()
    assert (predicted == (1, 97, 230)).all(axis=-1).any()


def test_training_a_finished_run_again_changes_nothing(trained):
    config, report = trained
    before = (config.out / "checkpoint.npz").read_bytes()
    again = train_model(config, quiet=True)
    assert again.epochs == report.epochs
    assert (config.out / "checkpoint.npz").read_bytes() == before


def stop_after(epochs):
    def on_epoch(stats):
        if stats.epoch == epochs:
            raise KeyboardInterrupt

    return on_epoch


@pytest.mark.parametrize("architecture", ["fcn", "fcn8s"])
def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(data, tmp_path, architecture):
    """With dropout too: the checkpoint holds the state of random numbers."""
    options = {"filters": (4, 8), "batch_norm": True} if architecture == "fcn" else {"width": 1 / 64}
    changes = {"architecture": architecture, "options": options, "epochs": 4}
    whole = train_model(tiny(data, tmp_path / "whole", **changes), quiet=True)
    config = tiny(data, tmp_path / "stopped", **changes)
    with pytest.raises(KeyboardInterrupt):
        train_model(config, quiet=True, on_epoch=stop_after(2))
    resumed = []
    report = train_model(config, quiet=True, on_epoch=resumed.append)
    assert [stats.epoch for stats in resumed] == [3, 4]
    for stats, expected in zip(report.epochs, whole.epochs, strict=True):
        # Sums of several threads may differ in the last places.
        assert stats.loss == pytest.approx(expected.loss, rel=1e-4)
        assert stats.val_loss == pytest.approx(expected.val_loss, rel=1e-4)


def test_a_run_stopped_within_an_epoch_keeps_the_epochs_before(data, tmp_path, monkeypatch):
    config = tiny(data, tmp_path / "run")
    real = Learner.step
    steps = []

    def third_epoch_breaks(learner, images, masks):
        steps.append(1)
        if len(steps) == 6:
            raise KeyboardInterrupt
        return real(learner, images, masks)

    monkeypatch.setattr(Learner, "step", third_epoch_breaks)
    with pytest.raises(KeyboardInterrupt):
        train_model(config, quiet=True)
    monkeypatch.undo()
    resumed = []
    train_model(config, quiet=True, on_epoch=resumed.append)
    assert [stats.epoch for stats in resumed] == [3]


def test_a_second_training_in_the_same_folder_is_refused(data, tmp_path):
    config = tiny(data, tmp_path / "run", epochs=1)
    with writing_alone(config.out), pytest.raises(UsageError, match="another training is writing there"):
        train_model(config, quiet=True)
    train_model(config, quiet=True)


def test_other_settings_do_not_resume_a_run(data, tmp_path):
    train_model(tiny(data, tmp_path / "run", epochs=1), quiet=True)
    with pytest.raises(UsageError, match="epochs was 1 and is now 2") as caught:
        train_model(tiny(data, tmp_path / "run", epochs=2), quiet=True)
    assert "--fresh" in caught.value.hint


def test_fresh_begins_anew(data, tmp_path):
    train_model(tiny(data, tmp_path / "run", epochs=1), quiet=True)
    report = train_model(tiny(data, tmp_path / "run", epochs=2, fresh=True), quiet=True)
    assert [stats.epoch for stats in report.epochs] == [1, 2]


def test_what_the_card_says_may_change_between_runs(data, tmp_path):
    train_model(tiny(data, tmp_path / "run", epochs=1), quiet=True)
    report = train_model(tiny(data, tmp_path / "run", epochs=1, credit="somebody"), quiet=True)
    assert read_card(report.model_path).training.credit == "somebody"


def test_images_added_meanwhile_do_not_resume_a_run(tmp_path):
    data = write_blobs(tmp_path / "data", train=2, val=1)
    train_model(tiny(data, tmp_path / "run", epochs=1), quiet=True)
    for kind in ("images", "masks"):
        (data / kind / "train" / "9.png").write_bytes((data / kind / "train" / "0.png").read_bytes())
    with pytest.raises(UsageError, match="images was"):
        train_model(tiny(data, tmp_path / "run", epochs=1), quiet=True)


def test_patience_ends_a_run_without_gain(data, tmp_path):
    """With a learning rate that changes nothing, the first epoch stays the best."""
    report = train_model(tiny(data, tmp_path / "run", epochs=9, patience=2, learning_rate=1e-12), quiet=True)
    assert (len(report.epochs), report.best.epoch, report.stopped_early) == (3, 1, True)


def test_several_classes_have_a_softmax_and_no_threshold(tmp_path):
    data = write_blobs(tmp_path / "data", classes=3)
    report = train_model(tiny(data, tmp_path / "run", class_weights="auto"), quiet=True)
    card = read_card(report.model_path)
    assert (card.score_activation, card.threshold, card.score_channels) == ("softmax", None, 3)
    assert set(report.best.val_per_class_iou) == {"background", "bright", "red"}


def test_faults_of_the_data_stop_before_anything_is_written(tmp_path):
    data = write_blobs(tmp_path / "data")
    (data / "masks" / "train" / "3.png").unlink()
    with pytest.raises(DatasetError) as caught:
        train_model(tiny(data, tmp_path / "run"), quiet=True)
    assert len(caught.value.faults) == 1
    assert "3.png" in caught.value.faults[0]
    assert not (tmp_path / "run").exists()


def test_a_run_folder_that_cannot_be_made_is_told_before_the_first_epoch(data, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        train_model(tiny(data, tmp_path / "file" / "run"), quiet=True, on_epoch=stop_after(1))


# Keras computes with the infinities that this test is about.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_no_number_ends_the_training(data, tmp_path):
    with pytest.raises(TrainingError, match="diverged") as caught:
        train_model(tiny(data, tmp_path / "run", learning_rate=1e30, warmup_epochs=0, epochs=9), quiet=True)
    assert "--learning-rate" in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "unet"}, "architecture 'unet' is unknown"),
        ({"loss": "mse"}, "loss 'mse' is unknown"),
        ({"geometry": "crop"}, "geometry 'crop' is unknown"),
        ({"epochs": 0}, "epochs is 0"),
        ({"patience": -1}, "patience is -1"),
        ({"options": {"width": 1}}, "fcn has no option width"),
        ({"class_weights": (1.0, 2.0, 3.0)}, "do not fit the 2 classes"),
    ],
)
def test_a_wrong_setting_is_named(data, tmp_path, changes, message):
    with pytest.raises(UsageError, match=message):
        train_model(tiny(data, tmp_path / "run", **changes), quiet=True)
