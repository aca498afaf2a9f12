"""``fcn-edge info`` and ``fcn-edge models``."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from fcn_edge.card import ModelCard, class_specs
from fcn_edge.cli.main import main
from fcn_edge.model_file import read_card, shipped, write_card

MODELS = Path(__file__).parent / "models"


def info(model: Path | str, capsys) -> dict:
    assert main(["info", str(model), "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def test_info_as_json_has_the_keys_others_rely_on(capsys):
    path = MODELS / "tiny.int8.tflite"
    found = info(path, capsys)
    assert set(found) >= {"schema_version", "path", "precision", "format", "bytes", "input", "output", "card"}
    assert (found["path"], found["precision"], found["format"]) == (str(path), "int8", "tflite")
    assert found["bytes"] == path.stat().st_size
    assert found["input"] == {
        "name": "image",
        "shape": [1, 32, 48, 3],
        "dtype": "uint8",
        "scale": 1.0,
        "zero_point": 0,
        "layout": "NHWC",
        "colour": "RGB",
    }
    assert found["output"]["dtype"] == "int8"
    assert [c["name"] for c in found["card"]["classes"]] == ["background", "red"]
    assert found["warnings"] == []


def test_an_onnx_files_score_scale_comes_from_its_card(capsys):
    output = info(MODELS / "tiny.int8.onnx", capsys)["output"]
    assert (output["dtype"], output["scale"], output["zero_point"]) == ("int8", 0.5, 0)


def test_a_foreign_file_has_no_card(capsys):
    found = info(MODELS / "foreign.onnx", capsys)
    assert found["card"] is None
    assert found["precision"] is None
    assert found["input"]["layout"] == "NCHW"


def test_info_for_people_is_one_fact_a_line(capsys):
    assert main(["info", str(MODELS / "tiny.int8.onnx")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("format        onnx, int8, 1,")
    assert lines[2] == "input         image: 1x32x48x3 uint8, NHWC RGB"
    assert lines[3] == "output        scores: 1x32x48x1 int8, NHWC, real = 0.5 * (raw - 0)"
    assert "classes       0 background, 1 red" in lines
    assert "threshold     foreground from probability 0.5" in lines


def test_a_file_changed_after_export_is_warned_about(tmp_path, capsys):
    path = Path(shutil.copy(MODELS / "tiny.fp32.onnx", tmp_path))
    data = path.read_bytes().replace(b"planar", b"plated")
    path.write_bytes(data)
    assert main(["info", str(path)]) == 0
    assert "its fingerprint differs" in capsys.readouterr().err


def test_a_name_that_contradicts_the_card_is_warned_about(tmp_path, capsys):
    path = Path(shutil.copy(MODELS / "tiny.fp32.onnx", tmp_path / "tiny.int8.onnx"))
    assert main(["info", str(path)]) == 0
    assert "its name says int8, its card fp32" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "code", "what"),
    [
        ("text.tflite", b"not a model at all", 1, "not a TensorFlow Lite file"),
        ("cut.onnx", (MODELS / "tiny.fp32.onnx").read_bytes()[:400], 1, "not a whole ONNX file"),
        ("empty.keras", b"", 1, "not a whole Keras file"),
        ("model.h5", b"x", 1, "ends in none of .tflite, .onnx, .keras"),
        (None, b"", 2, "neither a file nor a shipped model"),
    ],
)
def test_what_is_no_model_gets_two_lines_and_an_exit_code(name, content, code, what, tmp_path, capsys):
    path = tmp_path / (name or "missing.tflite")
    if name:
        path.write_bytes(content)
    assert main(["info", str(path)]) == code
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {path}")
    assert what in error
    assert hint.startswith("hint: ")


@pytest.mark.parametrize("name", ["two_inputs.tflite", "two_outputs.tflite"])
def test_a_model_with_two_inputs_or_outputs_is_refused(name, capsys):
    assert main(["info", str(MODELS / name)]) == 1
    assert "but one image and one map of scores were expected" in capsys.readouterr().err


def test_models_lists_what_is_shipped(tmp_path, monkeypatch, capsys):
    (tmp_path / "tiny").mkdir()
    path = Path(shutil.copy(MODELS / "tiny.int8.tflite", tmp_path / "tiny"))
    monkeypatch.setattr(shipped, "_folder", lambda: tmp_path)
    assert main(["models"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "FILE", "PRECISION", "KB", "INPUT", "MIOU", "(VAL)", "LICENCE"]
    assert row.split() == ["tiny", "tiny.int8.tflite", "int8", "2", "32x48", "-", "-"]
    assert main(["models", "--json", "-"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["models"]
    assert (found["name"], found["path"], found["classes"]) == ("tiny", str(path), ["background", "red"])


def test_without_shipped_models_the_list_says_so(monkeypatch, capsys):
    monkeypatch.setattr(shipped, "_folder", lambda: None)
    assert main(["models"]) == 0
    assert capsys.readouterr().out == "no models are shipped with this installation\n"


def test_a_keras_file_with_a_card_is_described_without_keras(tmp_path, monkeypatch, capsys):
    layer = {
        "class_name": "InputLayer",
        "config": {"name": "image", "batch_shape": [None, 32, 48, 3], "dtype": "float32"},
    }
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Functional", "config": {"layers": [layer]}}))
    write_card(path, ModelCard("tiny", "fcn", class_specs(["background", "red"]), (32, 48), threshold=0.5))
    for module in ("keras", "tensorflow"):
        monkeypatch.setitem(sys.modules, module, None)
    found = info(path, capsys)
    assert found["input"]["shape"] == [1, 32, 48, 3]
    assert found["output"]["shape"] == [1, 32, 48, 1]
    assert found["card"]["fingerprint"] == read_card(path).fingerprint
