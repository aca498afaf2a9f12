"""ONNX files in OpenVINO: the scores that ONNX Runtime gives, and nothing of it leaves the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fcn_edge import optional
from fcn_edge.errors import MissingPackageError, ModelFileError, UsageError
from fcn_edge.runtime import BACKENDS, open_backend
from fcn_edge.runtime.segmenter import Segmenter

# Not importorskip: an import by itself would be reported to OpenVINO's maker.
pytestmark = pytest.mark.skipif(not optional.available("openvino"), reason="needs OpenVINO, of the extra openvino")

MODELS = Path(__file__).parent / "models"
TINY = ("tiny.fp32.onnx", "tiny.int8.onnx")


def random_pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, 32, 48, 3), np.uint8)


def opened(name: str, threads: int | None = 1):
    return open_backend(MODELS / name, backend="openvino", threads=threads)


@pytest.mark.parametrize("name", TINY)
def test_openvino_gives_the_scores_of_onnx_runtime(name):
    ours, theirs = opened(name), open_backend(MODELS / name, backend="onnxruntime", threads=1)
    assert (ours.info.input, ours.info.output) == (theirs.info.input, theirs.info.output)
    pixels = random_pixels()
    found, expected = ours.infer(pixels), theirs.infer(pixels)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    # A sum in another order, or a half rounded the other way.
    np.testing.assert_allclose(found.astype(float), expected.astype(float), rtol=0, atol=1e-5 if "fp32" in name else 1)


@pytest.mark.parametrize("threads", [1, 2])
def test_it_runs_with_the_threads_asked_for(threads):
    backend = opened("tiny.int8.onnx", threads)
    compiled = backend._request.get_compiled_model()
    assert backend.info.threads == threads
    assert compiled.get_property("INFERENCE_NUM_THREADS") == threads


def test_a_float_file_is_not_computed_in_fewer_bits():
    """The processor's own bfloat16 would be OpenVINO's default."""
    compiled = opened("tiny.fp32.onnx")._request.get_compiled_model()
    assert str(compiled.get_property("EXECUTION_MODE_HINT")) == "ExecutionMode.ACCURACY"
    # "dynamic" is what each operation of the file says itself.
    assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() in ("dynamic", "f32")


def test_without_a_number_of_threads_it_chooses_its_own():
    backend = opened("tiny.int8.onnx", threads=None)
    assert backend.info.threads is None
    assert backend.infer(random_pixels()).shape == (1, 32, 48, 1)


@pytest.mark.parametrize("name", TINY)
def test_the_next_inference_leaves_the_last_result_alone(name):
    backend = opened(name)
    first = backend.infer(random_pixels())
    kept = first.copy()
    backend.infer(np.zeros((1, 32, 48, 3), np.uint8))
    assert np.array_equal(first, kept)


def test_pixels_need_not_lie_in_one_piece():
    backend = opened("tiny.int8.onnx")
    pixels = random_pixels()
    planar = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    assert np.array_equal(backend.infer(planar.transpose(0, 2, 3, 1)), backend.infer(pixels))


def test_a_closed_backend_refuses_to_run_and_can_be_closed_again():
    backend = opened("tiny.int8.onnx")
    backend.close()
    backend.close()
    with pytest.raises(RuntimeError, match="after close"):
        backend.infer(random_pixels())


def test_a_segmenter_runs_on_it():
    image = np.full((64, 96, 3), 90, np.uint8)
    image[:, :48] = (0, 0, 240)
    with Segmenter.open(MODELS / "tiny.int8.onnx", backend="openvino") as segmenter:
        assert segmenter.backend.info.runtime == "openvino"
        labels = segmenter(image)
    assert (labels[:, :46] == 1).all()
    assert (labels[:, 50:] == 0).all()


def test_an_unknown_batch_is_run_with_one_image():
    backend = opened("foreign.onnx")
    assert backend.info.input.shape == (1, 3, 32, 48)
    assert backend.infer(np.zeros((1, 3, 32, 48), np.float32)).shape == (1, 1, 16, 24)


def test_onnx_runtime_stays_the_first_choice():
    onnx = [name for name, spec in BACKENDS.items() if "onnx" in spec.formats]
    assert onnx[:2] == ["onnxruntime", "openvino"]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("dynamic.onnx", "its input is 1x3x?x?: a fixed height, width"),
        ("unknown_op.onnx", "OpenVINO cannot run it: FrontEnd API failed with OpConversionFailure: Model wasn't"),
    ],
)
def test_a_model_of_another_kind_is_refused(name, what):
    with pytest.raises(ModelFileError) as caught:
        opened(name)
    assert what in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint.startswith("export")


def test_an_input_of_another_size_is_an_error_in_words():
    with pytest.raises(ModelFileError, match="OpenVINO cannot run it"):
        opened("tiny.fp32.onnx").infer(np.zeros((1, 16, 48, 3), np.uint8))


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_model_is_an_error_in_words(name, share, tmp_path):
    whole = (MODELS / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelFileError, match=r"truncated|not a"):
        open_backend(path, backend="openvino")


def test_a_text_file_of_that_name_is_an_error_in_words(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_text("<html>404 Not Found</html>")
    with pytest.raises(ModelFileError, match="not a"):
        open_backend(path, backend="openvino")


def test_a_tflite_file_is_wrong_usage():
    with pytest.raises(UsageError, match=r"openvino does not run \.tflite files"):
        opened("tiny.int8.tflite")


def test_a_missing_openvino_is_named_with_its_pip_line(monkeypatch):
    for module in [name for name in sys.modules if name.split(".")[0] == "openvino"] + ["openvino"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError) as caught:
        opened("tiny.int8.onnx")
    assert caught.value.hint == 'pip install "fcn-edge[openvino]"'


def test_opening_a_model_prints_nothing(capfd):
    opened("tiny.int8.onnx").infer(random_pixels())
    assert capfd.readouterr() == ("", "")


def test_opening_a_model_tells_nobody(tmp_path):
    """OpenVINO sends its maker an event when it is imported, and leaves the sender's number in the home folder."""
    code = (
        "import sys, fcn_edge\n"
        f"fcn_edge.Segmenter.open({str(MODELS / 'tiny.int8.onnx')!r}, backend='openvino').close()\n"
        "print('openvino' in sys.modules, 'openvino_telemetry' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={"HOME": str(tmp_path), "PATH": "", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("True False\n", "")
    assert not list(tmp_path.iterdir())
