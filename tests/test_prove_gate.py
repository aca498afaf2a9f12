"""The proof of the gate: its slower models compute the same, its scenarios tell right from wrong, its runs are kept."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from fcn_edge.cli.main import _parse
from fcn_edge.errors import FcnEdgeError
from fcn_edge.machine.environment import find_environment
from fcn_edge.networks import build_fcn
from gate_proof import journal, many_classes
from gate_proof.model_files import Facts
from gate_proof.result import make_report, table, write_result
from gate_proof.run import RunResult, arguments, key_of
from gate_proof.scenario import SCENARIOS, by_name
from gate_proof.slower import Extra, size_for, write_slower

pytestmark = pytest.mark.desk


def a_run(**changes):
    run = RunResult(
        scenario="same-quiet",
        key="k",
        number=1,
        at=0.0,
        right=True,
        verdict="pass",
        exit_code=0,
        ratio=1.001,
        interval=(0.99, 1.01),
        confirmation=None,
        control=1.0,
        looks=1,
        reliability="reliable",
        flags=("busy",),
        failed=(),
        worst=(),
        load=0.5,
        seconds=30.0,
    )
    return dataclasses.replace(run, **changes)


def a_check(name, verdict, images=0):
    return {"name": name, "verdict": verdict, "worst": [{"id": str(i), "pixel": 0.5} for i in range(images)]}


@pytest.fixture(scope="module")
def keras():
    from fcn_edge.networks.layers import load_keras

    return load_keras()


@pytest.mark.parametrize("widths", [(), (8,), (16,)])
def test_convolutions_that_are_put_in_change_nothing(keras, tmp_path, widths):
    model = build_fcn((16, 16, 3), filters=(4, 8))
    model.save(tmp_path / "model.keras")

    write_slower(tmp_path / "model.keras", Extra("enc2_pool", widths), tmp_path / "slower.keras")

    slower = keras.models.load_model(tmp_path / "slower.keras", compile=False)
    pixels = np.random.default_rng(0).random((2, 16, 16, 3), np.float32)
    np.testing.assert_array_equal(np.asarray(slower(pixels)), np.asarray(model(pixels)))
    added = [layer for layer in slower.layers if layer.name.startswith("extra")]
    assert len(added) == len(widths) + 1
    assert len(slower.layers) == len(model.layers) + len(added)


def test_the_width_is_found_that_costs_what_is_wanted():
    sized = size_for(1.10, [Extra("pool", (512,))], lambda extra: 1.01 + extra.widths[0] / 8000, lambda line: None)

    assert sized.ratio == pytest.approx(1.10, abs=0.005)
    assert sized.extra.widths[0] % 16 == 0


def test_of_single_convolutions_the_first_that_fits_is_taken():
    costs = {"first": 1.07, "second": 1.033, "third": 1.03}

    sized = size_for(1.03, [Extra(name) for name in costs], lambda extra: costs[extra.behind], lambda line: None)

    assert sized.extra == Extra("second")


def test_a_size_that_is_not_found_is_an_error():
    with pytest.raises(FcnEdgeError, match="10% of the time"):
        size_for(1.10, [Extra("pool", (16,))], lambda extra: 1.5, lambda line: None)


def test_the_nearest_colour_wins_and_the_hard_class_only_where_it_is_not_ruined(keras, tmp_path):
    truth = many_classes._colours_rgb().astype(np.float32)
    pixels = np.zeros((1, *many_classes.SIZE_HW, 3), np.float32)
    pixels[0, 0, : len(truth)] = truth
    found = {}
    for ruined in (False, True):
        path = tmp_path / f"{ruined}.keras"
        many_classes.write_model(path, ruined=ruined)
        scores = np.asarray(keras.models.load_model(path, compile=False)(pixels))
        found[ruined] = scores[0, 0, : len(truth)].argmax(-1).tolist()

    names = list(range(many_classes.CLASSES))
    assert found[False] == names
    assert found[True][:-1] == names[:-1]
    assert found[True][-1] != many_classes.HARD_CLASS


def test_a_command_line_of_each_scenario_is_one_of_the_gate(tmp_path):
    for scenario in SCENARIOS:
        args = _parse([*arguments(scenario, tmp_path), "--seed", "1", "--quiet", "--json", "gate.json"])

        assert (args.command, args.threads, args.rounds, args.time_budget) == ("gate", 1, 5, 120.0)


@pytest.mark.parametrize(
    ("name", "verdict", "checks", "right"),
    [
        ("same-quiet", "pass", [], True),
        ("same-quiet", "inconclusive", [a_check("latency", "inconclusive")], False),
        ("slower-10", "fail", [a_check("latency", "fail")], True),
        ("slower-10", "inconclusive", [a_check("latency", "inconclusive")], False),
        ("slower-10", "fail", [a_check("agreement", "fail", 1)], False),
        ("slower-3", "inconclusive", [a_check("latency", "inconclusive")], True),
        ("slower-3", "fail", [a_check("latency", "fail")], False),
        ("black", "fail", [a_check("miou_kept", "fail", 2), a_check("iou.nucleus", "fail", 2)], True),
        ("black", "fail", [a_check("miou_kept", "fail", 2)], False),
        ("black", "fail", [a_check("miou_kept", "fail", 2), a_check("iou.nucleus", "fail")], False),
        ("ruined", "fail", [a_check("iou.glass", "fail", 2), a_check("miou_kept", "pass")], True),
        ("ruined", "fail", [a_check("iou.glass", "fail", 2), a_check("miou_kept", "fail", 2)], False),
    ],
)
def test_an_answer_is_right_or_wrong(name, verdict, checks, right):
    assert by_name()[name].right({"verdict": verdict, "checks": checks}) == right


def test_runs_are_kept_one_by_one_and_a_line_cut_off_is_left_out(tmp_path):
    path = tmp_path / "work" / "runs.jsonl"
    assert journal.read(path) == []
    journal.append(path, a_run())
    with path.open("a") as file:
        file.write('{"scenario": "same-qu')  # a kill
    journal.append(path, a_run(number=2))

    assert journal.read(path) == [a_run(), a_run(number=2)]


def test_runs_of_other_files_do_not_count(tmp_path):
    scenario = dataclasses.replace(by_name()["same-quiet"], base="m.tflite", head="m.tflite")
    (tmp_path / "m.tflite").write_bytes(b"one")
    before = key_of(scenario, tmp_path)
    (tmp_path / "m.tflite").write_bytes(b"two")
    after = key_of(scenario, tmp_path)

    runs = [a_run(key=before), a_run(key=after, number=2)]

    assert before != after
    assert journal.of_scenario(runs, "same-quiet", after) == runs[1:]


def test_a_proof_is_one_only_with_all_its_runs(tmp_path):
    scenario = dataclasses.replace(by_name()["same-quiet"], runs=2)
    facts = Facts("", {})
    one = make_report({"same-quiet": [a_run()]}, [scenario], facts)
    both = make_report({"same-quiet": [a_run(), a_run(number=2)]}, [scenario], facts)
    wrong = make_report({"same-quiet": [a_run(), a_run(number=2, right=False)]}, [scenario], facts)

    assert [report.proven for report in (one, both, wrong)] == [False, True, False]
    assert table(one).startswith("OPEN    1 of 1 (wanted 2)")
    assert table(both).startswith("proven  2 of 2 (wanted 2)")
    assert table(wrong).startswith("WRONG   1 of 2 (wanted 2)")

    write_result(tmp_path / "gate.json", both)
    content = json.loads((tmp_path / "gate.json").read_text())
    assert content["kind"] == "prove_gate"
    assert content["env"]["board"] == find_environment().board
    assert content["scenarios"][0]["runs"][1]["number"] == 2
