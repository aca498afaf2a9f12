"""How the time of a call spreads over the operations."""

from __future__ import annotations

import types
from datetime import timedelta
from enum import Enum

import numpy as np
import pytest

from fcn_edge.measure.bench.layers import onnx_runtime_rows, openvino_rows, profile_layers, with_shares
from fcn_edge.model_file import read_card, resolve

# Where a wheel has them, too.
PEOPLE = resolve("people").parent


@pytest.mark.parametrize(
    ("name", "backend", "convolution"),
    [
        ("people.fp32.onnx", "onnxruntime", "Conv"),
        ("people.int8.onnx", "onnxruntime", "QLinearConv"),
        ("people.int8.onnx", "openvino", "Convolution ("),
    ],
)
def test_a_runtime_that_counts_tells_every_operation(name, backend, convolution):
    pytest.importorskip(backend)
    pixels = np.zeros((1, *read_card(PEOPLE / name).input_size_hw, 3), np.uint8)
    layers = profile_layers(PEOPLE / name, backend=backend, threads=1, pixels=pixels)

    assert layers is not None
    # More than 22 convolutions are in the network, whatever the runtime makes of the rest.
    assert sum(layer.op.startswith(convolution) for layer in layers) >= 15
    assert sum(layer.share for layer in layers) == pytest.approx(1, abs=0.01)
    assert all(layer.ms >= 0 and layer.name for layer in layers)
    assert len({layer.name for layer in layers}) == len(layers)
    encoder = [i for i, layer in enumerate(layers) if "enc" in layer.name]
    head = [i for i, layer in enumerate(layers) if "head_shift" in layer.name]
    assert min(encoder) < min(head)


@pytest.mark.parametrize(("name", "backend"), [("people.int8.tflite", "litert"), ("people.int8.tflite", None)])
def test_a_runtime_that_does_not_tell_is_not_guessed_for(name, backend):
    assert profile_layers(PEOPLE / name, backend=backend, threads=1) is None


def test_a_model_that_cannot_be_run_has_no_layers(tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"no model")

    assert profile_layers(tmp_path / "broken.onnx", backend="onnxruntime", threads=1) is None


def test_profiling_leaves_no_file_behind(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)

    assert profile_layers(PEOPLE / "people.int8.onnx", backend="onnxruntime", threads=1)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["temporary"]


def node(name: str, ts: int, dur: int) -> dict:
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "args": {"op_name": name.upper()}}


def test_of_onnx_runtime_the_mean_of_the_calls_after_the_warm_up_counts():
    trace = [{"cat": "Session", "name": "session_initialization", "ts": 0, "dur": 5}]
    for run, (conv, add) in enumerate([(900, 90), (100, 10), (300, 30)]):
        start = 1000 * (run + 1)
        # The trace is not in the order of time.
        trace += [node("add", start + 500, add), node("conv", start + 1, conv)]
        trace += [{"cat": "Session", "name": "model_run", "ts": start, "dur": 990}]

    assert onnx_runtime_rows(trace, skip=1) == [("conv", "CONV", 0.2), ("add", "ADD", 0.02)]
    assert onnx_runtime_rows(trace, skip=3) == []
    assert onnx_runtime_rows([]) == []


class _Status(Enum):
    NOT_RUN = 0
    EXECUTED = 1


def counter(name: str, us: int, status: _Status = _Status.EXECUTED) -> types.SimpleNamespace:
    time = timedelta(microseconds=us)
    return types.SimpleNamespace(
        node_name=name, node_type="Add", exec_type="jit", status=status, Status=_Status, real_time=time
    )


def test_of_openvino_the_warm_up_is_taken_out_of_the_mean_over_all_calls():
    before = [counter("slow at first", 900), counter("fused", 0, _Status.NOT_RUN)]
    after = [counter("slow at first", 300), counter("fused", 0, _Status.NOT_RUN)]

    assert openvino_rows(before, after, calls=(2, 10)) == [("slow at first", "Add (jit)", pytest.approx(0.15))]


def test_shares_add_up_and_nothing_has_none():
    layers = with_shares([("a", "Conv", 3.0), ("b", "Add", 1.0)])

    assert [(layer.name, layer.share) for layer in layers] == [("a", 0.75), ("b", 0.25)]
    assert with_shares([]) == with_shares([("a", "Add", 0.0)]) == ()
