"""Results written into an array of the caller's, so that a camera allocates nothing for a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fcn_edge import optional
from fcn_edge.runtime import BACKENDS, Backend, open_backend
from fcn_edge.runtime.fake import FakeBackend

MODELS = Path(__file__).parent / "models"
# Not importorskip: an import of OpenVINO by itself would be reported to its maker.
PLAIN = [
    (name, backend)
    for name in ("tiny.int8.tflite", "tiny.fp32.tflite", "tiny.labels.fp32.tflite", "tiny.int8.onnx", "tiny.fp32.onnx")
    for backend in ("litert", "tflite-runtime", "onnxruntime", "openvino")
    if name.rpartition(".")[2] in BACKENDS[backend].formats and optional.available(BACKENDS[backend].package)
]


def random_pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, 32, 48, 3), np.uint8)


def empty_result(backend: Backend) -> np.ndarray:
    return np.zeros(backend.info.output.shape, backend.info.output.dtype)


@pytest.fixture(params=PLAIN, ids="@".join)
def backend(request):
    name, runtime = request.param
    opened = open_backend(MODELS / name, backend=runtime, threads=1)
    yield opened
    opened.close()


def test_a_result_is_written_where_it_is_wanted(backend):
    out = empty_result(backend)
    assert backend.infer(random_pixels(0), out=out) is out
    assert np.array_equal(out, backend.infer(random_pixels(0)))
    assert out.any()


def test_a_later_inference_leaves_it_alone(backend):
    out, other = empty_result(backend), empty_result(backend)
    backend.infer(random_pixels(0), out=out)
    kept = out.copy()
    fresh = backend.infer(random_pixels(1))
    backend.infer(random_pixels(1), out=other)
    assert np.array_equal(out, kept)
    assert np.array_equal(fresh, other)


def test_arrays_need_not_lie_in_one_piece(backend):
    shape = backend.info.output.shape
    out = np.zeros((*shape[:2], 2 * shape[2], *shape[3:]), backend.info.output.dtype)[:, :, ::2]
    pixels = np.ascontiguousarray(random_pixels(0).transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    backend.infer(pixels, out=out)
    assert np.array_equal(out, backend.infer(random_pixels(0)))


def test_an_array_that_does_not_fit_is_refused_before_anything_is_written(backend):
    shape, dtype = backend.info.output.shape, backend.info.output.dtype
    fixed = np.zeros(shape, dtype)
    fixed.flags.writeable = False
    for wrong in (np.zeros((1, 2, 3, 4), dtype), np.zeros(shape, np.float64), fixed):
        with pytest.raises(ValueError, match="out "):
            backend.infer(random_pixels(0), out=wrong)
        assert not wrong.any()


def test_a_closed_backend_refuses_it(backend):
    out = empty_result(backend)
    backend.infer(random_pixels(0), out=out)
    backend.close()
    with pytest.raises(RuntimeError, match="after close"):
        backend.infer(random_pixels(0), out=out)


def test_a_fake_writes_there_too():
    backend = FakeBackend(lambda pixels: pixels[..., :1].astype(np.float32), (32, 48), 1)
    out = empty_result(backend)
    assert backend.infer(random_pixels(0), out=out) is out
    assert np.array_equal(out, random_pixels(0)[..., :1])
