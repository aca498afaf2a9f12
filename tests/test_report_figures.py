"""Figures for github-action-benchmark and Bencher, and the command that writes all of it."""

from __future__ import annotations

import json
import re

import pytest
from invented_results import GOLDEN, SERVER, bench_report

from fcn_edge.atomic import write_report
from fcn_edge.cli.main import main
from fcn_edge.measure.bench.result import to_json
from fcn_edge.measure.report import make_report

# The patterns with which the action reads a range.
_RANGE = re.compile(r"(?:\+-|±)\s*(\d.+)")


@pytest.fixture(scope="module")
def report():
    return make_report([GOLDEN / "bench.json", GOLDEN / "compare.json"])


def _lists(report):
    return tuple(json.loads(text) for text in report.github_benchmark())


def test_times_ratios_and_memory_are_better_small_and_accuracy_is_better_big(report):
    smaller, bigger = _lists(report)
    assert {entry["unit"] for entry in smaller} == {"ms", "ratio", "MB"}
    assert {entry["unit"] for entry in bigger} == {"%"}
    assert {entry["name"].rpartition(": ")[2] for entry in smaller} == {
        "latency p50",
        "latency p90",
        "time ratio",
        "load time",
        "resident memory",
    }
    assert {entry["name"].rpartition(": ")[2] for entry in bigger} == {"mIoU", "IoU", "agreement"}


def test_every_entry_is_as_the_action_reads_it(report):
    for entry in (*_lists(report)[0], *_lists(report)[1]):
        assert isinstance(entry["value"], float)
        assert isinstance(entry["name"], str)
        assert isinstance(entry["unit"], str)
        assert "range" not in entry or float(_RANGE.search(entry["range"]).group(1)) >= 0


def test_names_are_unique(report):
    for entries in _lists(report):
        names = [entry["name"] for entry in entries]
        assert len(names) == len(set(names))


def test_another_board_is_another_series_of_times(tmp_path):
    write_report(tmp_path / "server.json", "bench", to_json(bench_report(env=SERVER)))
    here, there = (_lists(make_report([path]))[0] for path in (GOLDEN / "bench.json", tmp_path / "server.json"))
    assert not {entry["name"] for entry in here} & {entry["name"] for entry in there}


def test_a_figure_tells_how_far_to_trust_it():
    smaller, _ = _lists(make_report([GOLDEN / "bench_noisy.json"]))
    assert all("run unreliable, throttled, aa_control, drift" in entry["extra"] for entry in smaller)


def test_a_percentile_that_is_unknown_is_left_out():
    smaller, _ = _lists(make_report([GOLDEN / "bench_noisy.json"]))
    assert not [entry for entry in smaller if entry["name"].endswith("p90")]


def test_a_gate_gives_the_figures_of_what_it_holds():
    smaller, bigger = _lists(make_report([GOLDEN / "gate.json"]))
    assert any(
        entry["name"].startswith("nuclei.int8.tflite (head), litert, 1 thread, against nuclei.int8.tflite (base)")
        for entry in smaller
    )
    assert bigger


def test_bencher_gets_times_in_nanoseconds_between_their_ends(report):
    metrics = json.loads(report.bencher())
    latency = metrics["nuclei.int8.tflite on Raspberry Pi 4 Model B Rev 1.4, litert, 1 thread"]["latency"]
    assert 17e6 < latency["lower_value"] <= latency["value"] <= latency["upper_value"] < 19e6


def test_bencher_gets_objects_of_objects_of_numbers(report):
    metrics = json.loads(report.bencher())
    for name, measures in metrics.items():
        assert 0 < len(name) <= 1024
        for measure, metric in measures.items():
            assert re.fullmatch(r"[a-z0-9-]{1,64}", measure)
            assert set(metric) <= {"value", "lower_value", "upper_value"}
            assert all(isinstance(value, float) for value in metric.values())


def test_the_command_writes_everything_that_is_asked_for(tmp_path, capsys):
    arguments = [
        "report",
        str(GOLDEN / "gate.json"),
        "--html",
        str(tmp_path / "g.html"),
        "--junit",
        str(tmp_path / "g.xml"),
    ]
    arguments += ["--markdown", str(tmp_path / "g.md"), "--github-benchmark", str(tmp_path / "figures")]
    arguments += ["--bencher", str(tmp_path / "bmf.json"), "--json", str(tmp_path / "report.json")]
    assert main(arguments) == 0
    names = {"g.html", "g.xml", "g.md", "figures-smaller.json", "figures-bigger.json", "bmf.json", "report.json"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert capsys.readouterr().out.startswith("The gate fails: build/nuclei.int8.tflite")
    assert json.loads((tmp_path / "report.json").read_text())["verdicts"][0]["tone"] == "bad"


def test_markdown_on_standard_output_is_alone_there(capsys):
    assert main(["report", str(GOLDEN / "gate.json"), "--markdown", "-"]) == 0
    assert capsys.readouterr().out == make_report([GOLDEN / "gate.json"]).markdown()


def test_what_cannot_be_made_leaves_nothing_half_done(tmp_path, capsys):
    arguments = [
        "report",
        str(GOLDEN / "bench.json"),
        "--html",
        str(tmp_path / "b.html"),
        "--junit",
        str(tmp_path / "b.xml"),
    ]
    assert main(arguments) == 2
    assert list(tmp_path.iterdir()) == []
    assert "no result of a gate" in capsys.readouterr().err


def test_asking_for_nothing_is_wrong_usage(capsys):
    assert main(["report", str(GOLDEN / "bench.json")]) == 2
    assert "nothing to write" in capsys.readouterr().err
