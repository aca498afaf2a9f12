"""The command ``train``: options, output, exit codes, and a real stop from outside."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest
from blobs import write_blobs

from fcn_edge.cli.main import main

pytestmark = pytest.mark.desk

TINY = ["--size", "20x24", "--filters", "4,8", "--batch-size", "4"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("blobs") / "data")


def test_the_result_is_printed(data, tmp_path, capsys):
    assert main(["train", str(data), "--out", str(tmp_path / "run"), "--epochs", "2", *TINY]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("epoch 1/2: loss ")
    assert "bright" in lines[1]
    assert lines[2].startswith(f"{tmp_path / 'run' / 'model.keras'}: epoch ")
    assert lines[-1].startswith("next: fcn-edge export ")


def test_scores_at_other_scales_are_printed(data, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["train", str(data), "--out", str(out), "--epochs", "1", *TINY, "--val-scales", "0.7,2"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "at 0.7x" in line]
    assert len(lines) == 2
    assert all(re.search(r"mIoU 0\.\d+ at 0\.7x, mIoU 0\.\d+ at 2x", line) for line in lines)


def test_json_on_standard_output_is_alone_there(data, tmp_path, capsys):
    assert main(["train", str(data), "--out", str(tmp_path / "run"), "--epochs", "1", *TINY, "--json", "-"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["kind"] == "train"
    assert result["model"] == str(tmp_path / "run" / "model.keras")
    assert result["best"]["epoch"] == 1
    assert result["images"] == {"train": 8, "val": 3}


def test_every_option_reaches_the_network(data, tmp_path):
    options = [
        "--skip",
        "add",
        "--convs",
        "2",
        "--batch-norm",
        "--loss",
        "ce",
        "--class-weights",
        "1,2",
        "--no-augment",
    ]
    options += ["--geometry", "letterbox", "--learning-rate", "0.01", "--warmup-epochs", "0", "--patience", "3"]
    card = ["--name", "discs", "--data-name", "drawn", "--licence", "CC0", "--credit", "me", "--limits", "toys"]
    out = tmp_path / "run"
    assert main(["train", str(data), "--out", str(out), "--epochs", "1", *TINY, *options, *card, "--quiet"]) == 0
    settings = json.loads((out / "history.json").read_text())["settings"]
    assert settings["options"] == {"filters": [4, 8], "skip": "add", "convs": 2, "batch_norm": True}
    assert (settings["loss"], settings["class_weights"], settings["geometry"]) == ("ce", [1.0, 2.0], "letterbox")
    assert settings["augment"]["flip"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "128"], "'128' is not HEIGHTxWIDTH"),
        (["--filters", "4,x"], "'4,x' is not a list of whole numbers"),
        (["--class-weights", "much"], "'much' is not none, auto or a list of numbers"),
        (["--val-scales", "far"], "'far' is not a list of factors"),
        (["--val-scales", "0,2"], "val_scales are (0.0, 2.0)"),
        (["--val-scales", "1"], "expected from 0.1 to 10, and not 1"),
        (["--val-scales", "nan"], "val_scales are (nan,)"),
        (["--arch", "unet"], "architecture 'unet' is unknown"),
        (["--epochs", "0"], "epochs is 0"),
    ],
)
def test_a_wrong_option_is_two_lines_and_code_2(data, tmp_path, capsys, arguments, message):
    assert main(["train", str(data), "--out", str(tmp_path / "run"), *arguments]) == 2
    error, hint = capsys.readouterr().err.splitlines()[-2:]
    assert error.startswith("error: ")
    assert message in error
    assert hint.startswith("hint: ")


def test_a_data_folder_that_does_not_exist_is_code_2(tmp_path, capsys):
    assert main(["train", str(tmp_path / "none"), "--out", str(tmp_path / "run")]) == 2
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_run_stopped_from_outside_loses_one_epoch_at_most(data, tmp_path, number, code):
    out = tmp_path / "run"
    command = ["train", str(data), "--out", str(out), "--epochs", "4000", "--patience", "0", *TINY]
    with subprocess.Popen([sys.executable, "-m", "fcn_edge", *command], stdout=subprocess.PIPE, text=True) as running:
        told = [running.stdout.readline() for _ in range(3)]
        time.sleep(0.2)
        running.send_signal(number)
        told += running.stdout.readlines()
        assert running.wait(60) == code
    done = len([line for line in told if line.startswith("epoch ")])
    kept = len(json.loads((out / "history.json").read_text())["epochs"])
    assert kept >= done >= 3
    from fcn_edge.train.checkpoint import read_checkpoint

    assert len(read_checkpoint(out).state["epochs"]) >= done
