"""The page of benchmarks: what it says first, what it draws, and boards side by side."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invented_results import JETSON, PI, bench_report, gate_content

from fcn_edge.atomic import write_report
from fcn_edge.measure.bench.result import BenchReport, to_json
from fcn_edge.measure.report import make_report
from fcn_edge.measure.report.axis import Axis, axis_around
from fcn_edge.measure.report.bench_blocks import slowest
from fcn_edge.measure.report.block import (
    Bars,
    Distribution,
    Facts,
    Intervals,
    Notes,
    Section,
    Span,
    Spread,
    Table,
    Timeline,
)
from fcn_edge.measure.report.markdown_page import MOST_BYTES, render_markdown
from fcn_edge.measure.report.svg_distribution import distribution_html
from fcn_edge.measure.report.svg_intervals import intervals_html


def _page(folder, *reports: BenchReport, **others):
    """Make the report of benchmarks ``bench0.json`` and so on, and of *others*, kinds with their content."""
    paths = []
    for number, report in enumerate(reports):
        paths.append(folder / f"bench{number}.json")
        write_report(paths[-1], "bench", to_json(report))
    for kind, content in others.items():
        paths.append(folder / f"{kind}.json")
        write_report(paths[-1], kind, content)
    return make_report(paths)


def _block(section: Section, kind: type):
    return next(block for block in section.blocks if isinstance(block, kind))


def test_the_first_sentence_says_how_far_to_trust_the_run_and_where_it_was(tmp_path):
    (section,) = _page(tmp_path, bench_report()).sections
    assert section.verdicts[0].text == "Latency on Raspberry Pi 4 Model B Rev 1.4, 1 thread: the run is reliable."
    assert section.verdicts[0].tone == "good"


def test_an_unreliable_run_is_marked_and_its_figures_are_in_doubt(tmp_path):
    (section,) = _page(tmp_path, bench_report(noisy=True)).sections
    assert section.verdicts[0].tone == "bad"
    assert "unreliable (throttled, aa control, drift)" in section.verdicts[0].text
    assert all(verdict.text.endswith("in doubt.") for verdict in section.verdicts[1:])


def test_doubts_come_before_the_figures_with_what_to_do(tmp_path):
    (section,) = _page(tmp_path, bench_report(noisy=True)).sections
    notes = section.blocks[0]
    assert isinstance(notes, Notes)
    assert [note.name for note in notes.items] == ["throttled", "aa control", "drift"]
    assert all(note.hint for note in notes.items)


def test_a_percentile_that_too_few_calls_carry_is_a_dash(tmp_path):
    (section,) = _page(tmp_path, bench_report(blocks=20)).sections
    table = _block(section, Table)
    p90 = table.head.index("p90")
    assert [row[p90] for row in table.rows] == ["—", "—", "—"]


def test_no_difference_is_said_where_the_interval_holds_one(tmp_path):
    same = {"a.fp32.tflite": 10.0, "b.fp32.tflite": 10.0}
    (section,) = _page(tmp_path, bench_report(same)).sections
    assert section.verdicts[1].text.startswith("b.fp32.tflite: no difference shown against a.fp32.tflite (")


def test_what_was_not_measured_is_not_said_to_have_been(tmp_path):
    assert "memory and the operations in processes of their own" in _page(tmp_path, bench_report()).html()
    assert "in processes of their own" not in _page(tmp_path, bench_report(noisy=True)).html()


def test_a_single_model_is_shown_without_a_ratio(tmp_path):
    (section,) = _page(tmp_path, bench_report({"a.fp32.tflite": 10.0})).sections
    assert section.verdicts[1].text.startswith("a.fp32.tflite: median 10.")


def test_rates_are_never_made_of_times(tmp_path):
    report = _page(tmp_path, bench_report())
    assert not re.search(r"fps|frames|a second\b(?! session)", report.html() + report.markdown(), re.IGNORECASE)


def test_latency_over_time_has_the_median_of_each_block_and_the_borders_of_rounds(tmp_path):
    (section,) = _page(tmp_path, bench_report(rounds=3, blocks=66)).sections
    chart = _block(section, Timeline)
    assert [unit for unit, _ in chart.panels] == ["ms", "°C", "MHz"]
    assert len(chart.panels[0][1][0].values) == 66
    assert len(chart.borders) == 2


def test_a_machine_without_sensors_has_latency_over_time_alone(tmp_path):
    report = bench_report()
    blind = tuple(replace(block, temperature_c=None, clock_mhz=None) for block in report.blocks)
    (section,) = _page(tmp_path, replace(report, blocks=blind)).sections
    assert [unit for unit, _ in _block(section, Timeline).panels] == ["ms"]


def test_samples_that_do_not_match_the_blocks_are_not_drawn_over_time(tmp_path):
    report = bench_report()
    (section,) = _page(tmp_path, replace(report, blocks=report.blocks[:-1])).sections
    assert not any(isinstance(block, Timeline) for block in section.blocks)


def test_the_slowest_operations_come_first_and_long_names_keep_their_end():
    content = to_json(bench_report())
    content["variants"][0]["layers"][9]["name"] = "StatefulPartitionedCall/" * 20 + "Relu"
    content["variants"][0]["layers"][9]["ms"] = 99.0
    chart = slowest(content)[0]
    name, (bar,) = chart.groups[0]
    assert name.startswith("…")
    assert name.endswith("Relu (CAST)")
    assert bar.share == 1
    assert len(chart.groups) == 8


def test_one_bench_alone_makes_no_table_of_boards(tmp_path):
    assert [section.title for section in _page(tmp_path, bench_report()).sections] == ["Latency"]


def test_boards_stand_first_side_by_side_with_ratios_of_their_own(tmp_path):
    first, second = bench_report(), bench_report({"nuclei.fp32.tflite": 30.0, "nuclei.int8.tflite": 20.0}, env=JETSON)
    boards = _page(tmp_path, first, second).sections[0]
    assert boards.title == "Boards"
    rows = {(row[0], row[1]): row for row in _block(boards, Table).rows}
    ratio = _block(boards, Table).head.index("ratio (interval)")
    assert rows[PI.board, "nuclei.int8.tflite"][ratio].startswith("0.28")
    assert rows[JETSON.board, "nuclei.int8.tflite"][ratio].startswith("0.66")
    assert rows[JETSON.board, "nuclei.fp32.tflite"][ratio] == "—"


def test_two_runs_of_one_board_are_told_apart_by_their_files(tmp_path):
    runs = _page(tmp_path, bench_report(), bench_report(seed=1)).sections[0]
    assert runs.title == "Runs side by side"
    assert {row[0] for row in _block(runs, Table).rows} == {f"{PI.board} (bench{number}.json)" for number in (0, 1)}


def test_files_of_one_name_in_two_folders_are_told_apart_by_their_paths(tmp_path):
    paths = [tmp_path / folder / "bench.json" for folder in "ab"]
    for path in paths:
        write_report(path, "bench", to_json(bench_report()))
    runs = make_report(paths).sections[0]
    assert {row[0] for row in _block(runs, Table).rows} == {f"{PI.board} ({path})" for path in paths}


def test_a_model_that_a_board_has_not_run_has_no_bar_there(tmp_path):
    boards = _page(tmp_path, bench_report(), bench_report({"nuclei.fp32.tflite": 30.0}, env=JETSON)).sections[0]
    (_, first), (_, second) = _block(boards, Bars).groups
    assert [bar.share is None for bar in first] == [False, False, False]
    assert [bar.share is None for bar in second] == [False, True, True]


@pytest.mark.parametrize(("same_file", "cell"), [(True, "90.12"), (False, "90.12 *")])
def test_accuracy_stands_beside_latency_and_tells_where_only_the_name_is_the_same(tmp_path, same_file, cell):
    compare = gate_content()["compare"]
    if not same_file:
        for variant in compare["variants"]:
            variant["fingerprint"] = "00" * 32
    boards = _page(tmp_path, bench_report(), bench_report(env=JETSON), compare=compare).sections[0]
    table = _block(boards, Table)
    row = next(row for row in table.rows if row[1] == "nuclei.int8.tflite")
    assert row[table.head.index("mIoU %")] == cell
    assert any(note.name == "*" for note in _block(boards, Notes).items) is not same_file


def test_a_machine_is_described_by_what_it_is_known_to_have(tmp_path):
    env = replace(PI, quota_cpus=1.5, mixed_cores=True, isa=("dotprod", "i8mm"))
    (section,) = _page(tmp_path, bench_report(env=env)).sections
    facts = dict(section.blocks[-1].pairs)
    assert isinstance(section.blocks[-1], Facts)
    assert facts["instruction sets"] == "dotprod, i8mm"
    assert facts["allowed processor time"] == "1.5 processors"
    assert facts["cores of different speed"] == "yes"


def test_what_a_machine_does_not_have_is_not_listed(tmp_path):
    (section,) = _page(tmp_path, bench_report(env=replace(PI, isa=()))).sections
    assert (
        not {"instruction sets", "allowed processor time", "cores of different speed"}
        & dict(section.blocks[-1].pairs).keys()
    )


def test_the_markdown_fits_into_a_step_summary_and_says_where_it_is_cut():
    rows = tuple((f"row {number}", "é" * 100) for number in range(20_000))
    text = render_markdown([Section("Long", "long.json", (), (Table(("a", "b"), rows, "ll"),))], title="Long")
    assert len(text.encode()) < MOST_BYTES
    assert "Cut here" in text.splitlines()[-1]
    assert text.splitlines()[-3].endswith("é |")


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=20), st.sampled_from([None, True]))
def test_every_value_has_a_place_on_the_axis_and_larger_ones_lie_further(values, log):
    axis = axis_around(values, log=log)
    places = [axis.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(0 <= place <= 1 for place in places)
    assert all(axis.low <= tick <= axis.high * (1 + 1e-9) for tick in axis.ticks())


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (Axis(0, 10, log=False), [0, 2, 4, 6, 8, 10]),
        (Axis(0.7, 130, log=True), [1, 2, 5, 10, 20, 50, 100]),
        (Axis(0.99, 1.01, log=True), [0.99, 0.995, 1.0, 1.005, 1.01]),
    ],
)
def test_an_axis_has_round_values(axis, ticks):
    assert axis.ticks() == pytest.approx(ticks)


def test_values_wide_apart_are_drawn_on_a_logarithmic_axis_that_says_so():
    rows = (Spread("a", (1.0, 1.1), ""), Spread("b", (100.0, 101.0), ""))
    assert "Times; logarithmic" in distribution_html(Distribution("Times", "ms", rows))
    assert "logarithmic" not in distribution_html(Distribution("Times", "ms", rows[:1]))


def test_many_values_are_thinned_and_the_ends_stay():
    html = distribution_html(Distribution("Times", "ms", (Spread("a", tuple(map(float, range(100, 5100))), ""),)))
    places = [int(x) for x in re.findall(r"M(\d+) \d+h0", html)]
    axis = axis_around([100.0, 5099.0])
    assert len(places) == 240
    assert (places[0], places[-1]) == (round(1000 * axis.at(100)), round(1000 * axis.at(5099)))


def test_an_unknown_interval_is_a_dot_without_a_line():
    html = intervals_html(Intervals("Ratios", (Span("a", 0.5, None, ""),), limit=1.1))
    assert 'class="line' not in html
    assert 'class="limit"' in html
    assert 'class="one"' in html
