"""Finished rounds outlive whatever ends the program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn_edge.errors import OutputError, UsageError
from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.measure.bench.job import RoundTimes, SessionTimes, round_from_json, to_json
from fcn_edge.measure.bench.store import RoundStore, job_key
from fcn_edge.measure.spec import VariantSpec

TINY = Path(__file__).parent / "models" / "tiny.int8.tflite"


def a_round(ms: float = 1.5) -> RoundTimes:
    session = SessionTimes(
        "tiny", 3.0, 2.0, 1, steady=True, samples_ms=((ms, ms, ms), (ms, ms, 2 * ms)), processor_ms=((ms,), (ms,))
    )
    return RoundTimes((session,), (10.0, 10.5), (None, 51.5), (1500.0, None), seconds=1.0)


@given(st.floats(0.001, 1e4), st.booleans())
def test_a_round_survives_being_written_and_read(ms, steady):
    session = SessionTimes("a", ms, ms, 3, steady, ((ms, ms),), ((ms, ms),))
    times = RoundTimes((session, session), (ms,), (None,), (ms,), ms)

    assert round_from_json(json.loads(json.dumps(to_json(times)))) == times


def test_finished_rounds_are_there_again(tmp_path):
    path = tmp_path / "deep" / "rounds"
    RoundStore(path, "key", resume=False).add(a_round())

    assert RoundStore(path, "key", resume=True).rounds == [a_round()]


def test_half_a_line_is_cut_off_and_the_next_round_is_whole(tmp_path):
    path = tmp_path / "rounds"
    RoundStore(path, "key", resume=False).add(a_round())
    path.write_text(path.read_text() + json.dumps(to_json(a_round()))[:40])

    again = RoundStore(path, "key", resume=True)
    again.add(a_round(2.5))

    assert RoundStore(path, "key", resume=True).rounds == [a_round(), a_round(2.5)]


def test_without_resume_a_run_begins_anew(tmp_path):
    path = tmp_path / "rounds"
    RoundStore(path, "key", resume=False).add(a_round())

    assert RoundStore(path, "key", resume=False).rounds == []
    assert RoundStore(path, "key", resume=True).rounds == []


def test_to_resume_where_nothing_was_begun_just_begins(tmp_path):
    assert RoundStore(tmp_path / "rounds", "key", resume=True).rounds == []


def test_rounds_of_something_else_are_refused(tmp_path):
    path = tmp_path / "rounds"
    RoundStore(path, "key", resume=False).add(a_round())

    with pytest.raises(UsageError, match="other models or settings"):
        RoundStore(path, "another", resume=True)


@pytest.mark.parametrize("text", ["", "{}\n", "no json\n", "\xff\xfe\n", '{"key": "key"}\n{"sessions": 3}\n'])
def test_a_file_that_holds_no_rounds_is_refused(tmp_path, text):
    path = tmp_path / "rounds"
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(UsageError, match="no finished rounds"):
        RoundStore(path, "key", resume=True)


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError):
        RoundStore(tmp_path / "file" / "rounds", "key", resume=False)


def test_nothing_is_kept_where_no_file_is_named():
    store = RoundStore(None, "key", resume=False)
    store.add(a_round())

    assert store.rounds == [a_round()]


def test_the_key_changes_with_the_protocol_and_with_the_model(tmp_path):
    copy = tmp_path / "tiny.int8.tflite"
    copy.write_bytes(TINY.read_bytes())
    spec = VariantSpec(TINY, name="a")
    key = job_key([spec], "a", BenchConfig(), ["drawn"])

    assert job_key([VariantSpec(copy, name="a")], "a", BenchConfig(), ["drawn"]) == key
    assert job_key([spec], "a", BenchConfig(seed=1), ["drawn"]) != key
    assert job_key([VariantSpec(TINY.with_name("tiny.fp32.tflite"), name="a")], "a", BenchConfig(), ["drawn"]) != key
    assert job_key([VariantSpec(TINY, name="a", threads=2)], "a", BenchConfig(), ["drawn"]) != key
