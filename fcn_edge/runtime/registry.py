"""Which runtimes there are, which of them runs which format, and opening a model in one."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fcn_edge import optional
from fcn_edge.errors import UsageError
from fcn_edge.model_file.card_file import existing
from fcn_edge.model_file.name import Format, parse_name
from fcn_edge.runtime.backend import Backend
from fcn_edge.runtime.delegate import parse_delegate


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """A runtime, and how and where it is to run.

    Attributes:
        module: Ours, which has ``open_model(path, *, threads)``.
        package: What it needs.
        formats: What it runs.
        arguments: What ``open_model`` is given besides, and ``why_absent`` where *accelerated*.
        delegates: ``open_model`` takes an external ``delegate``.
        accelerated: It runs on more than the processor: the module has ``why_absent``, which says why not here.
    """

    module: str
    package: str
    formats: tuple[Format, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    delegates: bool = False
    accelerated: bool = False


_LITERT = BackendSpec("fcn_edge.runtime.litert", "ai_edge_litert", ("tflite",), delegates=True)
_TFLITE_RUNTIME = BackendSpec("fcn_edge.runtime.tflite_runtime", "tflite_runtime", ("tflite",), delegates=True)
_ONNX_RUNTIME = BackendSpec("fcn_edge.runtime.onnx_runtime", "onnxruntime", ("onnx",))
_OPENVINO = BackendSpec("fcn_edge.runtime.openvino_runtime", "openvino", ("onnx",))

# In the order in which they are tried for a format. A name has no "@" and no ":", which bench writes behind a file.
BACKENDS = {
    "litert": _LITERT,
    "tflite-runtime": _TFLITE_RUNTIME,
    "onnxruntime": _ONNX_RUNTIME,
    "openvino": _OPENVINO,
    "keras": BackendSpec("fcn_edge.runtime.keras_model", "keras", ("keras",)),
    # Only when asked for: built-in kernels instead of XNNPACK's, and GPUs.
    "litert-builtin": replace(_LITERT, arguments={"builtin": True}),
    "tflite-runtime-builtin": replace(_TFLITE_RUNTIME, arguments={"builtin": True}),
    "onnxruntime-cuda": replace(_ONNX_RUNTIME, arguments={"device": "cuda"}, accelerated=True),
    "onnxruntime-tensorrt": replace(_ONNX_RUNTIME, arguments={"device": "tensorrt"}, accelerated=True),
    "openvino-gpu": replace(_OPENVINO, arguments={"device": "gpu"}, accelerated=True),
}


def open_backend(
    path: Path | str, *, backend: str | None = None, threads: int | None = None, delegate: str | None = None
) -> Backend:
    """Load a model file into a runtime.

    Args:
        path: A ``.tflite``, ``.onnx`` or ``.keras`` file.
        backend: A name of :data:`BACKENDS`; None for the first installed one that runs the format.
        threads: Of the runtime; None for its own choice.
        delegate: An external delegate for a ``.tflite``: the path of its library, and options behind it,
            ``PATH,key=value,…``.

    Raises:
        UsageError: The file or the delegate's path does not exist, *backend* is unknown or does not run this format or
            takes no delegate, or *threads* < 1.
        ModelFileError: The file is damaged, or is no model from one image to one map of scores.
        MissingPackageError: The runtime is not installed.
        AcceleratorError: The GPU or delegate cannot be used, or takes nothing of the model.
    """
    path = existing(path)
    if threads is not None and threads < 1:
        raise UsageError(f"{threads} threads: at least 1 was expected", hint="leave --threads out for one thread")
    name = _choose(path, backend)
    spec = BACKENDS[name]
    arguments = dict(spec.arguments)
    if delegate is not None:
        if not spec.delegates:
            fitting = [other for other, known in BACKENDS.items() if known.delegates]
            hint = f"delegates are for .tflite files, in {' or '.join(fitting)}"
            raise UsageError(f"{path}: {name} takes no delegate", hint=hint)
        arguments["delegate"] = parse_delegate(delegate)
    opened: Backend = importlib.import_module(spec.module).open_model(path, threads=threads, **arguments)
    return opened


def why_absent(backend: str) -> str | None:
    """Say why a backend of :data:`BACKENDS` cannot run on this machine; None where nothing speaks against it.

    Only for one that is *accelerated* its package is imported, to ask for its devices.
    """
    spec = BACKENDS[backend]
    if not optional.available(spec.package):
        return f"{spec.package} is not installed"
    if not spec.accelerated:
        return None
    reason: str | None = importlib.import_module(spec.module).why_absent(**spec.arguments)
    return reason


def _choose(path: Path, backend: str | None) -> str:
    wanted = parse_name(path).format
    fitting = [name for name, spec in BACKENDS.items() if wanted in spec.formats]
    if backend is None:
        # Where none is installed, the first says what is missing when it is opened.
        return next((name for name in fitting if optional.available(BACKENDS[name].package)), fitting[0])
    if backend not in BACKENDS:
        raise UsageError(f"backend {backend!r} is unknown", hint=f"use one of {', '.join(BACKENDS)}")
    if backend not in fitting:
        raise UsageError(f"{path}: {backend} does not run .{wanted} files", hint=f"use {' or '.join(fitting)}")
    return backend
