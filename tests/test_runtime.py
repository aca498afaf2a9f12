"""Models in their runtimes: the same answer from each, and every broken file refused in words."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fcn_edge import optional
from fcn_edge.errors import FcnEdgeError, MissingPackageError, ModelFileError, UsageError
from fcn_edge.runtime import BACKENDS, open_backend

MODELS = Path(__file__).parent / "models"
TINY = ("tiny.int8.tflite", "tiny.fp32.tflite", "tiny.fp32.onnx", "tiny.int8.onnx")


def red_and_grey() -> np.ndarray:
    """Left half red, right half grey; RGB, the input of all tiny models."""
    pixels = np.full((1, 32, 48, 3), 100, np.uint8)
    pixels[:, :, :24] = (240, 0, 0)
    return pixels


@pytest.mark.parametrize("name", TINY)
def test_an_exported_model_takes_raw_rgb_pixels(name):
    info = open_backend(MODELS / name, threads=1).info
    assert (info.input.shape, info.input.dtype, info.input.layout) == ((1, 32, 48, 3), "uint8", "NHWC")
    assert info.input.colour == "RGB"
    assert info.output.shape[:3] == (1, 32, 48)
    assert info.output.layout == "NHWC"
    assert info.threads == 1


@pytest.mark.parametrize("name", TINY)
def test_red_pixels_score_above_zero_and_grey_ones_below(name):
    backend = open_backend(MODELS / name, threads=1)
    scores = backend.infer(red_and_grey())
    assert scores.dtype == backend.info.output.dtype
    zero = backend.info.output.zero_point or 0
    red = scores[0, :, :, 1 if scores.shape[-1] == 3 else 0].astype(np.float64)
    assert (red[:, :24] > zero).all()
    assert (red[:, 24:] < zero).all()


def test_a_quantised_file_gives_raw_scores_with_their_scale():
    output = open_backend(MODELS / "tiny.int8.tflite").info.output
    assert output.dtype == "int8"
    assert output.scale is not None
    assert output.scale > 0
    assert output.zero_point is not None


@pytest.mark.parametrize("name", TINY)
def test_the_next_inference_leaves_the_last_result_alone(name):
    backend = open_backend(MODELS / name)
    first = backend.infer(red_and_grey())
    kept = first.copy()
    backend.infer(np.zeros((1, 32, 48, 3), np.uint8))
    assert np.array_equal(first, kept)


@pytest.mark.parametrize("name", ["tiny.int8.tflite", "tiny.int8.onnx"])
def test_several_threads_give_the_same_scores_as_one(name):
    one, two = (open_backend(MODELS / name, threads=n).infer(red_and_grey()) for n in (1, 2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("name", ["tiny.int8.tflite", "tiny.int8.onnx"])
def test_a_closed_backend_refuses_to_run_and_can_be_closed_again(name):
    backend = open_backend(MODELS / name)
    backend.close()
    backend.close()
    with pytest.raises(RuntimeError, match="after close"):
        backend.infer(red_and_grey())


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("two_inputs.tflite", "2 inputs (image, other) and 1 output"),
        ("two_outputs.tflite", "1 input (image) and 2 outputs"),
        ("dynamic.onnx", "its input is 1x3x?x?: a fixed height, width"),
        ("unknown_op.onnx", "ONNX Runtime cannot run it"),
    ],
)
def test_a_model_of_another_kind_is_refused(name, what):
    with pytest.raises(ModelFileError) as caught:
        open_backend(MODELS / name)
    assert what in caught.value.message
    assert caught.value.hint.startswith("export")


def test_an_unknown_batch_is_run_with_one_image():
    info = open_backend(MODELS / "foreign.onnx").info
    assert info.input.shape == (1, 3, 32, 48)
    assert info.input.layout == "NCHW"
    assert (info.output.shape, info.output.layout) == ((1, 1, 16, 24), "NCHW")


@pytest.mark.parametrize("name", ["tiny.int8.tflite", "tiny.int8.onnx"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6])
def test_a_truncated_model_is_an_error_in_words(name, share, tmp_path):
    whole = (MODELS / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelFileError, match=r"truncated|not a"):
        open_backend(path)


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_a_text_file_of_that_name_is_an_error_in_words(suffix, tmp_path):
    path = tmp_path / f"model.{suffix}"
    path.write_text("<html>404 Not Found</html>")
    with pytest.raises(ModelFileError, match="not a"):
        open_backend(path)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"backend": "tensorrt"}, "backend 'tensorrt' is unknown"),
        ({"backend": "onnxruntime"}, "onnxruntime does not run .tflite files"),
        ({"threads": 0}, "0 threads"),
    ],
)
def test_a_wrong_choice_is_wrong_usage(arguments, what):
    with pytest.raises(UsageError, match=what):
        open_backend(MODELS / "tiny.int8.tflite", **arguments)


def test_a_missing_file_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        open_backend(tmp_path / "none.tflite")


@pytest.mark.parametrize(
    ("name", "package", "pip"),
    [
        ("tiny.int8.tflite", "ai_edge_litert", "pip install ai-edge-litert"),
        ("tiny.int8.onnx", "onnxruntime", 'pip install "fcn-edge[onnx]"'),
    ],
)
def test_a_missing_runtime_is_named_with_its_pip_line(name, package, pip, monkeypatch):
    blocked = {n for n in sys.modules if n.split(".")[0] == package} | {package, f"{package}.interpreter"}
    for module in blocked | {"tflite_runtime", "openvino"}:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError) as caught:
        open_backend(MODELS / name)
    assert caught.value.hint == pip


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_every_backend_of_the_table_has_its_module(name):
    assert callable(importlib.import_module(BACKENDS[name].module).open_model)


@pytest.mark.parametrize("name", ["tiny.int8.tflite", "tiny.int8.onnx"])
def test_opening_a_model_prints_nothing(name, capfd):
    open_backend(MODELS / name).infer(red_and_grey())
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not optional.available("tflite_runtime"), reason="needs tflite-runtime, which needs NumPy 1")
def test_tflite_runtime_runs_exported_files():
    backend = open_backend(MODELS / "tiny.int8.tflite", backend="tflite-runtime", threads=1)
    scores = backend.infer(red_and_grey())[0, :, :, 0].astype(int) - backend.info.output.zero_point
    assert backend.info.runtime == "tflite-runtime"
    assert (scores[:, :24] > 0).all()
    assert (scores[:, 24:] < 0).all()


def test_errors_of_this_module_are_all_of_this_package(tmp_path):
    """A file of random bytes behind a right header must not reach the user as a traceback."""
    rng = np.random.default_rng(0)
    for number in range(20):
        path = tmp_path / f"{number}.tflite"
        path.write_bytes(b"\x1c\x00\x00\x00TFL3" + rng.bytes(500))
        with pytest.raises(FcnEdgeError):
            open_backend(path)


def test_onnx_runtime_reports_nothing_over_the_network(tmp_path):
    """From version 1.29 on it does from its import on, and keeps what it will send in the temporary folder."""
    code = (
        "import fcn_edge\n"
        f"fcn_edge.Segmenter.open({str(MODELS / 'tiny.int8.onnx')!r}).close()\n"
        "print([t for t in __import__('os').environ if 'TELEMETRY' in t])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": "", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "['ORT_DISABLE_TELEMETRY']\n"
    assert not list(tmp_path.iterdir())
