"""The proof of the camera: its bars tell met from missed, failures are kept, finished scenarios are not run again."""

from __future__ import annotations

import dataclasses
import importlib.machinery
import importlib.util
import json
from pathlib import Path

import pytest

from camera_proof import disk, report, scenario, steady
from camera_proof.journal import key_of, read_kept
from camera_proof.report import Bar, ScenarioReport

pytestmark = pytest.mark.desk
TOOL = Path(__file__).resolve().parent.parent / "tools" / "prove_camera"


def a_report(**changes):
    made = ScenarioReport("start", "words", 1.0, (Bar("time", 1.0, 1.5, unit="s"),), {"n": 1}, 0.2, key="k")
    return report.to_plain(dataclasses.replace(made, **changes))


@pytest.fixture
def tool(monkeypatch):
    loader = importlib.machinery.SourceFileLoader("prove_camera", str(TOOL))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("prove_camera", loader))
    loader.exec_module(module)
    monkeypatch.setattr(module, "film", lambda work: work / "film.mkv")
    return module


def prove(tool, monkeypatch, tmp_path, run, *more):
    short = scenario.Scenario("short", "something short", "", run)
    monkeypatch.setattr(tool, "SCENARIOS", (short,))
    code = tool.main(["--work", str(tmp_path), "--json", str(tmp_path / "camera.json"), *more])
    return code, json.loads((tmp_path / "camera.json").read_text())


@pytest.mark.parametrize(
    ("value", "limit", "at_least", "met"),
    [(0.95, 0.95, True, True), (0.94, 0.95, True, False), (1.5, 1.5, False, True), (1.6, 1.5, False, False)],
)
def test_a_bar_is_met_or_missed(value, limit, at_least, met):
    assert Bar("x", value, limit, at_least=at_least).met == met


def test_a_result_is_complete_only_with_every_scenario_whole_and_of_this_code(tmp_path):
    path = tmp_path / "camera.json"
    found = []
    for made, current in (
        ([a_report()], {"start": "k"}),
        ([a_report()], {"start": "k", "live": "k"}),
        ([a_report()], {"start": "other code"}),
        ([a_report(whole=False)], {"start": "k"}),
    ):
        report.write_result(path, made, current)
        found.append(json.loads(path.read_text())["complete"])

    assert found == [True, False, False, False]


def test_a_missed_bar_and_a_failure_are_not_met():
    missed = a_report(bars=(Bar("time", 2.0, 1.5),))

    assert [report.all_met([made]) for made in (a_report(), missed, a_report(error="it broke"))] == [True, False, False]
    assert not report.all_met([a_report(bars=())])
    assert report.table([missed]).startswith("MISSED  start: time: 2 (at most 1.5")
    assert report.table([a_report(error="it broke")]).startswith("FAILED  start: it broke")


def test_results_of_another_machine_are_not_kept(tmp_path):
    path = tmp_path / "camera.json"
    assert read_kept(path) == {}
    report.write_result(path, [a_report()], {"start": "k"})
    assert read_kept(path) == {"start": a_report(bars=(Bar("time", 1.0, 1.5, unit="s"),))}

    content = json.loads(path.read_text())
    content["env"]["board"] = "another board"
    path.write_text(json.dumps(content))

    assert read_kept(path) == {}


def test_a_key_knows_the_model_and_only_the_long_run_its_minutes(tmp_path):
    known = {one.name: one for one in scenario.SCENARIOS}
    model = tmp_path / "m.tflite"
    model.write_bytes(b"one")
    live, speed = key_of(known["live"], model, 10.0), key_of(known["speed-5ms"], model, 10.0)

    assert key_of(known["live"], model, 1.0) != live
    assert key_of(known["speed-5ms"], model, 1.0) == speed
    model.write_bytes(b"two")
    assert key_of(known["speed-5ms"], model, 10.0) != speed


def test_a_finished_scenario_is_not_run_again_unless_it_is_named(tool, monkeypatch, tmp_path):
    runs = []

    def run(work, model, minutes):
        runs.append(minutes)
        return (Bar("x", 1, 1),), {}

    codes = [prove(tool, monkeypatch, tmp_path, run, *more)[0] for more in ([], [], ["--only", "short"])]

    assert (codes, len(runs)) == ([0, 0, 0], 2)


def test_a_scenario_that_breaks_is_kept_as_failed_and_run_again(tool, monkeypatch, tmp_path):
    def breaks(work, model, minutes):
        raise TimeoutError("no answer")

    code, result = prove(tool, monkeypatch, tmp_path, breaks)
    again, mended = prove(tool, monkeypatch, tmp_path, lambda work, model, minutes: ((Bar("x", 1, 1),), {}))

    assert (code, result["met"], result["scenarios"][0]["error"]) == (3, False, "TimeoutError: no answer")
    assert (again, mended["met"], mended["complete"]) == (0, True, True)


def test_a_scenario_that_does_not_exist_is_refused(tool, capsys):
    assert tool.main(["--only", "nothing"]) == 2
    assert "no scenario nothing" in capsys.readouterr().err


def test_memory_is_judged_from_the_second_minute_on():
    # It grows by 50 MB in the first minute, then by one MB a minute.
    samples = [(float(at), 100 + min(at, 60) * 50 / 60 + max(0, at - 60) / 60) for at in range(600)]

    (bar,), figures = steady.judge_memory(samples)

    assert bar.value == pytest.approx(8.83, abs=0.05)
    assert not bar.met
    assert figures["resident_mb_per_minute"] == pytest.approx(1.0)
    assert steady.judge_memory(samples[:60])[0] == ()


def test_a_camera_is_yanked_ten_times(tmp_path):
    bars, _ = disk.yanked(tmp_path, tmp_path)

    assert all(bar.met for bar in bars), bars
