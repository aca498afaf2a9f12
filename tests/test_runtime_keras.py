"""``.keras`` files in Keras itself: what everything else is compared with."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fcn_edge.card import ModelCard, class_specs
from fcn_edge.cli.main import main
from fcn_edge.errors import ModelFileError
from fcn_edge.model_file import read_card, write_card
from fcn_edge.runtime import open_backend
from fcn_edge.runtime.inspection import inspect_model
from fcn_edge.runtime.segmenter import Preprocessing, Segmenter

keras = pytest.importorskip("keras", reason="needs the extra train")

NAMES = ["background", "red"]
CARD = ModelCard("tiny", "fcn", class_specs(NAMES), (32, 48), threshold=0.6, score_activation="sigmoid")


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A model of one sigmoid score that tells red pixels; takes 0..255, without a card."""
    inputs = keras.Input((32, 48, 3), name="image")
    scaled = keras.layers.Rescaling(1 / 255)(inputs)
    head = keras.layers.Conv2D(1, 1, activation="sigmoid", name="scores")
    model = keras.Model(inputs, head(scaled))
    head.set_weights([np.array([[[[30.0], [-15.0], [-15.0]]]]), np.array([-2.0])])
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    return path


@pytest.fixture
def path(saved, tmp_path) -> Path:
    return Path(shutil.copy(saved, tmp_path))


def red_left() -> np.ndarray:
    image = np.full((64, 96, 3), 90, np.uint8)
    image[:, :48] = (0, 0, 240)
    return image


def test_the_scores_are_logits_as_in_exported_files(path):
    backend = open_backend(path)
    info = backend.info
    assert info.score_activation == "none"
    assert backend.infer(np.full((1, 32, 48, 3), (255, 0, 0), np.float32)).max() == pytest.approx(28, abs=1e-4)
    assert (info.input.shape, info.input.dtype, info.output.shape) == ((1, 32, 48, 3), "float32", (1, 32, 48, 1))


def test_a_result_is_written_where_it_is_wanted(path):
    backend = open_backend(path)
    pixels, out = np.full((1, 32, 48, 3), 200, np.float32), np.zeros((1, 32, 48, 1), np.float32)
    assert backend.infer(pixels, out=out) is out
    assert np.array_equal(out, backend.infer(pixels))


def test_a_keras_file_segments_with_its_cards_threshold(path):
    write_card(path, CARD)
    with Segmenter.open(path) as segmenter:
        assert segmenter.threshold == pytest.approx(np.log(0.6 / 0.4))
        labels = segmenter(red_left())
    assert (labels[:, :46] == 1).all()
    assert (labels[:, 50:] == 0).all()


def test_a_file_without_a_card_is_cut_at_one_half(path):
    with Segmenter.open(path, classes=NAMES) as segmenter:
        assert segmenter.threshold == 0


def test_a_run_folder_is_opened_by_its_model(path):
    write_card(path, CARD)
    assert Segmenter.open(path.parent).path == path


def test_keras_loads_a_file_with_a_card_as_it_did_without(path):
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 32, 48, 3)).astype(np.float32)
    before = keras.models.load_model(path)(pixels)
    write_card(path, CARD)
    assert np.array_equal(keras.models.load_model(path)(pixels), before)


def test_the_card_describes_the_tensors_as_keras_does(path):
    write_card(path, CARD)
    read, opened = inspect_model(path), inspect_model(path, backend="keras")
    assert read.input == opened.input
    assert (read.output.shape, read.output.dtype) == (opened.output.shape, opened.output.dtype)
    assert read.card == read_card(path)


def test_a_keras_file_may_be_given_preprocessing(path):
    """One that was trained on BGR, for example."""
    with Segmenter.open(path, classes=NAMES, preprocessing=Preprocessing(bgr=True)) as segmenter:
        assert not segmenter(red_left()).any()
        assert segmenter(red_left()[..., ::-1].copy())[:, :46].all()


def test_a_truncated_keras_file_is_an_error_in_words(path, capsys):
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelFileError, match="not a whole Keras file"):
        open_backend(path)
    assert main(["info", str(path)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_weights_that_do_not_load_are_an_error_in_words(path):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content[: len(content) // 2] if name.endswith(".h5") else content)
    with pytest.raises(ModelFileError, match="Keras cannot run it"):
        open_backend(path)
