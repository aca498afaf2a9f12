"""``fcn-edge export``: flags, table, JSON, and nothing of the converters' chatter."""

import json
import subprocess
import sys

import pytest
from blobs import write_blobs
from tiny_keras import make_tiny_keras

from fcn_edge.cli.main import main
from fcn_edge.export.quiet import silenced
from fcn_edge.model_file import read_card

pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A run folder and a data folder."""
    folder = tmp_path_factory.mktemp("cli")
    with silenced():
        make_tiny_keras(folder / "run" / "model.keras", level=120)
    return folder / "run", write_blobs(folder / "data")


def test_the_command_prints_steps_and_table_and_nothing_else(prepared, tmp_path):
    """In a process of its own, since TensorFlow speaks when it is imported."""
    run, data = prepared
    command = [sys.executable, "-m", "fcn_edge", "export", str(run), "--data", str(data), "--out", str(tmp_path)]
    done = subprocess.run([*command, "--formats", "tflite-int8"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # One branch of this network adds next to nothing, which XNNPACK does not add in int8: that is warned of.
    lines = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    steps = [line[:20].strip() for line in lines]
    assert steps == ["load", "prepare", "fold", "calibrate", "convert tflite-int8", "prove"]
    table = done.stdout.splitlines()
    assert table[0].split() == ["file", "KiB", "agreement", "mIoU", "points", "float", "ops"]
    assert table[2].startswith("tiny.int8.tflite")


def test_json_and_name_and_threshold(prepared, tmp_path, capsys):
    run, data = prepared
    result = tmp_path / "result.json"
    options = ["--formats", "tflite-fp32", "--name", "other", "--threshold", "0.7", "--geometry", "letterbox"]
    arguments = ["export", str(run), "--data", str(data), "--out", str(tmp_path / "out"), *options]
    assert main([*arguments, "--json", str(result), "--quiet"]) == 0
    content = json.loads(result.read_text())
    assert content["kind"] == "export"
    assert [file["path"] for file in content["files"]] == ["other.fp32.tflite"]
    card = read_card(tmp_path / "out" / "other.fp32.tflite")
    assert (card.threshold, card.geometry) == (0.7, "letterbox")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--size", "32"], "--size 32"),
        (["--formats", "gguf"], "format 'gguf'"),
        (["--mean", "1,2"], "--mean"),
        (["--output", "masks"], "--output"),
    ],
)
def test_a_wrong_value_is_wrong_usage(prepared, tmp_path, options, words, capsys):
    run, data = prepared
    assert main(["export", str(run), "--data", str(data), "--out", str(tmp_path / "out"), *options]) == 2
    error = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in error] == ["error", "hint"]
    assert words in error[0]


def test_a_model_that_does_not_exist_is_wrong_usage(prepared, tmp_path, capsys):
    _, data = prepared
    assert main(["export", "nowhere.keras", "--data", str(data), "--out", str(tmp_path / "out")]) == 2
    assert "nowhere.keras" in capsys.readouterr().err


def test_a_data_folder_that_does_not_exist_is_wrong_usage(prepared, tmp_path, capsys):
    run, _ = prepared
    assert main(["export", str(run), "--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert "does not exist" in capsys.readouterr().err
