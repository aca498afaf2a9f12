"""What a user with bad luck brings: two lines on stderr, the right exit code, nothing written."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fcn_edge.cli.main import main

MODELS = Path(__file__).parent / "models"
GOOD = MODELS / "tiny.int8.tflite"

# How to spoil a model: name of the new file -> its bytes.
SPOILED = {
    "cut.int8.tflite": (MODELS / "tiny.int8.tflite").read_bytes()[:1500],
    "cut.fp32.onnx": (MODELS / "tiny.fp32.onnx").read_bytes()[:700],
    "text.tflite": b"no model, but text\n",
    "text.onnx": b"no model, but text\n",
    "empty.tflite": b"",
    "empty.onnx": b"",
    "two_inputs.tflite": (MODELS / "two_inputs.tflite").read_bytes(),
}
COMMANDS = {
    "info": ["--json", "OUT/info.json"],
    "segment": ["DATA/images/val", "--out", "OUT"],
    "camera": ["--source", "DATA/images/val", "--view", "none", "--record", "OUT/r.mkv", "--json", "OUT/r.json"],
    "compare": [str(GOOD), "--data", "DATA", "--json", "OUT/c.json"],
}


@pytest.fixture
def data(tmp_path) -> Path:
    """A data folder of one image in val."""
    root = tmp_path / "data"
    for kind, pixels in (("images", np.full((40, 60, 3), 90, np.uint8)), ("masks", np.ones((40, 60), np.uint8))):
        (root / kind / "val").mkdir(parents=True)
        cv2.imwrite(str(root / kind / "val" / "a.png"), pixels)
    (root / "classes.txt").write_text("background\nred\n")
    return root


def fail(arguments, data, capfd) -> tuple[int, str]:
    """Run a command that must fail; give its exit code and its error line, having checked the rest."""
    out = data.parent / "out"
    code = main([part.replace("DATA", str(data)).replace("OUT", str(out)) for part in arguments])
    error, hint = capfd.readouterr().err.splitlines()[-2:]
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    assert not out.exists() or list(out.rglob("*")) == []
    return code, error


@pytest.mark.parametrize("command", sorted(COMMANDS))
@pytest.mark.parametrize("name", sorted(SPOILED))
def test_a_model_that_cannot_be_used_ends_every_command_with_1(command, name, data, tmp_path, capfd):
    model = tmp_path / name
    model.write_bytes(SPOILED[name])
    code, error = fail([command, str(model), *COMMANDS[command]], data, capfd)
    assert (code, name in error) == (1, True)


@pytest.mark.parametrize("name", ["none.jpg", "text.jpg"])
def test_an_empty_image_and_a_text_named_image_give_no_mask(name, data, tmp_path, capfd):
    (tmp_path / name).write_bytes(b"" if name == "none.jpg" else b"no image, but text\n")
    code, error = fail(["segment", str(GOOD), str(tmp_path / name), "--out", "OUT"], data, capfd)
    assert (code, error) == (1, "error: 1 of 1 images could not be read")


def test_a_missing_camera_ends_with_1_and_no_recording(data, capfd):
    code, error = fail(["camera", str(GOOD), "--source", "97", *COMMANDS["camera"][2:]], data, capfd)
    assert (code, "camera 97" in error) == (1, True)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_model_that_is_not_there_is_wrong_usage(command, data, capfd):
    code, error = fail([command, "nowhere.tflite", *COMMANDS[command]], data, capfd)
    assert (code, "nowhere.tflite" in error) == (2, True)
