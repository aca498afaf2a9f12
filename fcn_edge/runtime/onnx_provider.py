"""The devices that ONNX Runtime runs on, and making sure that it does.

Asked for a GPU that it cannot use, ONNX Runtime computes on the processor and says so only in its log. Here that is an
error, wherever it shows: no such provider in the package, none in the session, or no operation of the model on it.

TensorRT and CUDA are written against ONNX Runtime's documentation and were not yet run on hardware.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from fcn_edge.atomic import output_error
from fcn_edge.errors import AcceleratorError
from fcn_edge.machine.cache import cache_folder
from fcn_edge.model_file import fingerprint, onnx_format, parse_name

Device = Literal["cpu", "cuda", "tensorrt"]
Providers = list[tuple[str, dict[str, Any]]]

PROVIDERS: dict[Device, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
# Of a session's options: without it a session does not tell which operations run where. Versions that do not know it
# pass over it.
RECORDING = "session.record_ep_graph_assignment_info"

_HINT_PACKAGE = "install ONNX Runtime for GPUs: pip install onnxruntime-gpu; on a Jetson the wheel made for its JetPack"
_HINT_LIBRARIES = (
    "it needs the CUDA, cuDNN and TensorRT versions of its release: "
    "https://onnxruntime.ai/docs/execution-providers; or leave --backend out"
)


def why_absent(runtime: Any, device: Device) -> str | None:  # noqa: ANN401 - untyped package
    """Say why ONNX Runtime as it is installed cannot run on a device; None where it can.

    Its libraries or the GPU may be missing nevertheless, which shows when a model is opened.
    """
    available = runtime.get_available_providers()
    if PROVIDERS[device] in available:
        return None
    return f"ONNX Runtime {runtime.__version__} as installed has {', '.join(available)}, not {PROVIDERS[device]}"


def providers(path: Path, device: Device) -> Providers:
    """Give the providers to ask for, the wanted one first.

    What TensorRT cannot take goes to CUDA, as its documentation recommends.
    """
    wanted: Providers = []
    if device == "tensorrt":
        wanted.append((PROVIDERS["tensorrt"], _tensorrt_options(path)))
    if device != "cpu":
        # Its other options stay as they are: the search for the fastest convolution is exhaustive by default.
        wanted.append((PROVIDERS["cuda"], {"device_id": 0}))
    return [*wanted, (PROVIDERS["cpu"], {})]


def prepare(runtime: Any, path: Path, device: Device) -> None:  # noqa: ANN401 - untyped package
    """Refuse a device that the package has no provider for, and load the libraries it needs where pip put them.

    Raises:
        AcceleratorError: There is no such provider.
    """
    if device == "cpu":
        return
    absent = why_absent(runtime, device)
    if absent is not None:
        raise AcceleratorError(f"{path}: {absent}", hint=_HINT_PACKAGE)
    if hasattr(runtime, "preload_dlls"):
        # CUDA and cuDNN from the packages of pip, which the system's loader does not find. What is missing it prints;
        # whether it matters, the session shows.
        with contextlib.redirect_stdout(io.StringIO()):
            runtime.preload_dlls()


def refuse_fallback(session: Any, path: Path, device: Device) -> None:  # noqa: ANN401 - untyped package
    """Make sure that a session runs where it was asked to.

    Raises:
        AcceleratorError: It has another provider, or no operation runs on the wanted one.
    """
    wanted, found = PROVIDERS[device], session.get_providers()
    if wanted not in found:
        message = f"{path}: ONNX Runtime was asked for {wanted}, and would run it on {', '.join(found)}"
        raise AcceleratorError(message, hint=_HINT_LIBRARIES)
    counts = None if device == "cpu" else _operations(session)
    if counts is not None and not counts.get(wanted):
        elsewhere = ", ".join(f"{count} on {name}" for name, count in counts.items())
        hint = "its operations or their precision are not supported there; use the fp32 or fp16 file"
        raise AcceleratorError(f"{path}: {wanted} takes none of its operations ({elsewhere})", hint=hint)


def cannot_use(path: Path, device: Device, error: Exception) -> AcceleratorError:
    """Turn an error of a session on a GPU into one of ours."""
    reason = " ".join(str(error).split())
    return AcceleratorError(f"{path}: {PROVIDERS[device]} cannot be used: {reason}", hint=_HINT_LIBRARIES)


def _operations(session: Any) -> dict[str, int] | None:  # noqa: ANN401 - untyped package
    """Count the operations of each provider; None where this version does not tell."""
    try:
        assigned: Sequence[Any] = session.get_provider_graph_assignment_info()
        counts: dict[str, int] = {}
        for part in assigned:
            counts[part.ep_name] = counts.get(part.ep_name, 0) + len(part.get_nodes())
    except Exception:  # noqa: BLE001 - older versions have no such method, and a plug-in may refuse to tell
        return None
    return counts


def _tensorrt_options(path: Path) -> dict[str, Any]:
    """Give the options of the TensorRT provider.

    It computes in float16, also what a file has in float32; whether the masks stay the same, ``tune`` and ``compare``
    prove. A file with quantised activations needs int8 as well, or no engine is built (onnxruntime#13381).
    """
    engines = cache_folder() / "tensorrt" / _engine_key(path)
    try:
        engines.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(engines, error) from error
    quantized = parse_name(path).precision == "int8" or onnx_format.has_int8_activations(path)
    return {
        "device_id": 0,
        "trt_fp16_enable": True,
        "trt_int8_enable": quantized,
        # To build an engine takes minutes on a Jetson.
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(engines),
        "trt_timing_cache_enable": True,
    }


def _engine_key(path: Path) -> str:
    """Name a folder of engines.

    ONNX Runtime knows an engine again by the graph, not by its weights, and would take the engine of a model before it
    was trained on. Nor does an engine outlive the versions it was built with.
    """
    versions = []
    for package in ("onnxruntime-gpu", "onnxruntime", "tensorrt"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(importlib.metadata.version(package))
    return "-".join([fingerprint(path)[:16], *versions])
