"""The runtimes for .tflite files, and packages that do not get on with them."""

from __future__ import annotations

from collections.abc import Iterator

from fcn_edge.doctor.finding import Finding
from fcn_edge.doctor.host import Host

_BITS_64 = 64
# tflite-runtime has no wheels for newer ones.
_LAST_OLD_PYTHON = (3, 11)
_ONNX = ("onnxruntime", "onnxruntime-gpu", "openvino")
_DESK = ("tensorflow", "torch", "keras")


def check(host: Host) -> Iterator[Finding]:
    """Look at what runs models."""
    found = {
        name: host.packages[name] for name in ("ai-edge-litert", "tflite-runtime", *_ONNX) if name in host.packages
    }
    if found:
        yield Finding("runtimes", "ok", ", ".join(f"{name} {version}" for name, version in found.items()))
    yield from _numpy(host)
    yield from _tflite(host, onnx=any(name in found for name in _ONNX))
    yield from _desk(host)


def _numpy(host: Host) -> Iterator[Finding]:
    answer = host.backends
    if "numpy" not in host.packages and not host.importable("numpy"):
        command = 'pip install "numpy<2"' if host.python.bits != _BITS_64 else "pip install numpy"
        yield Finding("numpy_missing", "fault", "NumPy is not installed; nothing runs without it", command=command)
    elif answer.first.get("error") or (answer.failure is not None and not answer.events):
        reason = answer.first.get("error") or f"importing it {answer.failure}"
        text = f"NumPy does not import: {reason}"
        yield Finding("numpy_broken", "fault", text, command="pip install --force-reinstall --no-deps numpy")


def _tflite(host: Host, *, onnx: bool) -> Iterator[Finding]:
    litert, old = "ai-edge-litert" in host.packages, "tflite-runtime" in host.packages
    if not litert and not old:
        text = "no runtime for .tflite files" + ("; .onnx files run" if onnx else ", nor for .onnx files")
        command, advice = _install(host)
        yield Finding("no_tflite_runtime", "warning" if onnx else "fault", text, command=command, advice=advice)
    if old and _major(host.packages.get("numpy", "")) >= 2:  # noqa: PLR2004 - NumPy 2
        text = f"tflite-runtime was built for NumPy 1 and crashes with NumPy {host.packages['numpy']}"
        if litert or host.python.bits == _BITS_64:
            command = "pip uninstall -y tflite-runtime" + ("" if litert else " && pip install ai-edge-litert")
        else:
            command = 'pip install "numpy<2"'
        # With LiteRT beside it, it is never used.
        yield Finding("tflite_runtime_numpy_2", "warning" if litert else "fault", text, command=command)
    elif old and litert:
        text = "tflite-runtime lies beside ai-edge-litert, which is newer and is used"
        yield Finding("two_tflite_runtimes", "note", text, command="pip uninstall -y tflite-runtime")


def _install(host: Host) -> tuple[str | None, str | None]:
    if host.python.bits == _BITS_64:
        return "pip install ai-edge-litert", None
    if host.python.version[:2] <= _LAST_OLD_PYTHON:
        return 'pip install tflite-runtime==2.14.0 "numpy<2"', None
    # Nobody has made 32-bit wheels for Python 3.12 and newer.
    return None, "use a 64-bit system, or Python 3.11 (Raspberry Pi OS bookworm) on a 32-bit one"


def _desk(host: Host) -> Iterator[Finding]:
    heavy = [name for name in _DESK if name in host.packages]
    if host.is_board and heavy:
        text = f"{' and '.join(heavy)} {'is' if len(heavy) == 1 else 'are'} not needed to run models on a device"
        yield Finding("training_packages", "note", text, command=f"pip uninstall -y {' '.join(heavy)}")


def _major(version: str) -> int:
    first = version.partition(".")[0]
    return int(first) if first.isdigit() else 0
