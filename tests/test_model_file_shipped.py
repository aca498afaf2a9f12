"""What MODEL on a command line means."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fcn_edge.errors import ModelFileError, UsageError
from fcn_edge.model_file import resolve, shipped, shipped_info, shipped_models

MODELS = Path(__file__).parent / "models"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of shipped models, with the current directory beside it."""
    files = {
        "people/people.int8.tflite": "tiny.int8.tflite",
        "people/people.int8.onnx": "tiny.int8.onnx",
        "people/people.fp32.tflite": "tiny.fp32.tflite",
        "people/people.labels.int8.tflite": "tiny.labels.fp32.tflite",
        "cells/cells.fp32.onnx": "tiny.fp32.onnx",
        "cells/cells.int8.onnx": "tiny.int8.onnx",
    }
    for target, source in files.items():
        (tmp_path / "shipped" / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(MODELS / source, tmp_path / "shipped" / target)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(shipped, "_folder", lambda: tmp_path / "shipped")
    return tmp_path / "shipped"


def test_an_existing_path_comes_before_a_shipped_name(folder):
    Path("people").write_bytes(b"mine")
    assert resolve("people") == Path("people")


def test_a_name_means_its_int8_tflite(folder):
    assert resolve("people") == folder / "people" / "people.int8.tflite"


def test_without_a_tflite_a_name_means_its_int8_onnx(folder):
    assert resolve("cells") == folder / "cells" / "cells.int8.onnx"


def test_a_shipped_file_name_means_that_file(folder):
    assert resolve("people.int8.onnx") == folder / "people" / "people.int8.onnx"


def test_a_run_folder_means_its_keras_model(folder):
    Path("run").mkdir()
    Path("run/model.keras").write_bytes(b"")
    assert resolve("run") == Path("run/model.keras")


def test_a_folder_of_the_name_of_a_shipped_model_does_not_hide_it(folder):
    Path("people").mkdir()
    assert resolve("people") == folder / "people" / "people.int8.tflite"


def test_any_other_folder_is_refused(folder):
    Path("photos").mkdir()
    with pytest.raises(ModelFileError, match=r"a folder without model\.keras"):
        resolve("photos")


def test_an_unknown_name_lists_the_shipped_models(folder):
    with pytest.raises(UsageError) as caught:
        resolve("poeple")
    assert caught.value.message == "poeple: neither a file nor a shipped model"
    assert caught.value.hint == "check the path; shipped models: cells, people"


def test_shipped_models_are_listed_with_the_preferred_file_first(folder):
    assert [path.name for path in shipped_models()] == [
        "cells.int8.onnx",
        "cells.fp32.onnx",
        "people.int8.tflite",
        "people.int8.onnx",
        "people.fp32.tflite",
        "people.labels.int8.tflite",
    ]


def test_shipped_models_are_described_by_their_cards(folder):
    first = shipped_info()[0]
    assert (first.name.name, first.size_bytes) == ("cells", (folder / "cells/cells.int8.onnx").stat().st_size)
    assert first.card is not None
    assert first.card.input_size_hw == (32, 48)
