"""The baseline file: read and written without loss, changed with a reason and from good figures only."""

from __future__ import annotations

import json

import pytest
from gate_reports import BOARD, bench_report
from hypothesis import given
from hypothesis import strategies as st

from fcn_edge.errors import ResultFileError, UnreliableError, UsageError
from fcn_edge.machine.environment import find_environment
from fcn_edge.measure.gate import GateConfig, accept_baseline
from fcn_edge.measure.gate.baseline import (
    Baseline,
    BaselineEntry,
    BaselineKey,
    Budget,
    differences,
    key_of,
    read_baseline,
    with_entry,
    write_baseline,
)
from fcn_edge.model_file import resolve

# Wherever they are: in the repository, or in the wheel that is tested as a device has it.
MODELS = resolve("nuclei.int8.tflite").parent
HEAD, FLOAT = MODELS / "nuclei.int8.tflite", MODELS / "nuclei.fp32.tflite"

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
keys = st.builds(BaselineKey, words, words, words, st.integers(1, 8), words, st.integers(1, 8), words, words, words)
ratios = st.lists(st.floats(0.01, 100), min_size=3, max_size=3).map(sorted)


@st.composite
def entries(draw):
    low, ratio, high = draw(ratios)
    return BaselineEntry(
        key=draw(keys),
        ratio=ratio,
        ci=(low, high),
        reference={"name": draw(words), "fingerprint": draw(words)},
        candidate={"name": draw(words), "fingerprint": draw(words)},
        accuracy=draw(st.none() | st.just({"miou": 0.9, "per_class_iou": {"road": None}, "agreement": 0.99})),
        budget=draw(st.none() | st.builds(Budget, words, st.floats(0.1, 100))),
        env={"board": draw(words)},
        date="2026-01-02",
        reason=draw(words),
    )


def accept(path, report, reason="as it is", **config):
    calls = []

    def measure(*args, **kwargs):
        calls.append(kwargs)
        return report

    entry = accept_baseline(
        HEAD, reference=FLOAT, baseline=path, reason=reason, config=GateConfig(**config), measure=measure
    )
    assert calls[0]["reference"] == "reference"
    return entry


def float_and_head(ratio=0.25, ci=(0.24, 0.26), **more):
    return bench_report(ratio, ci, other="reference", **more)


@given(st.lists(entries(), max_size=4, unique_by=lambda entry: entry.key))
def test_what_was_written_is_read(tmp_path_factory, made):
    path = tmp_path_factory.mktemp("baseline") / "baseline.json"
    whole = Baseline(path)
    for entry in made:
        whole = with_entry(whole, entry)
    write_baseline(whole)

    assert read_baseline(path).entries == whole.entries
    assert {entry.key for entry in whole.entries} == {entry.key for entry in made}


@given(st.permutations(range(3)))
def test_the_order_in_the_file_does_not_depend_on_the_order_of_accepting(tmp_path_factory, order):
    folder = tmp_path_factory.mktemp("baseline")
    reports = [float_and_head(version=version) for version in ("1.0", "2.0", "3.0")]
    for index in order:
        accept(folder / "baseline.json", reports[index])

    versions = [entry.key.runtime for entry in read_baseline(folder / "baseline.json").entries]
    assert versions == ["litert 1.0", "litert 2.0", "litert 3.0"]


def test_accepting_again_keeps_the_reasons_of_before(tmp_path):
    path = tmp_path / "baseline.json"
    accept(path, float_and_head(0.25), "first")
    accept(path, float_and_head(0.26), "second")
    entry = accept(path, float_and_head(0.255), "third")

    assert read_baseline(path).entries == (entry,)
    assert entry.reason == "third"
    assert [(past["reason"], past["ratio"]) for past in entry.history] == [("second", 0.26), ("first", 0.25)]


def test_the_file_holds_no_path_of_the_machine(tmp_path):
    path = tmp_path / "baseline.json"
    accept(path, float_and_head())

    assert str(MODELS) not in path.read_text()
    assert "road.int8.tflite" not in path.read_text()


def test_keys_of_newer_versions_are_kept(tmp_path):
    path = tmp_path / "baseline.json"
    accept(path, float_and_head(version="1.0"))
    accept(path, float_and_head(version="2.0"))
    content = json.loads(path.read_text())
    content["new"] = {"of": "later"}
    for entry in content["entries"]:
        entry["colour"] = "green"
    path.write_text(json.dumps(content))

    accept(path, float_and_head(version="1.0"), "again")

    content = json.loads(path.read_text())
    assert content["new"] == {"of": "later"}
    assert [entry["colour"] for entry in content["entries"]] == ["green", "green"]


def test_a_budget_stays_until_another_is_set(tmp_path):
    path, board = tmp_path / "baseline.json", find_environment().board
    accept(path, float_and_head(), budget_ms=25.0)
    kept = accept(path, float_and_head())
    changed = accept(path, float_and_head(), budget_ms=30.0)

    assert kept.budget == Budget(board, 25.0)
    assert changed.budget == Budget(board, 30.0)


def test_a_budget_is_accepted_on_its_own_board_only(tmp_path):
    with pytest.raises(UsageError, match="a budget for some other board"):
        accept(tmp_path / "baseline.json", float_and_head(), budget_ms=25.0, board="some other board")


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_an_empty_reason_is_refused(tmp_path, reason):
    with pytest.raises(UsageError, match="an empty reason"):
        accept(tmp_path / "baseline.json", float_and_head(), reason)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (float_and_head(verdict="unreliable", flags=("throttled",)), "throttled was seen"),
        (float_and_head(ci=None), "too few for an interval"),
    ],
)
def test_figures_in_doubt_are_refused_and_the_file_stays(tmp_path, report, why):
    path = tmp_path / "baseline.json"
    accept(path, float_and_head())
    before = path.read_bytes()

    with pytest.raises(UnreliableError, match=why):
        accept(path, report)

    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["baseline.json"]


def test_an_interrupted_measurement_leaves_the_file(tmp_path):
    path = tmp_path / "baseline.json"
    accept(path, float_and_head())
    before = path.read_bytes()

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        accept_baseline(HEAD, reference=FLOAT, baseline=path, reason="better", measure=interrupted)

    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["baseline.json"]


def test_what_differs_from_the_nearest_entry_is_named(tmp_path):
    path = tmp_path / "baseline.json"
    accept(path, float_and_head(version="1.0"))
    report = float_and_head(version="2.3.0")
    key = key_of(report.variant("head"), report.variant("reference"), report)

    assert differences(read_baseline(path), key) == (
        "runtime: litert 1.0 in the baseline, litert 2.3.0 now",
        "reference runtime: litert 1.0 in the baseline, litert 2.3.0 now",
    )


def test_the_key_tells_what_the_ratio_depends_on():
    report = float_and_head()

    assert report.env.board == BOARD
    assert key_of(report.variant("head"), report.variant("reference"), report) == BaselineKey(
        "aarch64", "asimddp", "litert 2.3.0", 2, "litert 2.3.0", 2, "road", "int8", "96x128"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "has no kind; a baseline was expected"),
        ('{"schema_version": 1, "kind": "bench"}', "is of kind 'bench'; a baseline was expected"),
        ('{"schema_version": 9, "kind": "baseline", "entries": []}', "has schema version 9"),
        ('{"schema_version": 1, "kind": "baseline"}', "does not read as one"),
        ('{"schema_version": 1, "kind": "baseline", "entries": [{"key": 1}]}', "does not read as one"),
    ],
)
def test_a_file_that_is_no_baseline_is_refused(tmp_path, text, message):
    path = tmp_path / "baseline.json"
    path.write_text(text)

    with pytest.raises(ResultFileError, match=message):
        read_baseline(path)


def test_a_baseline_that_does_not_exist_tells_how_to_make_one(tmp_path):
    with pytest.raises(UsageError, match="does not exist") as told:
        read_baseline(tmp_path / "baseline.json")

    assert "--accept" in told.value.hint
