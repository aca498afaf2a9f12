"""tflite-runtime 2.14, for ``.tflite`` files: on 32-bit Raspberry Pi OS there is nothing else."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from fcn_edge import optional
from fcn_edge.runtime.backend import Backend
from fcn_edge.runtime.delegate import DelegateSpec
from fcn_edge.runtime.interpreter import InterpreterBackend


def open_model(
    path: Path, *, threads: int | None, builtin: bool = False, delegate: DelegateSpec | None = None
) -> Backend:
    """Load a ``.tflite`` file; see :func:`fcn_edge.runtime.litert.open_model`."""
    feature = "running .tflite files with tflite-runtime"
    package = optional.load("tflite_runtime.interpreter", feature=feature, extra=None)
    version = importlib.metadata.version("tflite-runtime")
    runtime = "tflite-runtime-builtin" if builtin else "tflite-runtime"
    return InterpreterBackend(
        package, path, runtime=runtime, version=version, threads=threads, builtin=builtin, delegate=delegate
    )
