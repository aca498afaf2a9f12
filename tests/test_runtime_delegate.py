"""External delegates: what they take they run, and one that is none, refuses or idles is an error."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from fcn_edge import optional
from fcn_edge.errors import AcceleratorError, ModelFileError, UsageError
from fcn_edge.runtime import BACKENDS, open_backend
from fcn_edge.runtime.delegate import DelegateSpec, parse_delegate, refuse_idle
from fcn_edge.runtime.fake_accelerator import FakeDelegates
from fcn_edge.runtime.interpreter import InterpreterBackend, _cannot_run
from fcn_edge.runtime.segmenter import Segmenter

MODELS = Path(__file__).parent / "models"
TFLITE = [name for name in ("litert", "tflite-runtime") if optional.available(BACKENDS[name].package)]
CONV_2D, QUANTIZE = 3, 114


def random_pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, 32, 48, 3), np.uint8)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    """A real delegate: answers with zeros for the operations of the kind it is told to take."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    path = tmp_path_factory.mktemp("delegate") / "libzeros.so"
    source = Path(__file__).parent / "zeros_delegate.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(path), str(source)], check=True)
    return path


@pytest.mark.parametrize("backend", TFLITE)
def test_what_a_delegate_takes_it_runs(library, backend):
    opened = open_backend(MODELS / "tiny.int8.tflite", backend=backend, threads=1, delegate=f"{library},take={CONV_2D}")
    assert opened.info.device == "libzeros.so"
    assert (opened.external.delegated, opened.external.ops) == (1, 2)
    assert not opened.infer(random_pixels()).any()


@pytest.mark.parametrize("backend", TFLITE)
def test_what_it_leaves_runs_as_without_it(library, backend):
    plain = open_backend(MODELS / "tiny.int8.tflite", backend=backend, threads=1)
    opened = open_backend(MODELS / "tiny.int8.tflite", backend=backend, delegate=f"{library},take={QUANTIZE}")
    assert opened.external.outside == {"CONV_2D": 1}
    # The delegate turned every pixel into the quantised zero, which stands for the grey value 128.
    expected = plain.infer(np.full((1, 32, 48, 3), 128, np.uint8))
    assert np.array_equal(opened.infer(random_pixels()), expected)


def test_a_segmenter_runs_with_a_delegate(library):
    delegate = f"{library},take={CONV_2D}"
    with Segmenter.open(MODELS / "tiny.int8.tflite", backend=TFLITE[0], delegate=delegate) as segmenter:
        assert segmenter(np.zeros((40, 60, 3), np.uint8)).shape == (40, 60)


def test_a_delegate_beside_us_needs_no_slash(library, monkeypatch):
    monkeypatch.chdir(library.parent)
    opened = open_backend(MODELS / "tiny.int8.tflite", backend=TFLITE[0], delegate=f"libzeros.so,take={CONV_2D}")
    assert opened.info.device == "libzeros.so"


def test_a_delegate_that_takes_nothing_is_an_error(library):
    with pytest.raises(AcceleratorError) as caught:
        open_backend(MODELS / "tiny.int8.tflite", backend=TFLITE[0], delegate=str(library))
    assert "takes none of its operations" in caught.value.message


def test_a_delegate_that_refuses_is_quoted(library):
    with pytest.raises(AcceleratorError) as caught:
        open_backend(MODELS / "tiny.int8.tflite", backend=TFLITE[0], delegate=f"{library},speed=max")
    assert caught.value.message == f"delegate {library}: it refused: unknown option: speed"


def test_a_library_that_is_no_delegate_is_an_error():
    extension = next(Path(np.__file__).parent.rglob("_multiarray_umath*.so"))
    with pytest.raises(AcceleratorError) as caught:
        open_backend(MODELS / "tiny.int8.tflite", backend=TFLITE[0], delegate=str(extension))
    assert "no TensorFlow Lite delegate: it lacks tflite_plugin_create_delegate" in caught.value.message


def test_a_file_that_is_no_library_is_an_error(tmp_path):
    path = tmp_path / "lib.so"
    path.write_text("<html>404 Not Found</html>")
    with pytest.raises(AcceleratorError, match="cannot be loaded"):
        open_backend(MODELS / "tiny.int8.tflite", backend=TFLITE[0], delegate=str(path))


def test_corals_library_that_is_not_installed_is_an_error_with_the_package_to_install():
    with pytest.raises(AcceleratorError) as caught:
        open_backend(MODELS / "tiny.int8.tflite", backend=TFLITE[0], delegate="libedgetpu-absent.so.1")
    assert "cannot be loaded" in caught.value.message
    assert "libedgetpu1-std" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("none/lib.so", "does not exist"),
        ("/", "is a folder"),
        ("lib.so,fast", "'fast' is no option"),
        ("lib.so,=1", "'=1' is no option"),
        (",a=1", "no library is named"),
        ("", "no library is named"),
    ],
)
def test_a_wrong_delegate_is_wrong_usage(text, what):
    with pytest.raises(UsageError, match=what):
        open_backend(MODELS / "tiny.int8.tflite", backend=TFLITE[0], delegate=text)


def test_options_stand_behind_the_path():
    spec = parse_delegate("lib/libedgetpu.so.1, device=usb:0,x=a=b")
    assert spec == DelegateSpec("lib/libedgetpu.so.1", (("device", "usb:0"), ("x", "a=b")))
    assert spec.name == "libedgetpu.so.1"


@pytest.mark.skipif(not optional.available("onnxruntime"), reason="needs ONNX Runtime, of the extra onnx")
def test_an_onnx_file_takes_no_delegate():
    with pytest.raises(UsageError) as caught:
        open_backend(MODELS / "tiny.int8.onnx", backend="onnxruntime", delegate="lib.so")
    assert "takes no delegate" in caught.value.message
    assert "litert" in caught.value.hint


def fake_of(runtime: str, takes: int) -> tuple[FakeDelegates, InterpreterBackend]:
    module = "ai_edge_litert.interpreter" if runtime == "litert" else "tflite_runtime.interpreter"
    fake = FakeDelegates(optional.load(module, feature="a test", extra=None), takes=takes)
    spec = DelegateSpec("/usr/lib/libedgetpu.so.1")
    arguments = {"runtime": runtime, "version": "0", "threads": 1, "delegate": spec, "load": fake.load}
    return fake, InterpreterBackend(fake, MODELS / "tiny.int8.tflite", **arguments)


def test_a_fake_delegate_stands_for_one_that_is_not_here():
    fake, opened = fake_of(TFLITE[0], takes=2)
    assert (opened.info.device, opened.external.delegated) == ("libedgetpu.so.1", 2)
    assert [spec.name for spec in fake.loaded] == ["libedgetpu.so.1"]
    assert opened.infer(random_pixels()).shape == opened.info.output.shape


def test_an_idle_edge_tpu_is_told_to_be_given_a_compiled_file():
    with pytest.raises(AcceleratorError) as caught:
        fake_of(TFLITE[0], takes=0)
    assert caught.value.hint == "compile an int8 file for it first: edgetpu_compiler tiny.int8.tflite"
    assert "edgetpu" not in refuse_idle(Path("a.tflite"), DelegateSpec("libother.so")).hint


def test_a_file_compiled_for_the_edge_tpu_asks_for_its_delegate():
    """What TensorFlow Lite says of such a file without the delegate."""
    told = RuntimeError("Encountered unresolved custom op: edgetpu-custom-op.\nSee instructions")
    error = _cannot_run(Path("people_edgetpu.tflite"), "litert", told)
    assert isinstance(error, ModelFileError)
    assert error.hint == "give Coral's delegate: --delegate libedgetpu.so.1"
