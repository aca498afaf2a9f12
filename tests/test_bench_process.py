"""The process of a round, and what its parent makes of its end."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from fcn_edge.errors import FcnEdgeError, MissingPackageError, ModelFileError
from fcn_edge.measure.bench.job import Job, SessionJob, error_from_json, error_to_json, job_from_json, to_json
from fcn_edge.measure.bench.pictures import Pictures, find_pictures, write_pictures
from fcn_edge.measure.bench.process import run_job
from fcn_edge.runtime.pixels import Preprocessing

INT8 = Path(__file__).parent / "models" / "tiny.int8.tflite"


def a_job(folder: Path, **changes) -> Job:
    pictures = write_pictures(find_pictures(None, count=8, seed=0), folder / "pictures.npz")
    sessions = (SessionJob("a", str(INT8), None, 1), SessionJob("b", str(INT8), None, 1))
    wish = {"blocks": 3, "min_seconds": 0.0, "warm_up_s": 0.0, **changes}
    return Job("round", sessions, str(pictures), **wish)


def test_a_job_survives_being_written_and_read():
    job = Job(
        "round",
        (SessionJob("a", "a.tflite", None, 2),),
        "pictures.npz",
        preprocessing=Preprocessing(1 / 255, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), bgr=True),
        pin=(0, 2),
    )

    assert job_from_json(to_json(job)) == job


def test_an_error_keeps_its_class_its_message_and_its_hint():
    error = error_from_json(error_to_json(MissingPackageError("what", hint="how")))

    assert type(error) is MissingPackageError
    assert (error.message, error.hint) == ("what", "how")


def test_an_error_of_a_class_nobody_knows_is_still_ours():
    assert type(error_from_json({"class": "NewError", "message": "m", "hint": "h"})) is FcnEdgeError


def test_a_round_answers_with_all_sessions_and_blocks(tmp_path):
    (answer,) = run_job(a_job(tmp_path), tmp_path)

    assert [session["name"] for session in answer["sessions"]] == ["a", "b"]
    assert np.shape(answer["sessions"][0]["samples_ms"]) == (3, 3)
    assert len(answer["block_started"]) == len(answer["clock_mhz"]) == 3


def test_progress_is_told_while_it_runs_but_is_no_part_of_the_answer(tmp_path):
    told = []

    run_job(a_job(tmp_path), tmp_path, on_event=told.append)

    assert [event["event"] for event in told] == ["warm_up", "block", "round"]


def test_a_process_that_dies_in_native_code_is_told_by_its_signal(tmp_path, monkeypatch):
    deadly = tmp_path / "python"
    deadly.write_text("#!/bin/sh\necho 'illegal instruction at 0' >&2\nkill -ILL $$\n")
    deadly.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(deadly))

    with pytest.raises(ModelFileError, match=r"tiny\.int8\.tflite: .* SIGILL.*: illegal instruction at 0"):
        run_job(a_job(tmp_path), tmp_path)


def test_a_process_that_ends_by_itself_is_told_by_its_code(tmp_path, monkeypatch):
    odd = tmp_path / "python"
    odd.write_text("#!/bin/sh\nprintf '{\"event\": '\nexit 7\n")
    odd.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(odd))

    with pytest.raises(FcnEdgeError, match="with exit code 7"):
        run_job(a_job(tmp_path), tmp_path)


def test_pictures_of_any_size_reach_the_other_process_unchanged(tmp_path):
    pictures = Pictures((np.zeros((4, 6, 3), np.uint8), np.full((5, 3, 3), 7, np.uint8)), "two")

    with np.load(write_pictures(pictures, tmp_path / "p.npz")) as archive:
        assert all(np.array_equal(archive[f"arr_{i}"], picture) for i, picture in enumerate(pictures.bgr))
