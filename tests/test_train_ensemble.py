"""Joining trained networks: the mean of their logits, as a run folder like any other."""

import dataclasses

import numpy as np
import pytest
from blobs import write_blobs

from fcn_edge.cli.main import main
from fcn_edge.errors import ModelFileError, UsageError
from fcn_edge.export import ExportConfig, export_model
from fcn_edge.model_file import read_card
from fcn_edge.networks import build_fcn, build_fcn_light
from fcn_edge.networks.ensemble import build_ensemble
from fcn_edge.networks.layers import load_keras
from fcn_edge.train import TrainConfig, train_model
from fcn_edge.train.ensemble import join_models

pytestmark = pytest.mark.desk


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("blobs") / "data")


def tiny(data, out, **changes):
    options = {"width": 0.25, "decoder": 8}
    config = TrainConfig(
        data=data, out=out, architecture="fcn_light", size_hw=(32, 32), options=options, epochs=4, learning_rate=0.01
    )
    return dataclasses.replace(config, **changes)


@pytest.fixture(scope="module")
def members(data, tmp_path_factory):
    """Run folders of two seeds, each with words of its own on the card."""
    folder = tmp_path_factory.mktemp("runs")
    for seed, limits in ((0, "no night"), (1, "no rain")):
        words = {"credit": "somebody", "limits": limits, "command": f"fcn-edge train --seed {seed}"}
        config = tiny(data, folder / f"seed{seed}", seed=seed, **words)
        train_model(config, quiet=True)
    return [folder / "seed0", folder / "seed1"]


@pytest.fixture(scope="module")
def joined(data, members, tmp_path_factory):
    out = tmp_path_factory.mktemp("joined") / "both"
    return join_models(members, data=[data], out=out, command="fcn-edge ensemble", quiet=True)


def images(size_hw=(32, 32)):
    return np.random.default_rng(0).integers(0, 255, (2, *size_hw, 3)).astype(np.float32)


def build_coarse():
    """A network whose last layer is no convolution."""
    layers = load_keras().layers
    entry = load_keras().Input((32, 32, 3))
    return load_keras().Model(entry, layers.UpSampling2D(2)(layers.Conv2D(1, 3, strides=2, padding="same")(entry)))


@pytest.mark.parametrize("classes", [1, 3])
def test_the_logits_are_the_mean_of_the_members(classes):
    members = [build((32, 32, 3), classes=classes, rescale=True, logits=True) for build in (build_fcn, build_fcn_light)]
    mean = sum(member.predict_on_batch(images()) for member in members) / 2
    found = build_ensemble(members, classes=classes, logits=True).predict_on_batch(images())
    np.testing.assert_allclose(found, mean, rtol=1e-4, atol=1e-5)


def test_networks_that_end_in_a_convolution_are_joined_in_one():
    members = [build_fcn_light((32, 32, 3), rescale=True, logits=True) for _ in range(2)]
    ensemble = build_ensemble(members, classes=1)
    kinds = [type(layer).__name__ for layer in ensemble.layers[-2:]]
    assert (kinds, "Average" in {type(layer).__name__ for layer in ensemble.layers}) == (
        ["Concatenate", "Conv2D"],
        False,
    )


def test_the_logits_of_a_network_with_another_end_are_averaged():
    members = [build_coarse(), build_fcn_light((32, 32, 3), rescale=True, logits=True)]
    mean = sum(member.predict_on_batch(images()) for member in members) / 2
    ensemble = build_ensemble(members, classes=1, logits=True)
    assert type(ensemble.layers[-2]).__name__ == "Average"
    np.testing.assert_allclose(ensemble.predict_on_batch(images()), mean, rtol=1e-4, atol=1e-5)


def test_the_last_activation_is_that_of_the_classes():
    members = [build_fcn_light((32, 32, 3), classes=3, rescale=True, logits=True) for _ in range(2)]
    chances = build_ensemble(members, classes=3).predict_on_batch(images())
    np.testing.assert_allclose(chances.sum(axis=-1), 1, rtol=1e-5)


def test_an_ensemble_has_weights_of_its_own():
    members = [build_fcn_light((32, 32, 3), rescale=True, logits=True) for _ in range(2)]
    ensemble = build_ensemble(members, classes=1)
    before = ensemble.predict_on_batch(images())
    members[0].set_weights([np.zeros_like(weight) for weight in members[0].get_weights()])
    np.testing.assert_array_equal(ensemble.predict_on_batch(images()), before)


def test_the_file_gives_the_chances_of_the_mean(joined, members):
    def chances(folder):
        return load_keras().models.load_model(folder / "model.keras", compile=False).predict_on_batch(images())

    first, second = (np.log(p / (1 - p)) for p in map(chances, members))
    wanted = 1 / (1 + np.exp(-(first + second) / 2))
    np.testing.assert_allclose(chances(joined.model_path.parent), wanted, rtol=1e-3, atol=1e-5)


def test_the_card_tells_of_all_members(joined, members):
    card = read_card(joined.model_path)
    assert (card.architecture, card.name) == ("ensemble", "both")
    assert card.training.command == "fcn-edge train --seed 0 && fcn-edge train --seed 1 && fcn-edge ensemble"
    assert card.limits == "no night; no rain"
    assert card.training.credit == "somebody"
    assert list(card.options) == ["member 1", "member 2"]
    assert "fcn_light of seed 1" in card.options["member 2"]
    assert card.threshold == joined.joined.threshold
    [miou] = [metric.value for metric in card.metrics if metric.name == "miou"]
    assert miou == pytest.approx(joined.joined.miou, abs=1e-6)


def test_an_ensemble_is_exported_to_int8_without_a_float_operation(joined, data, tmp_path):
    config = ExportConfig(data=data, out=tmp_path, formats=("tflite-int8",), max_drop=100)
    report = export_model(joined.model_path, config)
    [file] = report.files
    assert file.float_ops == 0


def test_the_command_prints_each_member_and_all(members, data, tmp_path, capsys):
    folders = [str(folder) for folder in members]
    assert main(["ensemble", *folders, "--data", str(data), "--out", str(tmp_path / "both")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": mIoU")[0] for line in lines[:3]] == [*folders, str(tmp_path / "both" / "model.keras")]


def test_one_model_is_not_joined(members, data, tmp_path):
    with pytest.raises(UsageError, match="1 model cannot be joined"):
        join_models(members[:1], data=[data], out=tmp_path / "one", quiet=True)
    assert not (tmp_path / "one").exists()


def test_members_of_another_size_are_refused(members, data, tmp_path):
    train_model(tiny(data, tmp_path / "larger", size_hw=(64, 32), epochs=1), quiet=True)
    with pytest.raises(UsageError, match=r"takes 64x32, stretch, and .* takes 32x32, stretch"):
        join_models([members[0], tmp_path / "larger"], data=[data], out=tmp_path / "out", quiet=True)


def test_members_of_other_classes_are_refused(members, tmp_path):
    other = write_blobs(tmp_path / "data", classes=3)
    with pytest.raises(UsageError, match="was trained for background, bright, and the data has"):
        join_models(members, data=[other], out=tmp_path / "out", quiet=True)


def test_an_exported_file_is_no_member(members, data, tmp_path):
    with pytest.raises(ModelFileError, match=r"a member is a \.keras file"):
        join_models([members[0], "people.int8.tflite"], data=[data], out=tmp_path / "out", quiet=True)
