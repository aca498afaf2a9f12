"""Which runtimes there are, which of them runs which format, and opening a model in one."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from fcn_edge import optional
from fcn_edge.errors import UsageError
from fcn_edge.model_file.card_file import existing
from fcn_edge.model_file.name import Format, parse_name
from fcn_edge.runtime.backend import Backend


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """A runtime: our module, which has ``open_model(path, *, threads)``, and the package it needs."""

    module: str
    package: str
    formats: tuple[Format, ...]


# In the order in which they are tried for a format.
BACKENDS = {
    "litert": BackendSpec("fcn_edge.runtime.litert", "ai_edge_litert", ("tflite",)),
    "tflite-runtime": BackendSpec("fcn_edge.runtime.tflite_runtime", "tflite_runtime", ("tflite",)),
    "onnxruntime": BackendSpec("fcn_edge.runtime.onnx_runtime", "onnxruntime", ("onnx",)),
    "openvino": BackendSpec("fcn_edge.runtime.openvino_runtime", "openvino", ("onnx",)),
    "keras": BackendSpec("fcn_edge.runtime.keras_model", "keras", ("keras",)),
}


def open_backend(path: Path | str, *, backend: str | None = None, threads: int | None = None) -> Backend:
    """Load a model file into a runtime.

    Args:
        path: A ``.tflite``, ``.onnx`` or ``.keras`` file.
        backend: A name of :data:`BACKENDS`; None for the first installed one that runs the format.
        threads: Of the runtime; None for its own choice.

    Raises:
        UsageError: The file does not exist, *backend* is unknown or does not run this format, or *threads* < 1.
        ModelFileError: The file is damaged, or is no model from one image to one map of scores.
        MissingPackageError: The runtime is not installed.
    """
    path = existing(path)
    if threads is not None and threads < 1:
        raise UsageError(f"{threads} threads: at least 1 was expected", hint="leave --threads out for one thread")
    spec = BACKENDS[_choose(path, backend)]
    opened: Backend = importlib.import_module(spec.module).open_model(path, threads=threads)
    return opened


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
