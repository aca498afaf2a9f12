"""GPUs through ONNX Runtime and OpenVINO, and XNNPACK or not: what was asked for, or an error."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fcn_edge import optional
from fcn_edge.errors import AcceleratorError, OutputError
from fcn_edge.model_file import write_card
from fcn_edge.model_file.card_file import read_card
from fcn_edge.runtime import BACKENDS, open_backend
from fcn_edge.runtime.fake_accelerator import FakeOnnxRuntime
from fcn_edge.runtime.onnx_runtime import OnnxRuntimeBackend
from fcn_edge.runtime.registry import why_absent

MODELS = Path(__file__).parent / "models"
TENSORRT, CUDA, CPU = "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"
TFLITE = [name for name in ("litert", "tflite-runtime") if optional.available(BACKENDS[name].package)]

needs_onnx = pytest.mark.skipif(not optional.available("onnxruntime"), reason="needs ONNX Runtime, of the extra onnx")
needs_openvino = pytest.mark.skipif(not optional.available("openvino"), reason="needs OpenVINO, of the extra openvino")


def random_pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, 32, 48, 3), np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FCN_EDGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def gpu(**claims) -> FakeOnnxRuntime:
    return FakeOnnxRuntime(optional.load("onnxruntime", feature="a test", extra="onnx"), **claims)


def opened(runtime: FakeOnnxRuntime, device: str, path: Path = MODELS / "tiny.fp32.onnx") -> OnnxRuntimeBackend:
    return OnnxRuntimeBackend(runtime, path, threads=1, device=device)


@needs_onnx
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_session_on_a_gpu_says_where_it_runs(device):
    backend = opened(gpu(operations={CUDA: 3, TENSORRT: 4, CPU: 1}), device)
    assert (backend.info.runtime, backend.info.device) == (f"onnxruntime-{device}", device)
    assert backend.infer(random_pixels()).shape == backend.info.output.shape
    assert f"onnxruntime-{device}" in BACKENDS


@needs_onnx
def test_results_of_a_gpu_are_copied_where_they_are_wanted():
    backend = opened(gpu(), "cuda")
    out = np.zeros(backend.info.output.shape, np.float32)
    assert backend.infer(random_pixels(), out=out) is out
    assert np.array_equal(out, backend.infer(random_pixels()))


@needs_onnx
def test_tensorrt_comes_with_cuda_and_the_processor_behind_it():
    runtime = gpu()
    opened(runtime, "tensorrt")
    assert [name for name, _ in runtime.asked] == [TENSORRT, CUDA, CPU]
    opened(runtime, "cuda")
    assert [name for name, _ in runtime.asked] == [CUDA, CPU]


@needs_onnx
@pytest.mark.parametrize(("name", "int8"), [("tiny.fp32.onnx", False), ("tiny.int8.onnx", True)])
def test_tensorrt_computes_in_float16_and_in_int8_where_the_file_is(name, int8):
    runtime = gpu()
    opened(runtime, "tensorrt", MODELS / name)
    options = runtime.asked[0][1]
    assert (options["trt_fp16_enable"], options["trt_int8_enable"]) == (True, int8)


@needs_onnx
def test_engines_are_kept_apart_for_each_content_of_a_file(cache, tmp_path):
    """ONNX Runtime itself tells them apart by the graph alone: after more training it would take the old one."""
    folders = []
    for number, name in enumerate(("tiny.fp32.onnx", "tiny.int8.onnx")):
        path = shutil.copy(MODELS / name, tmp_path / "model.onnx")
        runtime = gpu()
        opened(runtime, "tensorrt", Path(path))
        folders.append(Path(runtime.asked[0][1]["trt_engine_cache_path"]))
        assert len(list((cache / "tensorrt").iterdir())) == number + 1
    assert all(folder.parent == cache / "tensorrt" and folder.is_dir() for folder in folders)
    path = Path(shutil.copy(MODELS / "tiny.int8.onnx", tmp_path / "other.onnx"))
    write_card(path, read_card(path))
    opened(runtime, "tensorrt", path)
    assert Path(runtime.asked[0][1]["trt_engine_cache_path"]) == folders[1]


@needs_onnx
def test_a_cache_that_cannot_be_written_is_an_error_in_words(cache):
    cache.write_bytes(b"a file where a folder should go")
    with pytest.raises(OutputError, match="cannot be written"):
        opened(gpu(), "tensorrt")


@needs_onnx
@pytest.mark.parametrize(
    ("claims", "what", "hint"),
    [
        ({"available": ["AzureExecutionProvider", CPU]}, f"not {CUDA}", "pip install onnxruntime-gpu"),
        ({"usable": [CPU]}, f"asked for {CUDA}, and would run it on {CPU}", "CUDA, cuDNN and TensorRT versions"),
        ({"operations": {CPU: 9}}, f"{CUDA} takes none of its operations (9 on {CPU})", "fp32 or fp16"),
        ({"failure": "CUDA failure 35:\ndriver too old"}, "cannot be used: CUDA failure 35: driver too old", "CUDA"),
    ],
)
def test_a_gpu_that_would_be_replaced_by_the_processor_is_an_error(claims, what, hint):
    with pytest.raises(AcceleratorError) as caught:
        opened(gpu(**claims), "cuda")
    assert what in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message


@needs_onnx
def test_tensorrt_that_is_replaced_by_cuda_is_an_error_too():
    with pytest.raises(AcceleratorError, match=f"asked for {TENSORRT}, and would run it on {CUDA}, {CPU}"):
        opened(gpu(usable=[CUDA, CPU]), "tensorrt")


@needs_onnx
@pytest.mark.parametrize("backend", ["onnxruntime-cuda", "onnxruntime-tensorrt"])
def test_the_real_package_without_a_gpu_is_refused_and_says_why(backend):
    package = optional.load("onnxruntime", feature="a test", extra="onnx")
    if any(name in package.get_available_providers() for name in (CUDA, TENSORRT)):
        pytest.skip("this machine's ONNX Runtime has a GPU's providers")
    assert "ExecutionProvider" in why_absent(backend)
    with pytest.raises(AcceleratorError, match="as installed has"):
        open_backend(MODELS / "tiny.fp32.onnx", backend=backend)


@needs_openvino
def test_openvino_without_a_gpu_is_refused_and_says_why():
    reason = why_absent("openvino-gpu")
    if reason is None:
        pytest.skip("this machine has a GPU that OpenVINO can use")
    assert "no GPU" in reason
    with pytest.raises(AcceleratorError, match="no GPU"):
        open_backend(MODELS / "tiny.fp32.onnx", backend="openvino-gpu")


def test_a_backend_whose_package_is_missing_says_so(monkeypatch):
    for name, spec in BACKENDS.items():
        monkeypatch.setitem(__import__("sys").modules, spec.package, None)
        assert why_absent(name) == f"{spec.package} is not installed"


@pytest.mark.parametrize("runtime", TFLITE)
@pytest.mark.parametrize("name", ["tiny.int8.tflite", "tiny.fp32.tflite"])
def test_without_xnnpack_the_built_in_kernels_give_the_same_scores(runtime, name):
    plain, builtin = (open_backend(MODELS / name, backend=b, threads=1) for b in (runtime, f"{runtime}-builtin"))
    assert (builtin.info.runtime, builtin.info.device) == (f"{runtime}-builtin", "cpu")
    assert builtin.delegation().delegated == 0
    found, expected = builtin.infer(random_pixels()), plain.infer(random_pixels())
    # Sums in another order, or a half rounded the other way.
    np.testing.assert_allclose(found.astype(float), expected.astype(float), rtol=0, atol=1e-4 if "fp32" in name else 1)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backends_name_can_stand_behind_a_file(name):
    """``bench`` writes MODEL@BACKEND:THREADS."""
    assert not set(name) & set("@:/, ")
