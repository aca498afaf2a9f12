"""How the time of a call spreads over the operations, in a fresh process of its own, since counting costs time.

``python -m fcn_edge.measure.bench.layers PATH BACKEND THREADS`` writes one JSON object.

ONNX Runtime and OpenVINO count by themselves when asked to. The Python packages of LiteRT and tflite-runtime have no
way to attach the profiler that is inside them, and Keras runs a graph as one: of these nothing is told, not guessed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge import optional
from fcn_edge.measure.bench.alone import arguments, ask, drawn_pixels, tell
from fcn_edge.measure.bench.result import LayerTime
from fcn_edge.runtime.backend import Backend
from fcn_edge.runtime.onnx_runtime import OnnxRuntimeBackend
from fcn_edge.runtime.openvino_runtime import OpenVinoBackend
from fcn_edge.runtime.registry import open_backend

_TELLING = ("onnxruntime", "openvino")
_WARM_UP_CALLS = 3
# Times are whole microseconds, so that small operations need many calls.
_CALLS = 100
_FEWEST_CALLS = 10
_LONGEST_S = 5.0
_KERNEL = "_kernel_time"

# Name, kind and milliseconds of a call.
Row = tuple[str, str, float]


def profile_layers(
    path: Path, *, backend: str | None, threads: int, pixels: NDArray[np.generic] | None = None
) -> tuple[LayerTime, ...] | None:
    """Time a model's operations one by one.

    Args:
        path: A model file.
        backend: The runtime; None for the first that fits.
        threads: Of the runtime.
        pixels: What to run on, as the model takes it; None draws something.

    Returns:
        In the order in which they run; None where the runtime does not tell, or the model could not be run alone.
    """
    if backend is not None and backend not in _TELLING:
        return None
    answer = ask(__name__, path, backend=backend, threads=threads, pixels=pixels)
    if answer is None or not answer["layers"]:
        return None
    return tuple(LayerTime(**layer) for layer in answer["layers"])


def with_shares(rows: Sequence[Row]) -> tuple[LayerTime, ...]:
    """Add each operation's share of the sum, which is above 0."""
    total = sum(ms for _, _, ms in rows)
    if not total:
        return ()
    return tuple(LayerTime(name, kind, round(ms, 5), round(ms / total, 5)) for name, kind, ms in rows)


def onnx_runtime_rows(trace: Sequence[Mapping[str, Any]], *, skip: int = _WARM_UP_CALLS) -> list[Row]:
    """Read a trace of ONNX Runtime.

    Args:
        trace: Its events, times in microseconds.
        skip: So many runs at the beginning do not count.
    """
    runs = sorted(event["ts"] for event in trace if event.get("name") == "model_run")[skip:]
    if not runs:
        return []
    rows: dict[str, tuple[str, float]] = {}
    for event in sorted(trace, key=lambda event: event.get("ts", 0)):
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith(_KERNEL) and event["ts"] >= runs[0]:
            key = name.removesuffix(_KERNEL)
            rows[key] = (str(event["args"]["op_name"]), rows.get(key, ("", 0.0))[1] + event["dur"])
    return [(name, kind, total / len(runs) / 1000) for name, (kind, total) in rows.items()]


def openvino_rows(before: Sequence[Any], after: Sequence[Any], *, calls: tuple[int, int]) -> list[Row]:
    """Read the counters of OpenVINO, which hold the mean over all calls so far.

    Args:
        before: As they stood after the warm-up.
        after: As they stood at the end, of the same nodes.
        calls: How many had been made by then, each.
    """
    rows = []
    for early, late in zip(before, after, strict=True):
        # What was fused into another node, or only names a tensor, does not run.
        if late.status == late.Status.EXECUTED:
            total_us = calls[1] * _us(late) - calls[0] * _us(early)
            ms = max(0.0, total_us) / (calls[1] - calls[0]) / 1000
            rows.append((late.node_name, f"{late.node_type} ({late.exec_type})", ms))
    return rows


class _Profiling:
    """ONNX Runtime whose sessions write a trace when they end."""

    def __init__(self, runtime: Any, prefix: Path) -> None:  # noqa: ANN401 - untyped package
        self._runtime = runtime
        self._prefix = prefix

    def SessionOptions(self) -> Any:  # noqa: N802, ANN401 - as the package calls it
        options = self._runtime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(self._prefix)
        return options

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the package has
        return getattr(self._runtime, name)


class _Counting:
    """OpenVINO whose compiled model counts, and keeps the request that runs it within reach."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401 - untyped package
        self._inner = inner
        # Of the package, which is out of reach once there is a core and a model.
        self.Tensor = inner.Tensor
        self.request: Any = None

    def Core(self) -> _Counting:  # noqa: N802 - as the package calls it
        self._inner = self._inner.Core()
        return self

    def compile_model(self, path: str, device: str, options: Mapping[str, Any]) -> _Counting:
        self._inner = self._inner.compile_model(path, device, {**options, "PERF_COUNT": True})
        return self

    def create_infer_request(self) -> Any:  # noqa: ANN401 - untyped package
        self.request = self._inner.create_infer_request()
        return self.request

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the object has
        return getattr(self._inner, name)


def _profile(path: Path, backend: str | None, threads: int, pixels: NDArray[np.generic] | None) -> list[Row]:
    # The backend's own way to load its runtime, which keeps it quiet.
    opened = open_backend(path, backend=backend, threads=threads)
    runtime = opened.info.runtime
    given = drawn_pixels(opened.info.input) if pixels is None else pixels
    opened.close()
    if runtime == "onnxruntime":
        return _profile_onnx_runtime(path, threads, given)
    if runtime == "openvino":
        return _profile_openvino(path, threads, given)
    return []


def _profile_onnx_runtime(path: Path, threads: int, pixels: NDArray[np.generic]) -> list[Row]:
    package = optional.load("onnxruntime", feature="running .onnx files", extra="onnx")
    with tempfile.TemporaryDirectory(prefix="fcn-edge-layers-") as folder:
        opened = OnnxRuntimeBackend(_Profiling(package, Path(folder) / "trace"), path, threads=threads)
        _call(opened, pixels, _WARM_UP_CALLS)
        _call(opened, pixels, _CALLS)
        # The trace is written when the session ends.
        opened.close()
        traces = [json.loads(file.read_bytes()) for file in Path(folder).glob("trace*")]
    return onnx_runtime_rows(traces[0]) if traces else []


def _profile_openvino(path: Path, threads: int, pixels: NDArray[np.generic]) -> list[Row]:
    counting = _Counting(optional.load("openvino", feature="running .onnx files with OpenVINO", extra="openvino"))
    opened = OpenVinoBackend(counting, path, threads=threads)
    warm = _call(opened, pixels, _WARM_UP_CALLS)
    before = counting.request.get_profiling_info()
    calls = warm + _call(opened, pixels, _CALLS)
    return openvino_rows(before, counting.request.get_profiling_info(), calls=(warm, calls))


def _call(opened: Backend, pixels: NDArray[np.generic], calls: int) -> int:
    started = time.perf_counter()
    for done in range(1, calls + 1):
        opened.infer(pixels)
        if done >= _FEWEST_CALLS and time.perf_counter() - started > _LONGEST_S:
            return done
    return calls


def _us(info: Any) -> float:  # noqa: ANN401 - untyped package
    return 1e6 * float(info.real_time.total_seconds())


if __name__ == "__main__":
    found = with_shares(_profile(*arguments(sys.argv)))
    tell({"layers": [{"name": layer.name, "op": layer.op, "ms": layer.ms, "share": layer.share} for layer in found]})
