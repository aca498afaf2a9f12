"""The command ``camera`` in a process of its own: signals, kills, a full disk, and what a user reads."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time

import pytest
from films import read_film, write_film
from threshold_models import make_threshold_model

from fcn_edge.cli.main import main

# Generous, for a machine that is busy with other things.
PATIENCE_S = 60


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(make_threshold_model(tmp_path_factory.mktemp("model") / "bright.fp32.onnx", 100.0))


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return str(write_film(tmp_path_factory.mktemp("film") / "film.avi", frames=30))


def _command(*arguments):
    return [sys.executable, "-m", "fcn_edge", "camera", *map(str, arguments)]


def _start(*arguments):
    return subprocess.Popen(_command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _wait_for_lines(path, count):
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < deadline, f"{path} did not grow to {count} lines"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_well_with_a_report_and_a_recording_that_plays(model, film, tmp_path, number):
    record, report, log = tmp_path / "r.mkv", tmp_path / "r.json", tmp_path / "r.jsonl"
    process = _start(
        *(model, "--source", film, "--loop", "--view", "none"),
        *("--record", record, "--json", report, "--jsonl", log),
    )
    _wait_for_lines(log, 5)
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE_S)
    stats = json.loads(report.read_text())
    assert (process.returncode, errors) == (0, "")
    assert stats["ended_by"] == "stopped"
    assert len(read_film(record)[0]) == stats["frames"]["processed"] >= 5


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_a_recording_plays_after_a_kill(model, film, tmp_path, suffix):
    record, log = tmp_path / f"r{suffix}", tmp_path / "r.jsonl"
    process = _start(model, "--source", film, "--loop", "--view", "none", "--record", record, "--jsonl", log)
    _wait_for_lines(log, 10)
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    # The log has a frame's line before the recording has its picture.
    assert len(read_film(record)[0]) >= len(log.read_text().splitlines()) - 1 >= 9


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_a_full_disk_ends_the_run_with_the_name_of_the_file_and_keeps_what_plays(model, film, tmp_path, suffix):
    record, report = tmp_path / f"r{suffix}", tmp_path / "r.json"
    command = _command(
        model, "--source", film, "--loop", "--fast", "--view", "none", "--record", record, "--json", report
    )
    # A limit on the size of files stands in for the full disk: 40 blocks of 512 bytes.
    limited = ["sh", "-c", 'ulimit -f 40; exec "$@"', "sh", *command]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"error: {record}: cannot be written: File too large",
        "hint: free some space, or choose another folder for the output",
    ]
    assert len(read_film(record)[0]) >= 3
    assert json.loads(report.read_text())["ended_by"] == "error"


def test_a_stream_that_never_answers_does_not_keep_the_user_waiting(model, tmp_path):
    report = tmp_path / "r.json"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/stream"
        process = _start(model, "--source", url, "--view", "none", "--json", report)
        connection, _ = server.accept()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_S)
        connection.close()
    assert (process.returncode, errors) == (0, "")
    assert json.loads(report.read_text())["frames"]["captured"] == 0


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("0", "error: camera 0: cannot be opened"),
        ("http://127.0.0.1:9/stream", "error: http://127.0.0.1:9/stream: the stream cannot be opened"),
        ("TEXT", "not a film that OpenCV can read"),
    ],
)
def test_a_source_that_cannot_be_opened_is_told_in_two_lines_and_nothing_else(model, tmp_path, source, expected):
    if source == "0" and list(tmp_path.__class__("/dev").glob("video*")):
        pytest.skip("this machine has a camera")
    text = tmp_path / "film.mp4"
    text.write_text("not a film")
    command = _command(model, "--source", text if source == "TEXT" else source)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert len(lines) == 2
    assert expected in lines[0]
    assert lines[1].startswith("hint: ")


def test_a_film_that_does_not_exist_is_wrong_usage(model, capsys):
    assert main(["camera", model, "--source", "missing.mp4"]) == 2
    assert capsys.readouterr().err.startswith("error: --source missing.mp4: there is no such file or folder\nhint: ")


def test_the_figures_are_printed_at_the_end(model, film, capsys):
    assert main(["camera", model, "--source", film, "--fast", "--view", "none", "--max-frames", "12"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("12 of ")
    assert "frames a second; capture to mask" in second


def test_the_report_can_go_to_standard_output_alone(model, film, capsys):
    assert main(["camera", model, "--source", film, "--fast", "--view", "none", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"]["processed"] == 30


def test_a_model_without_a_card_runs_with_its_classes_given(film, tmp_path, capsys):
    foreign = make_threshold_model(tmp_path / "foreign.onnx", 100.0, card=False)
    arguments = ["--source", film, "--fast", "--view", "none", "--json", "-", "--classes", "dark,bright"]
    assert main(["camera", str(foreign), *arguments]) == 0
    assert set(json.loads(capsys.readouterr().out)["class_share_mean"]) == {"dark", "bright"}


def test_quiet_prints_nothing(model, film, capfd):
    assert main(["camera", model, "--source", film, "--fast", "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")
