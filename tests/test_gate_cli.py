"""The command: real models in real runtimes, exit codes, and what is written."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from threshold_models import SIZE_HW, make_threshold_model

from fcn_edge.cli.main import main
from fcn_edge.scenes import SceneConfig, write_data_folder

MODELS = Path(__file__).parent / "models"
INT8 = str(MODELS / "tiny.int8.tflite")
# One process of half a second: enough to run everything, too little to mean anything.
QUICK = ("--rounds", "1", "--time-budget", "0.5")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("gate")
    write_data_folder(root / "data", train=0, val=3, seed=2, size_hw=SIZE_HW, config=SceneConfig(stain="fluorescence"))
    make_threshold_model(root / "bright.fp32.onnx", 30.0)
    make_threshold_model(root / "same.int8.onnx", 31.0)
    make_threshold_model(root / "blind.int8.onnx", 250.0)
    return root


def accuracy(folder, head, *more):
    reference, data = str(folder / "bright.fp32.onnx"), str(folder / "data")
    return main(["gate", "--head", str(folder / head), "--reference", reference, "--data", data, *more])


def test_one_file_against_itself_runs_the_whole_way(tmp_path, capsys):
    out = {name: tmp_path / f"gate.{name}" for name in ("json", "xml", "md", "html")}

    code = main(["gate", "--base", INT8, "--head", INT8, "--threshold", "100", *QUICK, "--json", str(out["json"]),
                 "--junit", str(out["xml"]), "--markdown", str(out["md"]), "--html", str(out["html"])])  # fmt: skip

    assert code == 0
    content = json.loads(out["json"].read_text())
    assert (content["schema_version"], content["kind"], content["verdict"]) == (1, "gate", "pass")
    assert content["bench"]["comparisons"][0]["candidate"] == "head"
    assert content["bench"]["variants"][0]["memory"] is None
    assert 'tests="1" failures="0"' in out["xml"].read_text()
    assert "latency" in out["md"].read_text()
    assert "<html" in out["html"].read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gate.html", "gate.json", "gate.md", "gate.xml"]
    assert capsys.readouterr().out.splitlines()[-1] == "✓ pass: 1 of 1 checks"


def test_a_ratio_is_accepted_and_then_kept(tmp_path, capsys, monkeypatch):
    # A baseline takes no figures from so short a run otherwise.
    monkeypatch.setattr("fcn_edge.measure.gate.accept._check_reliable", lambda report, path: None)
    ratio = ["gate", "--head", INT8, "--reference", str(MODELS / "tiny.int8.onnx"), *QUICK]
    ratio += ["--baseline", str(tmp_path / "baseline.json")]

    assert main([*ratio, "--accept", "first"]) == 0
    assert main([*ratio, "--threshold", "100"]) == 0

    assert capsys.readouterr().out.splitlines()[-1] == "✓ pass: 1 of 1 checks"


def test_a_run_too_short_to_be_reliable_makes_no_baseline(tmp_path, capsys):
    command = ["gate", "--head", INT8, "--reference", str(MODELS / "tiny.int8.onnx"), "--rounds", "1"]
    command += ["--time-budget", "0.01", "--baseline", str(tmp_path / "baseline.json"), "--accept", "first"]

    assert main(command) == 1
    error, hint = capsys.readouterr().err.splitlines()[-2:]
    assert error.startswith("error: ") and "stays as it was: the run is unreliable" in error  # noqa: PT018 - one line
    assert hint.startswith("hint: ")
    assert list(tmp_path.iterdir()) == []


def test_a_head_as_good_as_its_reference_passes(folder):
    assert accuracy(folder, "same.int8.onnx", "--quiet") == 0


def test_a_blind_head_fails_with_its_class_and_images(folder, tmp_path, capsys):
    result = tmp_path / "gate.json"

    assert accuracy(folder, "blind.int8.onnx", "--json", str(result), "--pictures", str(tmp_path / "pictures")) == 3

    said = capsys.readouterr()
    assert "iou.nucleus" in said.err.splitlines()[-2]
    assert said.err.splitlines()[-1].startswith("hint: ")
    content = json.loads(result.read_text())
    failed = {check["name"]: check for check in content["checks"] if check["verdict"] == "fail"}
    assert set(failed) == {"miou_kept", "iou.background", "iou.nucleus", "agreement"}
    for check in failed.values():
        assert (result.parent / check["worst"][0]["picture"]).is_file()


def test_json_on_standard_output_is_nothing_but_json(folder, capsys):
    assert accuracy(folder, "same.int8.onnx", "--json", "-") == 0

    assert json.loads(capsys.readouterr().out)["mode"] == "accuracy"


@pytest.mark.parametrize("written", ["--junit", "--markdown", "--html"])
def test_a_page_needs_no_json_file(folder, tmp_path, written):
    assert accuracy(folder, "same.int8.onnx", "--quiet", written, str(tmp_path / "page")) == 0

    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_an_older_result_under_the_same_name_is_not_shown(folder, tmp_path):
    result, page = tmp_path / "gate.json", tmp_path / "gate.md"
    accuracy(folder, "blind.int8.onnx", "--quiet", "--json", str(result))

    assert accuracy(folder, "same.int8.onnx", "--quiet", "--json", str(result), "--markdown", str(page)) == 0

    assert "passes" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no model to judge"),
        (["--head", INT8], "nothing to judge the head by"),
        (["--head", INT8, "--base", "nowhere.tflite"], "nowhere.tflite"),
        (["--head", INT8, "--reference", INT8, "--baseline", "nowhere.json"], "nowhere.json: does not exist"),
        (["--head", INT8, "--base", INT8, "--threshold", "1.01"], "a threshold of 1.01"),
        (["--head", INT8, "--base", INT8, "--accept", "why"], "--accept keeps the ratio"),
        (["--head", INT8, "--base", INT8, "--data", "nowhere"], "nowhere"),
        (["--head", INT8, "--base", str(MODELS / "tiny.fp32.tflite")], "its classes are 2 (background, red)"),
    ],
)
def test_wrong_usage_is_two_lines_and_exit_code_2(arguments, message, capsys):
    assert main(["gate", *arguments]) == 2

    error, hint = capsys.readouterr().err.splitlines()
    assert message in error
    assert hint.startswith("hint: ")


def test_a_file_that_is_no_baseline_is_exit_code_1(tmp_path, capsys):
    path = tmp_path / "baseline.json"
    path.write_text('{"schema_version": 1, "kind": "compare"}')

    assert main(["gate", "--head", INT8, "--reference", INT8, "--baseline", str(path)]) == 1
    assert "is of kind 'compare'; a baseline was expected" in capsys.readouterr().err


def test_an_interrupted_gate_writes_nothing(tmp_path):
    written = [f"--{name}={tmp_path / name}" for name in ("json", "junit", "markdown", "html")]
    command = [sys.executable, "-m", "fcn_edge", "gate", "--base", INT8, "--head", INT8, *written]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)

    assert process.returncode == 130
    assert error.splitlines()[-1].startswith("interrupted")
    assert list(tmp_path.iterdir()) == []


def test_resuming_needs_a_file(capsys):
    assert main(["gate", "--base", INT8, "--head", INT8, "--resume"]) == 2
    assert "hint: name it as it was begun: --json FILE" in capsys.readouterr().err


def test_a_gate_that_was_killed_goes_on_and_leaves_nothing_behind(tmp_path):
    out, rounds = tmp_path / "gate.json", tmp_path / "gate.json.rounds"
    command = ["gate", "--base", INT8, "--head", INT8, "--threshold", "100", "--rounds", "3", "--time-budget", "1"]
    command += ["--json", str(out)]
    process = subprocess.Popen([sys.executable, "-m", "fcn_edge", *command], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (rounds.exists() and len(rounds.read_text().splitlines()) > 1):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()
    session = json.loads(rounds.read_text().splitlines()[1])["sessions"][0]

    assert main([*command, "--resume", "--quiet"]) == 0

    variants = {v["name"]: v["samples_ms"] for v in json.loads(out.read_text())["bench"]["variants"]}
    assert session["samples_ms"][0][0] in variants[session["name"]]
    assert [path.name for path in tmp_path.iterdir()] == ["gate.json"]
