"""The gate whole: what is measured, what is judged, and what it says."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from gate_reports import BOARD, bench_report, compare_report

from fcn_edge.dataset import DataFolder, Sample
from fcn_edge.errors import DatasetError, UsageError
from fcn_edge.measure.bench import BenchConfig
from fcn_edge.measure.gate import GateConfig, accept_baseline, gate
from fcn_edge.measure.gate.result import to_json
from fcn_edge.measure.gate.table import format_table
from fcn_edge.measure.spec import VariantSpec
from fcn_edge.model_file import read_card, resolve, write_card

# Wherever they are: in the repository, or in the wheel that is tested as a device has it.
MODELS = resolve("nuclei.int8.tflite").parent
HEAD, FLOAT = MODELS / "nuclei.int8.tflite", MODELS / "nuclei.fp32.tflite"
DATA = DataFolder(Path("data"), ("background", "nucleus"), {"val": (Sample("a", Path("a.png"), None),), "empty": ()})
SLOW = bench_report(1.2, (1.18, 1.22))
SAME = bench_report(1.0, (0.99, 1.01))


class Bench:
    """Gives benchmarks written by hand, one for each call, and keeps what it was asked for."""

    def __init__(self, *reports):
        self.reports = list(reports)
        self.calls = []

    def __call__(self, specs, **options):
        self.calls.append((tuple(spec.name for spec in specs), options))
        return self.reports[len(self.calls) - 1]


def relative(*reports, **config):
    return gate(HEAD, base=FLOAT, config=GateConfig(**config), measure=Bench(*reports))


def named(report):
    return {check.name: check for check in report.checks}


def baseline(folder, ratio=0.25, ci=(0.245, 0.255), **config):
    path = folder / "baseline.json"
    report = bench_report(ratio, ci, other="reference")
    accept_baseline(
        HEAD, reference=FLOAT, baseline=path, reason="first", config=GateConfig(**config), measure=Bench(report)
    )
    return path


def against(path, *reports, **config):
    return gate(HEAD, reference=FLOAT, baseline=path, config=GateConfig(**config), measure=Bench(*reports))


def test_a_head_that_takes_as_long_passes_after_one_benchmark():
    report = relative(SAME)

    assert (report.verdict, report.mode, report.exit_code) == ("pass", "relative", 0)
    assert report.confirmation is None


def test_a_slower_head_fails_when_it_repeats():
    report = relative(SLOW, SLOW)

    assert (report.verdict, report.exit_code) == ("fail", 3)
    assert named(report)["latency"].detail.endswith("again 1.200 in a second benchmark")


def test_a_failure_that_does_not_repeat_only_warns():
    report = relative(SLOW, SAME)

    assert (report.verdict, report.exit_code) == ("inconclusive", 0)
    assert report.confirmation == SAME


def test_the_second_benchmark_is_made_with_another_seed():
    bench = Bench(SLOW, SLOW)
    gate(HEAD, base=FLOAT, config=GateConfig(bench=BenchConfig(seed=7)), measure=bench)

    assert [options["config"].seed for _, options in bench.calls] == [7, 8]
    assert [names for names, _ in bench.calls] == [("base", "head")] * 2


def test_what_stays_open_only_warns_unless_strict():
    open_ended = bench_report(1.1, (1.05, 1.15))

    assert relative(open_ended).exit_code == 0
    assert relative(open_ended).verdict == "inconclusive"
    assert relative(open_ended, strict=True).exit_code == 3


def test_an_unreliable_run_still_compares_pairs_but_is_not_enough_for_the_strict():
    doubted = bench_report(verdict="unreliable", flags=("busy",))

    assert relative(doubted).verdict == "pass"
    assert "the run is unreliable (busy)" in named(relative(doubted))["latency"].detail
    assert relative(doubted, strict=True).exit_code == 3


@pytest.mark.parametrize(
    ("reports", "why", "hint"),
    [
        ([bench_report(1.1, (1.05, 1.15))], "the figures allow both", "give it more time (--time-budget)"),
        ([bench_report(ci=None)], "too little was measured", "give it more time: --time-budget S"),
        ([SLOW, SAME], "a failure did not repeat", "run again"),
        ([SLOW, bench_report(1.1, (1.05, 1.15))], "a failure could not be confirmed", "give it more time"),
        ([bench_report(verdict="unreliable", flags=("throttled",))], "the run cannot be trusted that far", "mend"),
        (
            [bench_report(1.08, (1.07, 1.09), verdict="unreliable", flags=("aa_control",), control=0.95)],
            "the figures allow both",
            "mend aa_control",
        ),
    ],
)
def test_what_stays_open_says_why_and_what_to_do_about_that(reports, why, hint):
    report = relative(*reports, strict=True)

    assert format_table(report).splitlines()[-1] == f"? inconclusive: {why}: latency (strict: that counts as failed)"
    assert hint in report.checks[0].hint


def test_an_interval_that_is_not_there_is_not_widened():
    doubted = bench_report(ci=None, verdict="unreliable", flags=("aa_control",), control=0.97)

    assert relative(doubted).checks[0].detail == (
        "100 pairs are too few for an interval; the run is unreliable (aa_control)"
    )


def test_one_pair_is_one_pair():
    (comparison,) = bench_report(ci=None).comparisons
    alone = dataclasses.replace(SAME, comparisons=(dataclasses.replace(comparison, pairs=1),))

    assert relative(alone).checks[0].detail == "1 pair is too few for an interval"


def test_what_the_base_differs_from_itself_is_not_held_against_the_head():
    doubted = bench_report(1.12, (1.11, 1.13), verdict="unreliable", flags=("aa_control",), control=0.97)

    check = named(relative(doubted))["latency"]

    assert check.verdict == "inconclusive"
    assert check.interval == pytest.approx((1.11 * 0.97, 1.13 / 0.97))


def test_a_lower_threshold_than_machines_can_tell_is_refused():
    with pytest.raises(UsageError, match=r"a threshold of 1.02: at least 1.03"):
        relative(SAME, threshold=1.02)


@pytest.mark.parametrize("limit", [{"budget_ms": 0.0}, {"miou_kept": 99.0}, {"agreement": -1.0}, {"class_drop": -1.0}])
def test_limits_that_cannot_be_meant_are_refused(limit):
    with pytest.raises(UsageError):
        relative(SAME, **limit)


def test_a_ratio_as_in_the_baseline_passes(tmp_path):
    report = against(baseline(tmp_path), bench_report(0.25, (0.245, 0.255), other="reference"))

    assert (report.verdict, report.mode) == ("pass", "ratio")
    assert report.checks[0].value == pytest.approx(1)
    assert report.checks[0].interval == pytest.approx((0.245 / 0.255, 0.255 / 0.245))


def test_a_worse_ratio_than_in_the_baseline_fails(tmp_path):
    slower = bench_report(0.31, (0.305, 0.315), other="reference")

    assert against(baseline(tmp_path), slower, slower).verdict == "fail"


def test_intervals_of_a_ratio_are_compared_at_their_worst(tmp_path):
    wide = baseline(tmp_path, 0.25, (0.22, 0.28))

    assert against(wide, bench_report(0.25, (0.245, 0.255), other="reference")).verdict == "inconclusive"


def test_an_unreliable_run_fails_no_ratio_to_a_baseline(tmp_path):
    hot = bench_report(0.31, (0.305, 0.315), other="reference", verdict="unreliable", flags=("throttled",))

    assert against(baseline(tmp_path), hot).verdict == "inconclusive"


def test_another_runtime_version_is_incomparable_and_named(tmp_path):
    report = against(baseline(tmp_path), bench_report(0.5, (0.49, 0.51), other="reference", version="2.4.0"))

    assert (report.verdict, report.exit_code) == ("incomparable", 0)
    assert "runtime: litert 2.3.0 in the baseline, litert 2.4.0 now" in report.checks[0].detail
    assert against(baseline(tmp_path), report.bench, strict=True).exit_code == 3


def test_another_float_file_is_told(tmp_path):
    path = baseline(tmp_path)
    content = json.loads(path.read_text())
    content["entries"][0]["reference"]["fingerprint"] = "other"
    path.write_text(json.dumps(content))

    report = against(path, bench_report(0.25, (0.245, 0.255), other="reference"))

    assert report.checks[0].detail.endswith("the float file is not the baseline's")


def budget(report, ms=25.0, board=BOARD, again=None, **config):
    return gate(HEAD, config=GateConfig(budget_ms=ms, board=board, **config), measure=Bench(report, again or report))


def test_a_budget_is_kept_missed_or_open_by_the_rounds():
    assert budget(bench_report(head_ms=20)).verdict == "pass"
    assert budget(bench_report(head_ms=30)).verdict == "fail"
    assert budget(bench_report(rounds_ms=[20, 24, 24.5, 26, 30])).verdict == "inconclusive"
    assert budget(bench_report(head_ms=20)).mode == "budget"


def test_a_missed_budget_must_repeat():
    report = budget(bench_report(head_ms=30), again=bench_report(head_ms=20))

    assert report.verdict == "inconclusive"


def test_a_budget_of_another_board_is_incomparable():
    report = budget(bench_report(head_ms=90), board="Jetson Orin Nano")

    assert report.verdict == "incomparable"
    assert report.checks[0].detail == f"the budget is for Jetson Orin Nano, this is {BOARD}"


@pytest.mark.parametrize("rounds", [1, 2, 4])
@pytest.mark.parametrize("ms", [20, 30])
def test_a_budget_is_open_below_five_rounds(rounds, ms):
    (check,) = budget(bench_report(rounds_ms=[ms] * rounds)).checks

    assert (check.verdict, check.interval) == ("inconclusive", None)
    assert check.detail.endswith(f" of {rounds} process{'es' * (rounds > 1)}; 5 are the fewest for an interval")
    assert check.hint == "use --rounds 5 or more"


@pytest.mark.parametrize("flags", [("oversubscribed",), ("busy", "oversubscribed"), ("interference", "noisy")])
def test_a_budget_that_is_kept_in_spite_of_what_only_takes_time_is_kept(flags):
    report = budget(bench_report(head_ms=20, verdict="degraded", flags=flags), strict=True)

    assert (report.verdict, report.exit_code) == ("pass", 0)
    assert report.checks[0].detail.endswith(f"the run is degraded ({', '.join(flags)}), which made it no faster")


@pytest.mark.parametrize("flags", [("drift",), ("not_steady",), ("oversubscribed", "not_steady")])
def test_a_budget_that_a_board_may_have_kept_because_it_was_cold_is_open(flags):
    (check,) = budget(bench_report(head_ms=20, verdict="degraded", flags=flags)).checks

    assert (check.verdict, check.hint) == ("inconclusive", f"mend {flags[-1]}")


@pytest.mark.parametrize("flags", [("throttled",), ("oversubscribed", "few_blocks")])
@pytest.mark.parametrize("ms", [20, 90])
def test_no_budget_is_judged_by_an_unreliable_run(flags, ms):
    (check,) = budget(bench_report(head_ms=ms, verdict="unreliable", flags=flags)).checks

    assert check.verdict == "inconclusive"
    assert ", ".join(flags) in check.detail
    assert check.hint == f"mend {flags[-1]}"


def test_a_budget_missed_on_the_only_processor_of_a_board_is_missed():
    assert budget(bench_report(head_ms=90, verdict="degraded", flags=("oversubscribed",))).verdict == "fail"


@pytest.mark.parametrize("flags", [("busy",), ("interference", "oversubscribed"), ("noisy",), ("drift",)])
def test_a_budget_missed_in_a_run_that_was_disturbed_is_open(flags):
    assert budget(bench_report(head_ms=90, verdict="degraded", flags=flags)).verdict == "inconclusive"


def test_a_budget_without_a_board_is_refused():
    with pytest.raises(UsageError, match="a budget without a board"):
        budget(SAME, board=None)


def test_the_budget_of_the_baseline_is_judged_with_its_ratio(tmp_path):
    path = baseline(tmp_path, budget_ms=25.0)
    content = json.loads(path.read_text())
    content["entries"][0]["budget"]["board"] = BOARD
    path.write_text(json.dumps(content))
    now = bench_report(0.25, (0.245, 0.255), other="reference", head_ms=20)

    assert [check.name for check in against(path, now).checks] == ["latency", "budget"]
    assert against(path, now).verdict == "pass"


def accuracy(*args, **options):
    return compare_report({"background": 0.95, "road": 0.8}, {"background": 0.95, "road": 0.5})


def test_accuracy_counts_also_where_latency_says_nothing():
    bench = Bench(bench_report(ci=None, verdict="unreliable", flags=("busy",)))

    report = gate(HEAD, base=FLOAT, data=DATA, measure=bench, accuracy=accuracy)

    assert (report.verdict, report.exit_code) == ("fail", 3)
    assert {check.name: check.verdict for check in report.checks} == {
        "latency": "inconclusive",
        "miou_kept": "fail",
        "iou.background": "pass",
        "iou.road": "fail",
        "agreement": "pass",
    }


def test_accuracy_alone_needs_no_benchmark():
    report = gate(HEAD, reference=FLOAT, data=DATA, measure=Bench(), accuracy=accuracy)

    assert (report.mode, report.bench) == ("accuracy", None)


def test_one_file_as_base_and_head_is_compared_with_itself():
    asked = []

    def compare(models, *args, **options):
        asked.extend(models)
        whole = compare_report({"background": 0.95, "road": 0.8}, {"background": 0.95, "road": 0.8})
        return dataclasses.replace(whole, variants=whole.variants[:1], agreement=())

    report = gate(HEAD, base=HEAD, data=DATA, measure=Bench(SAME), accuracy=compare)

    assert asked == [VariantSpec(HEAD)]
    assert report.verdict == "pass"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "nothing to judge the head by"),
        ({"base": FLOAT, "baseline": "baseline.json"}, "both a base and a baseline"),
        ({"baseline": "baseline.json"}, "a baseline without a reference"),
        ({"data": DATA}, "data without a model"),
        ({"base": "nowhere.tflite"}, "neither a file nor a shipped model"),
    ],
)
def test_what_makes_no_gate_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        gate(HEAD, measure=Bench(), **options)


@pytest.mark.parametrize(
    ("data", "config", "error", "message"),
    [
        (DATA, {"split": "test"}, DatasetError, "there is no such split"),
        (DATA, {"split": "empty"}, DatasetError, "the split is empty"),
        (DATA, {"limit": 0}, UsageError, "a limit of 0 leaves no image"),
        (
            dataclasses.replace(DATA, class_names=("background", "road")),
            {},
            UsageError,
            r"int8.tflite: its classes are 2 \(background, nucleus\), but those of data are 2 \(background, road\)",
        ),
    ],
)
@pytest.mark.parametrize("models", [{"base": FLOAT}, {"reference": FLOAT}])
def test_data_that_cannot_be_used_is_told_before_anything_is_timed(data, config, error, message, models):
    bench = Bench()

    with pytest.raises(error, match=message):
        gate(HEAD, data=data, config=GateConfig(**config), measure=bench, **models)
    assert bench.calls == []


def test_data_that_cannot_be_used_is_told_before_a_baseline_is_measured(tmp_path):
    bench, config = Bench(), GateConfig(split="test")

    with pytest.raises(DatasetError, match="there is no such split"):
        accept_baseline(
            HEAD, reference=FLOAT, baseline=tmp_path / "b", reason="r", data=DATA, config=config, measure=bench
        )
    assert bench.calls == []


def test_a_head_with_other_classes_is_refused(tmp_path):
    other = tmp_path / "other.int8.tflite"
    other.write_bytes(HEAD.read_bytes())
    card = read_card(other)
    classes = (*card.classes[:-1], dataclasses.replace(card.classes[-1], name="river"))
    write_card(other, dataclasses.replace(card, classes=classes))

    with pytest.raises(UsageError, match=r"its classes are .*river.* but those of"):
        gate(other, base=HEAD, measure=Bench())


def test_the_result_is_plain_json_with_all_keys(tmp_path):
    report = gate(HEAD, base=FLOAT, data=DATA, measure=Bench(SLOW, SAME), accuracy=accuracy)

    content = json.loads(json.dumps(to_json(report, beside=tmp_path), allow_nan=False))

    assert list(content) == [
        "verdict", "mode", "threshold", "strict", "base", "head", "reference", "baseline", "checks", "bench",
        "confirmation", "compare", "env", "seconds",
    ]  # fmt: skip
    assert list(content["checks"][0]) == [
        "name", "verdict", "value", "limit", "unit", "interval", "detail", "hint", "worst",
    ]  # fmt: skip
    assert list(content["head"]) == ["path", "name", "fingerprint", "precision", "bytes"]
    assert content["checks"][1]["worst"][0] == {"id": "image2", "pixel": pytest.approx(0.97)}


TABLE = """\
nuclei.int8.tflite against nuclei.fp32.tflite
BOARD; relative gate, 12 s

check             verdict              found                limit        interval
────────────────  ────────────  ────────────  ───────────────────  ──────────────
? latency         inconclusive         1.200        at most 1.100  1.180 to 1.220
✗ miou_kept       fail               82.86 %     at least 99.00 %               —
✓ iou.background  pass           0.00 points  at most 3.00 points               —
✗ iou.road        fail          30.00 points  at most 3.00 points               —
✓ agreement       pass               99.00 %     at least 97.00 %               —

? latency: head takes 1.200 times the time of base, 1.180 to 1.220; but this did not repeat: 1.000 in a second benchmark
  something but the model differed between the two: run again, on a quieter machine if there is one

✗ miou_kept: mIoU 72.50 % against 87.50 % of float.tflite, 82.86 % of it; most is lost in road (30.00 points)
  worst images: image2, image1, image0
  see what became of which class, and what to do: fcn-edge compare REFERENCE HEAD --data DATA

✗ iou.road: IoU of road 50.00 % against 80.00 % of float.tflite
  an int8 file needs more calibration images that show road, else take fp16

✗ fail: miou_kept, iou.road"""


def test_the_table_reads_at_a_glance():
    report = gate(HEAD, base=FLOAT, data=DATA, measure=Bench(SLOW, SAME), accuracy=accuracy)
    report = dataclasses.replace(report, seconds=12.0, env=dataclasses.replace(report.env, board="BOARD"))

    assert format_table(report).splitlines() == TABLE.splitlines()


@pytest.mark.parametrize("gained", [1e-17, 1e-6, 4e-5])
def test_a_loss_of_nothing_has_no_sign(gained):
    def same(*args, **options):
        return compare_report({"background": 0.95, "road": 0.8}, {"background": 0.95, "road": 0.8 + gained})

    assert "-0.00" not in format_table(gate(HEAD, reference=FLOAT, data=DATA, accuracy=same))


def test_runtimes_are_named_where_they_differ():
    base, head = SAME.variants
    other = dataclasses.replace(head, runtime=dataclasses.replace(head.runtime, backend="openvino", threads=1))

    lines = format_table(relative(dataclasses.replace(SAME, variants=(base, other)))).splitlines()

    assert lines[1] == "base in litert 2.3.0, 2 threads; head in openvino 2.3.0, 1 thread"


def test_many_classes_that_pass_take_one_line():
    def many(*args, **options):
        before = {f"class{i}": 0.8 for i in range(20)}
        return compare_report(before, before | {"class7": 0.79, "class9": 0.7})

    lines = format_table(gate(HEAD, reference=FLOAT, data=DATA, accuracy=many)).splitlines()

    assert "✓ 19 other classes pass; class7 lost most of them: 1.00 points" in lines
    assert sum("iou.class" in line and "─" not in line for line in lines) >= 1
    assert not any("iou.class3" in line for line in lines)


def test_doubts_of_the_benchmark_stand_before_the_verdict():
    lines = format_table(relative(bench_report(verdict="unreliable", flags=("busy",)))).splitlines()

    assert lines[-5:] == [
        "! the benchmark is unreliable",
        "  busy: busy was seen",
        "    mend busy",
        "",
        "✓ pass: 1 of 1 checks",
    ]
