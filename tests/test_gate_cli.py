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

from fcn_edge.cli.commands import gate as gate_command
from fcn_edge.cli.main import main
from fcn_edge.errors import OutputError
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
        (["--head", INT8, "--reference", INT8, "--baseline", "b", "--accept", "why", "--json", "-"], "with --json: "),
        (
            ["--head", INT8, "--reference", INT8, "--baseline", "b", "--accept", "why", "--html", "a", "--resume"],
            "--accept with --html, --resume: nothing is judged",
        ),
        (["--head", INT8, "--base", INT8, "--data", "nowhere"], "nowhere"),
        (["--head", INT8, "--base", INT8, "--rounds", "0"], "0 rounds"),
        (["--head", INT8, "--base", INT8, "--time-budget", "nan"], "nan s"),
        (["--head", INT8, "--base", INT8, "--seed", "-1"], "a seed of -1"),
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


def started(rounds, *command, lines=1):
    """Start a gate and wait until its file of rounds holds *lines*."""
    process = subprocess.Popen([sys.executable, "-m", "fcn_edge", *command], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (rounds.exists() and len(rounds.read_text().splitlines()) >= lines):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def test_an_interrupted_gate_leaves_its_rounds_and_nothing_else(tmp_path):
    written = [f"--{name}={tmp_path / name}" for name in ("json", "junit", "markdown", "html")]
    process = started(tmp_path / "json.rounds", "gate", "--base", INT8, "--head", INT8, *written)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)

    assert process.returncode == 130
    assert error.splitlines()[-1].startswith("interrupted")
    assert [path.name for path in tmp_path.iterdir()] == ["json.rounds"]


@pytest.mark.parametrize("output", ["--json", "--junit", "--markdown", "--html", "--pictures"])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_measured(folder, tmp_path, output, capsys):
    (tmp_path / "file").write_text("")

    assert accuracy(folder, "same.int8.onnx", output, str(tmp_path / "file" / "result")) == 1

    said = capsys.readouterr()
    assert "file/result: cannot be written: " in said.err.splitlines()[-2]
    assert said.out == ""


def test_a_baseline_that_is_a_folder_is_told_before_anything_is_measured(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("fcn_edge.measure.gate.accept_baseline", None)

    assert main(["gate", "--head", INT8, "--reference", INT8, "--baseline", str(tmp_path), "--accept", "why"]) == 1
    assert "is a folder; a file was expected" in capsys.readouterr().err


def fail_to_write(monkeypatch, suffix):
    from fcn_edge import atomic

    write = atomic.write_bytes

    def full(path, data):
        if path.suffix == suffix:
            raise OutputError(f"{path}: cannot be written: the disk is full", hint="free some space")
        write(path, data)

    monkeypatch.setattr(atomic, "write_bytes", full)


@pytest.mark.parametrize(("head", "code"), [("same.int8.onnx", 1), ("blind.int8.onnx", 3)])
@pytest.mark.parametrize("lost", ["xml", "md", "html"])
def test_a_file_that_cannot_be_written_keeps_back_neither_the_others_nor_the_verdict(
    folder, tmp_path, monkeypatch, capsys, head, code, lost
):
    out = {name: tmp_path / f"gate.{name}" for name in ("json", "xml", "md", "html")}
    fail_to_write(monkeypatch, f".{lost}")

    found = accuracy(folder, head, "--quiet", "--json", str(out["json"]), "--junit", str(out["xml"]),
                     "--markdown", str(out["md"]), "--html", str(out["html"]))  # fmt: skip

    assert found == code
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"gate.{name}" for name in out if name != lost)
    assert f"gate.{lost}: cannot be written: the disk is full" in capsys.readouterr().err


def test_a_json_that_cannot_be_written_leaves_pages_of_this_gate_and_the_rounds(tmp_path, monkeypatch):
    out, page = tmp_path / "gate.json", tmp_path / "gate.xml"
    out.write_text("old")
    write = gate_command.write_report

    def full(path, *rest):
        if Path(path) == out:
            raise OutputError(f"{path}: cannot be written: the disk is full", hint="free some space")
        write(path, *rest)

    monkeypatch.setattr(gate_command, "write_report", full)
    command = ["gate", "--base", INT8, "--head", INT8, "--threshold", "100", *QUICK]

    assert main([*command, "--json", str(out), "--junit", str(page), "--quiet"]) == 1
    assert 'tests="1" failures="0"' in page.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gate.json", "gate.json.rounds", "gate.xml"]


def test_a_split_that_is_not_there_is_told_before_anything_is_timed(folder, tmp_path, capsys):
    model, data = str(folder / "same.int8.onnx"), str(folder / "data")

    assert main(["gate", "--base", model, "--head", model, "--data", data, "--split", "nosuch",
                 "--json", str(tmp_path / "gate.json")]) == 1  # fmt: skip
    assert "there is no such split" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_one_file_in_two_runtimes_is_timed_and_compared_in_both(folder, tmp_path):
    pytest.importorskip("openvino")
    model, out = str(folder / "bright.fp32.onnx"), tmp_path / "gate.json"

    assert main(["gate", "--base", f"{model}@onnxruntime", "--head", f"{model}@openvino", "--threshold", "100",
                 "--data", str(folder / "data"), *QUICK, "--json", str(out), "--quiet"]) == 0  # fmt: skip

    content = json.loads(out.read_text())
    timed = {v["name"]: v["runtime"]["backend"] for v in content["bench"]["variants"]}
    assert timed == {"base": "onnxruntime", "head": "openvino"}
    compared = {v["name"]: v["runtime"].split()[0] for v in content["compare"]["variants"]}
    assert compared == {"bright.fp32.onnx@onnxruntime": "onnxruntime", "bright.fp32.onnx@openvino": "openvino"}
    assert content["compare"]["reference"] == "bright.fp32.onnx@onnxruntime"
    assert content["compare"]["agreement"][0]["pixel"] > 0.9


def test_resuming_needs_a_file(capsys):
    assert main(["gate", "--base", INT8, "--head", INT8, "--resume"]) == 2
    assert "hint: name it as it was begun: --json FILE" in capsys.readouterr().err


def test_a_gate_that_was_killed_goes_on_and_leaves_nothing_behind(tmp_path):
    out, rounds = tmp_path / "gate.json", tmp_path / "gate.json.rounds"
    command = ["gate", "--base", INT8, "--head", INT8, "--threshold", "100", "--rounds", "3", "--time-budget", "1"]
    command += ["--json", str(out)]
    process = started(rounds, *command, lines=2)
    process.kill()
    process.communicate()
    session = json.loads(rounds.read_text().splitlines()[1])["sessions"][0]

    assert main([*command, "--resume", "--quiet"]) == 0

    variants = {v["name"]: v["samples_ms"] for v in json.loads(out.read_text())["bench"]["variants"]}
    assert session["samples_ms"][0][0] in variants[session["name"]]
    assert [path.name for path in tmp_path.iterdir()] == ["gate.json"]
