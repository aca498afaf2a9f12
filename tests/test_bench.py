"""The benchmark with real runtimes in processes of their own; no time is asserted."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from fcn_edge.cli.main import main
from fcn_edge.errors import ModelFileError, UsageError
from fcn_edge.measure.bench import BenchConfig, bench
from fcn_edge.measure.bench.result import to_json
from fcn_edge.measure.spec import VariantSpec
from fcn_edge.timing.intervals import latency_stats

MODELS = Path(__file__).parent / "models"
FP32 = MODELS / "tiny.fp32.tflite"
INT8 = MODELS / "tiny.int8.tflite"

QUICK = BenchConfig(
    rounds=2, blocks=16, min_seconds=0.0, extensions=0, warm_up_s=0.02, memory=False, layers=False, time_budget_s=20.0
)


@pytest.fixture(scope="module")
def report():
    return bench([FP32, INT8], config=QUICK)


def test_every_call_that_counts_is_kept(report):
    for variant in report.variants:
        assert len(variant.samples_ms) == len(report.blocks) * QUICK.kept
        assert variant.latency_ms == latency_stats(np.array(variant.samples_ms))
        assert min(variant.samples_ms) > 0


def test_the_rounds_are_fresh_processes_and_told_apart(report):
    assert [len(variant.rounds) for variant in report.variants] == [2, 2]
    assert {block.round for block in report.blocks} == {0, 1}
    assert all(stats.init_ms > 0 and stats.first_inference_ms > 0 for stats in report.variants[0].rounds)


def test_the_reference_is_the_float_file_and_has_a_second_session(report):
    (comparison,) = report.comparisons

    assert (comparison.candidate, comparison.reference) == ("tiny.int8.tflite", "tiny.fp32.tflite")
    assert report.control.reference == "tiny.fp32.tflite"
    assert report.control.candidate not in [variant.name for variant in report.variants]


def test_correctness_is_looked_at_before_any_timing(report):
    (same,) = report.same_input

    assert same.candidate == "tiny.int8.tflite"
    assert 0.5 < same.pixel <= 1


def test_blocks_stand_in_the_order_of_time(report):
    times = [block.at_s for block in report.blocks]

    assert times == sorted(times)
    assert times[0] == 0


def test_the_result_is_plain_json(report):
    content = json.loads(json.dumps(to_json(report), allow_nan=False))

    assert {"variants", "comparisons", "env", "reliability"} <= content.keys()
    assert {"n", "min", "p50", "p90", "p99", "mean"} <= content["variants"][0]["latency_ms"].keys()


def test_a_percentile_that_too_few_calls_carry_is_absent(report):
    assert report.variants[0].latency_ms.n < 662
    assert report.variants[0].latency_ms.p99 is None


def test_one_file_takes_part_twice_under_two_names():
    report = bench([VariantSpec(INT8, name="base"), VariantSpec(INT8, name="head")], config=QUICK, reference="base")

    assert report.same_input[0].pixel == 1
    assert report.comparisons[0].candidate == "head"


def test_rounds_are_run_again_until_the_figures_decide():
    looks = []

    def enough(comparisons):
        looks.append(len(comparisons[0].round_ratios))
        return len(looks) == 2

    report = bench([FP32, INT8], config=dataclasses.replace(QUICK, rounds=1, extensions=2), enough=enough)

    assert looks == [1, 2]
    assert report.looks == 2
    assert report.comparisons[0].confidence == pytest.approx(1 - 0.05 / 3)


def test_no_more_looks_are_taken_than_were_planned():
    config = dataclasses.replace(QUICK, rounds=1, blocks=8, extensions=1)

    report = bench([INT8], config=config, enough=lambda comparisons: False)

    assert report.looks == 2


def test_finished_rounds_are_kept_and_gone_on_with(tmp_path):
    state = tmp_path / "rounds"
    first = bench([INT8], config=QUICK, state=state)
    lines = state.read_text().splitlines(keepends=True)
    state.write_text("".join(lines[:2]))  # as if killed in the second round

    second = bench([INT8], config=QUICK, state=state, resume=True)

    kept = len(first.variants[0].samples_ms) // 2
    assert second.variants[0].samples_ms[:kept] == first.variants[0].samples_ms[:kept]
    assert len(second.variants[0].rounds) == 2


def test_an_unknown_backend_is_told_by_its_name():
    with pytest.raises(UsageError, match="'tensorrt' is unknown"):
        bench([VariantSpec(INT8, "tensorrt")], config=QUICK)


def test_a_damaged_model_is_told_by_its_name(tmp_path):
    broken = tmp_path / "broken.int8.tflite"
    broken.write_bytes(INT8.read_bytes()[:300])

    with pytest.raises(ModelFileError, match=r"broken\.int8\.tflite"):
        bench([INT8, broken], config=QUICK)


def test_a_model_without_a_card_is_timed_as_well():
    report = bench([MODELS / "foreign.tflite"], config=QUICK)

    assert report.variants[0].model.precision is None
    assert report.variants[0].latency_ms.p50 > 0


def test_too_few_pictures_are_refused(tmp_path):
    with pytest.raises(UsageError, match="0 pictures found"):
        bench([INT8], config=QUICK, images=[tmp_path])


def test_resuming_needs_a_file(capsys):
    assert main(["bench", str(INT8), "--resume"]) == 2
    assert "hint: name it as it was begun: --json FILE" in capsys.readouterr().err


def test_a_run_that_was_killed_goes_on_and_leaves_nothing_behind(tmp_path, capsys):
    out, rounds = tmp_path / "bench.json", tmp_path / "bench.json.rounds"
    command = [
        "bench",
        str(INT8),
        "--time-budget",
        "1",
        "--rounds",
        "3",
        "--no-layers",
        "--no-memory",
        "--json",
        str(out),
    ]
    process = subprocess.Popen([sys.executable, "-m", "fcn_edge", *command], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (rounds.exists() and len(rounds.read_text().splitlines()) > 1):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = json.loads(rounds.read_text().splitlines()[1])["sessions"][0]["samples_ms"][0][0]

    assert main([*command, "--resume", "--quiet"]) == 0

    content = json.loads(out.read_text())
    assert kept in content["variants"][0]["samples_ms"]
    assert os.listdir(tmp_path) == ["bench.json"]  # noqa: PTH208 - names only


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_no_process_outlives_a_run_that_was_ended(tmp_path, number, code):
    command = ["bench", str(INT8), "--json", str(tmp_path / "bench.json"), "--quiet"]
    parent = subprocess.Popen([sys.executable, "-m", "fcn_edge", *command], stderr=subprocess.PIPE)
    worker = _awaited(lambda: _children(parent.pid))[0]
    parent.send_signal(number)
    parent.communicate()

    assert parent.returncode == code
    _awaited(lambda: not Path(f"/proc/{worker}").exists())


@pytest.mark.parametrize(
    "option", [("--time-budget", "nan"), ("--time-budget", "inf"), ("--rounds", "0"), ("--seed", "-1")]
)
def test_a_protocol_that_cannot_be_kept_is_wrong_usage(option, capsys):
    assert main(["bench", str(INT8), *option]) == 2
    assert "hint:" in capsys.readouterr().err


def test_rounds_on_other_pictures_are_not_gone_on_with(tmp_path):
    state = tmp_path / "rounds"
    bench([INT8], config=QUICK, state=state)

    with pytest.raises(UsageError, match="other models or settings"):
        bench([INT8], config=QUICK, state=state, resume=True, images=[_pictures(tmp_path / "pictures")])


def test_on_one_thread_ratios_are_of_processor_time_and_wall_time_stands_beside(report):
    (comparison,) = report.comparisons

    assert comparison.clock == "processor"
    assert comparison.wall_ratio == pytest.approx(_ratio(report, "samples_ms"), rel=1e-4)
    assert comparison.ratio == pytest.approx(_ratio(report, "processor_ms"), rel=1e-4)


def test_on_more_threads_ratios_are_of_wall_time():
    report = bench([FP32, INT8], config=dataclasses.replace(QUICK, threads=2))

    assert report.comparisons[0].clock == "wall"
    assert report.comparisons[0].ratio == report.comparisons[0].wall_ratio


def _ratio(report, key):
    shape = (len(report.blocks), QUICK.kept)
    medians = {v.name: np.median(np.reshape(getattr(v, key), shape), axis=1) for v in report.variants}
    return float(np.exp(np.median(np.log(medians["tiny.int8.tflite"]) - np.log(medians["tiny.fp32.tflite"]))))


def _pictures(folder):
    folder.mkdir()
    for i in range(8):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((20, 30, 3), i, np.uint8))
    return folder


def _children(pid):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if stat.read_text().rpartition(")")[2].split()[1] == str(pid):
                found.append(int(stat.parent.name))
    return found


def _awaited(look, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found
