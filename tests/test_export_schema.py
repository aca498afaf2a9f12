"""What the commands of the desk write keeps to the schemas of its kinds."""

from __future__ import annotations

import json

import pytest
from blobs import write_blobs

from fcn_edge.cli.main import main
from fcn_edge.schema import load_schema

jsonschema = pytest.importorskip("jsonschema", reason="needs the extra dev")
pytest.importorskip("keras", reason="needs the extra train")
pytestmark = pytest.mark.desk


def test_training_and_export_write_what_their_schemas_say(tmp_path):
    data, run = str(write_blobs(tmp_path / "data")), tmp_path / "run"
    tiny = ["--size", "20x24", "--filters", "4,8", "--batch-size", "4", "--epochs", "1"]
    paths = [tmp_path / "train.json", run / "history.json", tmp_path / "export.json"]
    assert main(["train", data, "--out", str(run), *tiny, "--quiet", "--json", str(paths[0])]) == 0
    # One epoch makes a model that int8 may well ruin, which is not what is tested here.
    export = [
        "export",
        str(run),
        "--data",
        data,
        "--out",
        str(tmp_path / "build"),
        "--formats",
        "tflite-fp32,onnx-fp32",
    ]
    assert main([*export, "--quiet", "--json", str(paths[2])]) == 0
    for path, kind in zip(paths, ("train", "history", "export"), strict=True):
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["kind"] == kind
        jsonschema.Draft202012Validator(load_schema(kind)).validate(content)
