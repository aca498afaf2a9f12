"""The benchmark against peers: its networks, files, comparisons and tables, on a network of a few kilobytes."""

from __future__ import annotations

import dataclasses
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fcn_edge.errors import FcnEdgeError
from fcn_edge.timing.intervals import RatioStats
from fcn_edge.timing.paired import SamplingConfig, sample
from peers import model_files, network
from peers.entry import Opened, agreement, entries, open_entries
from peers.matchup import BARS, Bar, matchups
from peers.network import NETWORKS, NetworkSpec, build_network
from peers.page import readme_table, terminal_page
from peers.result import Circumstances, make_report, to_json, write_result

TOOL = Path(__file__).resolve().parents[1] / "tools" / "bench_peers"
TINY = NetworkSpec("fcn", 1, "enc2_pool", "head", {"filters": (4, 8)})

pytestmark = [pytest.mark.desk, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peers") / "tiny"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "NETWORKS", {**NETWORKS, "tiny": TINY})
        patch.setattr(model_files, "NETWORKS", network.NETWORKS)
        model_files.make_files("tiny", 3, folder, lambda line: None)
        yield folder


@pytest.fixture(scope="module")
def opened(folder):
    return open_entries(folder, model_files.read_scenes(folder))[0]


@pytest.fixture(scope="module")
def report(folder, opened):
    # Everything takes as long as everything else by this clock, which spares the test the warm-up's real seconds.
    ticks = itertools.count()
    config = SamplingConfig(blocks=6, seed=3)
    samples = sample([one.contestant for one in opened], config, clock=lambda: next(ticks) / 50)
    shares = agreement(opened)
    how = Circumstances("fcn", 3, "wall", cpu=1, processor_share=0.7, left_out={"tpu": "tpu: is not installed"})
    return make_report(how, folder, opened, shares, samples)


def test_everyone_takes_part(opened):
    assert [one.entry.name for one in opened] == [entry.name for entry in entries()]


def test_all_give_the_pixels_the_classes_of_the_keras_model(opened):
    shares = agreement(opened)

    assert len(shares) == len(opened) - 1  # the encoder decides nothing
    exact = {one.entry.name for one in opened if one.arithmetic == "fp32"}
    assert min(share for name, share in shares.items() if name in exact) > 0.999
    assert min(shares.values()) > 0.9


def test_a_runtime_that_computes_a_float_file_in_fewer_bits_by_itself_is_held_to_those(opened):
    """OpenVINO takes bfloat16 for it where the processor has that, as an option that nobody has to set."""
    coarse = next(one for one in opened if one.entry.name == "unfolded fp32 ONNX Runtime")

    def call(pixels):
        scores = coarse.call(pixels)
        return np.where(np.arange(scores.size).reshape(scores.shape) % 256 == 0, -scores, scores)  # 99.6 % right

    told = dataclasses.replace(coarse, call=call, arithmetic="bf16")

    assert 0.99 < agreement([opened[0], told])[coarse.entry.name] < 0.999
    with pytest.raises(FcnEdgeError, match=r"at least 99\.9% was expected"):
        agreement([opened[0], dataclasses.replace(told, arithmetic="fp32")])


def test_the_tables_tell_a_runtimes_own_choice_of_bits(report):
    result = to_json(report)
    openvino = next(v for v in result["variants"] if v["name"] == "folded fp32 OpenVINO")
    older = {k: v for k, v in openvino.items() if k != "arithmetic"}

    assert "float files in" not in readme_table([{**result, "variants": [older]}])
    chosen = readme_table([{**result, "variants": [{**openvino, "arithmetic": "bf16"}]}])
    assert f"; {openvino['runtime']} (float files in bf16); " in chosen


def test_a_model_that_computes_something_else_stops_the_run(opened):
    one = opened[2]
    other = Opened(one.entry, one.runtime, lambda pixels: -one.call(pixels), one.inputs, one.threshold, one.arithmetic)

    with pytest.raises(FcnEdgeError, match="so its times mean nothing"):
        agreement([opened[0], other])


def test_our_files_take_raw_pixels_and_the_tutorials_float_file_does_not(opened):
    dtypes = {one.entry.name: one.inputs[0].dtype for one in opened}

    assert {name for name, dtype in dtypes.items() if dtype == np.float32} == {"Keras", "tutorial fp32"}


def test_files_that_are_up_to_date_are_not_made_again(folder):
    made = (folder / "folded" / "network.int8.tflite").stat().st_mtime_ns
    told = []

    model_files.make_files("tiny", 3, folder, told.append)

    assert (folder / "folded" / "network.int8.tflite").stat().st_mtime_ns == made
    assert "up to date" in told[0]


def test_the_result_has_the_keys_of_bench(report, tmp_path):
    write_result(tmp_path / "r.json", report)
    result = json.loads((tmp_path / "r.json").read_text())
    variant, comparison = result["variants"][0], result["comparisons"][0]

    assert {"name", "model", "latency_ms", "samples_ms"} <= set(variant)
    assert {"n", "min", "p50", "p90", "p99", "mean"} <= set(variant["latency_ms"])
    assert variant["latency_ms"]["n"] == 18 == sum(len(row) for row in variant["samples_ms"])
    assert variant["latency_ms"]["p90"] is None
    assert {"candidate", "reference", "ratio", "ci"} <= set(comparison)
    assert result["kind"] == "bench_peers"


def test_every_bar_is_judged(report):
    judged = {c.key for c in report.comparisons if c.bar is not None}

    assert judged == set(BARS["fcn"])
    assert all((c.verdict is None) == (c.bar is None) for c in report.comparisons)


def test_the_terminal_shows_times_ratios_bars_and_doubts(report):
    page = terminal_page(to_json(report))

    assert "folded against unfolded, LiteRT int8" in page
    assert "at least 4.00x:" in page
    assert "LEFT OUT: tpu" in page
    assert "6 blocks only, of 64" in page
    assert "other programs had the processor for 30% of the time" in page
    assert "all bound to processor 1; 6 interleaved blocks" in page


def test_the_readme_table_has_a_row_for_each_comparison_and_says_where_it_was_measured(report):
    result = to_json(report)
    fewer = {**result, "network": "fcn11", "comparisons": result["comparisons"][1:]}
    lines = readme_table([result, fewer]).splitlines()

    assert lines[0] == "| | `fcn` | `fcn11` |"
    rows = [line for line in lines[2:] if line.startswith("| ")]
    assert [row.split(" | ")[0][2:] for row in rows] == [c.what for c in report.comparisons]
    assert rows[0].endswith("| — |")
    assert report.env.board in lines[-1]


@pytest.mark.parametrize(
    ("bar", "ratio", "verdict"),
    [
        (Bar("at least", 4.0), 0.25, "met"),
        (Bar("at least", 4.0), 0.2513, "missed"),
        (Bar("at least", 1.0), 1.004, "met"),
        (Bar("at least", 1.0), 1.02, "missed"),
        (Bar("at most", 1.15), 1.154, "met"),
        (Bar("at most", 1.15), 1.16, "missed"),
    ],
)
def test_a_bar_is_judged_as_it_is_printed(bar, ratio, verdict):
    assert bar.judge(RatioStats(ratio, None, 5)) == verdict


def test_what_was_not_timed_is_not_compared():
    names = {"folded int8 LiteRT": 2.0, "unfolded int8 LiteRT": 8.0, "Keras": 60.0, "folded int8 OpenVINO": 1.0}
    pairs = [(m.candidate, m.reference) for m in matchups("fcn", names)]

    assert pairs == [("folded int8 LiteRT", "unfolded int8 LiteRT"), ("folded int8 OpenVINO", "Keras")]


def test_the_networks_that_must_never_be_slower_have_that_bar():
    names = dict.fromkeys((entry.name for entry in entries()), 1.0)
    bars = {m.key: m.bar for m in matchups("fcn8s", names)}

    assert [bar for key, bar in bars.items() if key.startswith("fold ")] == [Bar("at least", 1.0)] * 6
    assert [bar for key, bar in bars.items() if not key.startswith("fold ")] == [None] * (len(bars) - 6)


@pytest.mark.parametrize("name", ["fcn8s", "fcn8s-binary", "fcn8s-resize"])
def test_a_drawn_network_is_the_same_each_time_and_decides_for_more_than_one_class(name):
    first, second = (build_network(NETWORKS[name], 1) for _ in range(2))
    pixels = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3)).astype(np.float32)
    scores = np.asarray(first(pixels))[0]
    labels = scores.argmax(-1) if scores.shape[-1] > 1 else scores[..., 0] > 0.5

    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))
    assert len(np.unique(labels)) > 1


def test_resizing_stands_in_for_transposed_convolutions():
    kinds = {layer.__class__.__name__ for layer in build_network(NETWORKS["fcn8s-resize"], 1).layers}

    assert "UpSampling2D" in kinds
    assert "Conv2DTranspose" not in kinds


def test_an_unknown_network_is_refused(tmp_path):
    done = subprocess.run(
        [sys.executable, TOOL, "--network", "resnet"], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert done.returncode == 2
    assert "fcn8s" in done.stderr
