"""Tuning: what is dropped and why, what is chosen, and what is kept of it."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from fcn_edge.cli.main import main
from fcn_edge.errors import AcceleratorError, ModelFileError, UsageError
from fcn_edge.model_file import choice, find_choice, resolve, shipped
from fcn_edge.runtime.segmenter import Segmenter
from fcn_edge.runtime.tune import TuneConfig, forget_choice, tune_model
from fcn_edge.runtime.tune.agreement import compare_masks
from fcn_edge.runtime.tune.candidate import Candidate, thread_counts
from fcn_edge.runtime.tune.choosing import choose
from fcn_edge.runtime.tune.race import Race
from fcn_edge.schema import load_schema
from fcn_edge.timing import paired

MODELS = Path(__file__).parent / "models"
QUICK = TuneConfig(threads=(1,), time_budget_s=0.2)


@pytest.fixture(autouse=True)
def quick(tmp_path, monkeypatch):
    """A cache of its own, and warm-ups that a tiny model needs."""
    monkeypatch.setenv("FCN_EDGE_CACHE", str(tmp_path / "cache"))
    whole = paired.warm_up
    monkeypatch.setattr(paired, "warm_up", lambda *given, **named: whole(*given, **{**named, "shortest_s": 0.01}))


@pytest.fixture
def people(tmp_path, monkeypatch) -> Path:
    """Shipped models of which one is called people."""
    folder = tmp_path / "shipped" / "people"
    folder.mkdir(parents=True)
    for name in ("int8.tflite", "fp32.tflite"):
        shutil.copy(MODELS / f"tiny.{name}", folder / f"people.{name}")
    monkeypatch.setattr(shipped, "_folder", lambda: folder.parent)
    return folder


def plain(candidate: Candidate) -> Segmenter:
    return Segmenter.open(candidate.path, backend=candidate.backend, threads=candidate.threads)


def test_a_name_means_the_file_that_was_chosen(people):
    assert resolve("people").name == "people.int8.tflite"
    report = tune_model("people", QUICK)
    kept = find_choice("people")
    assert kept == report.choice
    assert resolve("people") == kept.path
    assert report.cache.is_file()
    assert report.candidates[0].verdict == "chosen"


def test_a_choice_can_be_forgotten(people):
    tune_model("people", QUICK)
    assert forget_choice("people")
    assert find_choice("people") is None
    assert not forget_choice("people")


def test_a_dry_run_keeps_nothing(people):
    report = tune_model("people", TuneConfig(threads=(1,), time_budget_s=0.2, remember=False))
    assert report.cache is None
    assert find_choice("people") is None


def test_a_choice_of_a_file_that_changed_is_not_used(people):
    chosen = tune_model("people", QUICK).choice.path
    whole = bytearray(chosen.read_bytes())
    whole[len(whole) // 2] ^= 1
    chosen.write_bytes(whole)
    assert find_choice("people") is None


def test_a_choice_whose_runtime_changed_is_not_used(people):
    path = tune_model("people", QUICK).cache
    content = json.loads(path.read_text())
    content["choices"][0]["versions"] = {"ai-edge-litert": "0.1"}
    path.write_text(json.dumps(content))
    assert find_choice("people") is None


def test_a_choice_made_on_another_device_is_not_used(people, monkeypatch):
    tune_model("people", QUICK)
    monkeypatch.setattr(choice, "device_key", lambda: {"board": "Raspberry Pi 5"})
    assert find_choice("people") is None


def test_a_choice_for_a_file_follows_the_file(tmp_path):
    path = Path(shutil.copy(MODELS / "tiny.int8.tflite", tmp_path))
    tune_model(path, QUICK)
    moved = path.rename(tmp_path / "other.int8.tflite")
    assert find_choice(moved).path == moved


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"schema_version": 9, "choices": []}', '{"schema_version": 1, "choices": [3]}', "\0"]
)
def test_a_damaged_cache_is_passed_over_with_a_warning(people, tmp_path, damage, caplog):
    path = tmp_path / "cache" / "tune.json"
    path.parent.mkdir()
    path.write_text(damage)
    assert find_choice("people") is None
    assert resolve("people").name == "people.int8.tflite"
    assert [record.message.partition(": cannot be read")[0] for record in caplog.records] == [f"warning: {path}"]
    tune_model("people", QUICK)
    assert find_choice("people") is not None


def test_entries_that_make_no_sense_are_passed_over(people, tmp_path):
    path = tune_model("people", QUICK).cache
    content = json.loads(path.read_text())
    content["choices"][0]["files"] = 3
    path.write_text(json.dumps(content))
    assert find_choice("people") is None


def test_other_masks_than_the_references_are_dropped(people):
    def opener(candidate):
        opened = plain(candidate)
        if "int8" in candidate.path.name:
            opened.threshold = 1e9
        return opened

    report = tune_model("people", QUICK, opener=opener)
    dropped = {stats.candidate.path.name for stats in report.candidates if stats.verdict == "disagrees"}
    assert dropped == {"people.int8.tflite"}
    assert report.choice.path.name == "people.fp32.tflite"


def test_a_candidate_that_fails_is_dropped_with_its_reason(people):
    def opener(candidate):
        if candidate.backend.endswith("-builtin"):
            raise AcceleratorError("no such device", hint="plug it in")
        return plain(candidate)

    report = tune_model("people", QUICK, opener=opener)
    failed = [stats for stats in report.candidates if stats.verdict == "failed"]
    assert {stats.reason for stats in failed} == {"no such device"}
    assert not report.choice.backend.endswith("-builtin")


def test_a_delegate_that_cannot_be_used_is_noted(people):
    report = tune_model("people", TuneConfig(threads=(1,), time_budget_s=0.2, delegate="libedgetpu-absent.so.1"))
    assert report.notes[0].startswith("the delegate could not be used: delegate libedgetpu-absent.so.1")
    assert report.choice.delegate is None


def test_a_hopelessly_slow_candidate_is_given_up_after_two_calls(people):
    calls = []

    def opener(candidate):
        opened = plain(candidate)
        if candidate.backend.endswith("-builtin") and "int8" in candidate.path.name:
            infer = opened.backend.infer

            def slow(pixels, *, out=None):
                calls.append(candidate)
                time.sleep(0.3)
                return infer(pixels, out=out)

            opened.backend.infer = slow
        return opened

    report = tune_model("people", QUICK, opener=opener)
    assert len(calls) == 2
    slow = next(stats for stats in report.candidates if stats.candidate == calls[0])
    assert (slow.verdict, slow.median_ms) == ("too_slow", None)


def test_a_reference_that_fails_is_an_error(people):
    def opener(candidate):
        raise AcceleratorError("broken", hint="mend it")

    with pytest.raises(ModelFileError, match="compared with it, but it fails: broken"):
        tune_model("people", QUICK, opener=opener)


def test_an_interrupt_keeps_the_rounds_that_are_done(people, monkeypatch):
    from fcn_edge.runtime.tune import race

    rounds = []
    whole = race.sample

    def interrupted(*given, **named):
        if rounds:
            raise KeyboardInterrupt
        rounds.append(1)
        return whole(*given, **named)

    monkeypatch.setattr(race, "sample", interrupted)
    monkeypatch.setattr(race, "_has_lost", lambda *_: False)
    report = tune_model("people", TuneConfig(threads=(1,), time_budget_s=30))
    assert report.interrupted
    assert find_choice("people") == report.choice


def test_of_equals_the_one_with_fewer_threads_then_the_more_faithful_is_chosen():
    one, two, other = (Candidate(Path("a.tflite"), b, n) for b, n in (("litert", 1), ("litert", 2), ("openvino", 1)))
    noise = np.tile([1.0, 1.05, 0.96, 1.02], 8)
    times = {one: 10 * noise, two: 9.9 * noise[::-1], other: 10 * noise[::-1]}
    race = Race(times, interrupted=False)
    assert choose(race, {one: 0.99, two: 1.0, other: 0.98}) == one
    assert choose(race, {one: 0.98, two: 1.0, other: 0.99}) == other
    faster = Race({**times, two: 5 * noise}, interrupted=False)
    assert choose(faster, {one: 0.99, two: 1.0, other: 0.98}) == two


def test_a_small_class_that_vanishes_is_seen_although_nearly_all_pixels_agree():
    expected = np.zeros((100, 100), np.uint8)
    expected[:4, :5] = 2
    alike = compare_masks([expected], [np.zeros_like(expected)], classes=3)
    assert alike.pixel > 0.99
    assert alike.vanished == (2,)
    assert compare_masks([expected], [expected], classes=3).vanished == ()


@pytest.mark.parametrize(("usable", "counts"), [(1, (1,)), (1.5, (1,)), (2, (1, 2)), (4, (1, 2, 4)), (6, (1, 2, 4, 6))])
def test_threads_double_up_to_all_processors(usable, counts):
    assert thread_counts(usable) == counts


def test_the_users_pictures_are_named(people, tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.full((40, 60, 3), (0, 0, 240), np.uint8))
    report = tune_model("people", TuneConfig(threads=(1,), time_budget_s=0.2, images=(tmp_path / "a.png",)))
    assert report.pictures == f"1 of 1 pictures of {tmp_path / 'a.png'}"
    assert any("masks agree says little" in note for note in report.notes)


def test_siblings_of_a_file_can_be_chosen(tmp_path):
    for name in ("tiny.int8.tflite", "tiny.fp32.tflite", "foreign.tflite", "tiny.labels.fp32.tflite"):
        shutil.copy(MODELS / name, tmp_path)
    config = TuneConfig(threads=(1,), time_budget_s=0.2, siblings=True, remember=False)
    report = tune_model(tmp_path / "tiny.int8.tflite", config)
    assert {stats.candidate.path.name for stats in report.candidates} == {"tiny.int8.tflite", "tiny.fp32.tflite"}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--threads", "x"], "whole numbers"),
        (["--threads", "0"], "at least one number"),
        (["--backends", "wings"], "'wings' is unknown"),
        (["--backends", "keras"], "nothing to choose from"),
        (["--min-agreement", "3"], "0 to 1"),
        (["--time-budget", "0"], "leave no time"),
        (["--images", "none"], "does not exist"),
        (["--images", "a", "--data", "b"], "either"),
        (["--data", "none"], "none"),
        (["--delegate", "none/lib.so"], "none/lib.so: does not exist"),
    ],
)
def test_a_wrong_wish_is_two_lines(people, arguments, what, capsys):
    assert main(["tune", "people", *arguments]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert what in f"{error} {hint}"


@pytest.mark.parametrize("model", ["nothing", "none/a.tflite"])
def test_a_model_that_is_not_there_is_wrong_usage(model):
    with pytest.raises(UsageError, match="neither a file nor a shipped model"):
        tune_model(model)


def test_the_command_prints_a_table_and_writes_what_its_schema_says(people, tmp_path, capsys):
    jsonschema = pytest.importorskip("jsonschema", reason="needs the extra dev")
    path = tmp_path / "tune.json"
    arguments = ["tune", "people", "--threads", "1", "--time-budget", "0.2", "--json", str(path)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "people.fp32.tflite@" in out
    assert f"remembered in {tmp_path / 'cache' / 'tune.json'}" in out
    content = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(load_schema("tune")).validate(content)
    assert main(["tune", "people", "--forget"]) == 0
    assert capsys.readouterr().out == "people: forgotten\n"
