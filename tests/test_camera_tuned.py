"""The camera uses what tune chose for this device, and says so."""

from __future__ import annotations

import dataclasses
import io
import shutil
from pathlib import Path

import pytest

from fcn_edge.live.config import CameraConfig
from fcn_edge.live.fake import FakeCapture
from fcn_edge.live.run import run_camera
from fcn_edge.runtime.tune import TuneConfig, tune_model

MODELS = Path(__file__).parent / "models"


@pytest.fixture
def tuned(tmp_path):
    """A model that was tuned to two threads of ONNX Runtime."""
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    model = shutil.copy(MODELS / "tiny.int8.onnx", tmp_path / "tiny.int8.onnx")
    tune_model(model, TuneConfig(threads=(2,), backends=("onnxruntime",), time_budget_s=2.0))
    return CameraConfig(str(model), view="none", max_frames=2)


def _run(config):
    told = io.StringIO()
    stats = run_camera(config, opener=FakeCapture(fps=100), quiet=False, stream=told)
    return stats, told.getvalue()


def test_a_tuned_model_runs_as_it_was_tuned_and_people_are_told(tuned):
    stats, told = _run(tuned)
    assert (stats.backend["runtime"], stats.threads) == ("onnxruntime", 2)
    assert "tuned for this device: fastest of" in told


def test_what_is_asked_for_wins_over_what_was_tuned(tuned):
    stats, told = _run(dataclasses.replace(tuned, threads=1))
    assert stats.threads == 1
    assert "tuned" not in told


def test_a_model_that_was_not_tuned_runs_on_one_thread():
    stats, told = _run(CameraConfig(str(MODELS / "tiny.int8.tflite"), view="none", max_frames=2))
    assert stats.threads == 1
    assert "tuned" not in told
