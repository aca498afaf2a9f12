"""How much memory a model takes."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fcn_edge.machine.memory import resident_and_peak_mb
from fcn_edge.measure.bench.alone import drawn_pixels
from fcn_edge.measure.bench.memory import measure_memory
from fcn_edge.model_file import resolve
from fcn_edge.runtime.backend import TensorInfo

# Where a wheel has them, too.
PEOPLE = resolve("people").parent


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
@pytest.mark.parametrize(("name", "backend"), [("people.int8.tflite", None), ("people.int8.onnx", "onnxruntime")])
def test_a_model_takes_memory_of_its_own(name, backend):
    if backend is not None:
        pytest.importorskip(backend)
    found = measure_memory(PEOPLE / name, backend=backend, threads=1)

    assert found is not None
    # The runtime's library alone is some megabytes, and the whole process holds Python and NumPy besides.
    assert 1 < found.resident_mb < found.peak_mb < 2000


def test_a_model_that_cannot_be_run_has_no_memory(tmp_path):
    (tmp_path / "broken.int8.tflite").write_bytes(b"no model")

    assert measure_memory(tmp_path / "broken.int8.tflite", backend=None, threads=1) is None
    assert measure_memory(tmp_path / "absent.int8.tflite", backend=None, threads=1) is None


def test_memory_is_read_as_the_kernel_writes_it(tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t  999999 kB\nVmHWM:\t  200000 kB\nVmRSS:\t  100000 kB\nThreads:\t1\n")

    assert resident_and_peak_mb(status) == (102.4, 204.8)


@pytest.mark.parametrize("text", [None, "", "VmRSS:\t1 kB\n", "VmRSS: many\nVmHWM: more\n"])
def test_a_system_that_does_not_tell_gives_nothing(tmp_path, text):
    if text is not None:
        (tmp_path / "status").write_text(text)

    assert resident_and_peak_mb(tmp_path / "status") is None


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32", "float16"])
def test_drawn_pixels_fit_the_input_and_are_the_same_each_time(dtype):
    tensor = TensorInfo("image", (1, 5, 7, 3), dtype, None, None, "NHWC", "RGB")
    pixels = drawn_pixels(tensor)

    assert (pixels.shape, pixels.dtype) == ((1, 5, 7, 3), np.dtype(dtype))
    assert len(np.unique(pixels)) > 50
    np.testing.assert_array_equal(pixels, drawn_pixels(tensor))
