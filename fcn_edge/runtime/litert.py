"""LiteRT (``ai-edge-litert``), for ``.tflite`` files.

Its ``Interpreter``, not its ``CompiledModel``: the latter dies with an illegal instruction on Cortex-A53 and A72.
"""

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
    """Load a ``.tflite`` file; see :func:`fcn_edge.runtime.open_backend`.

    Args:
        path: The file.
        threads: None for the runtime's own choice.
        builtin: Use the runtime's built-in kernels instead of XNNPACK's.
        delegate: An external delegate for what it can take.
    """
    package = optional.load("ai_edge_litert.interpreter", feature="running .tflite files with LiteRT", extra=None)
    version = importlib.metadata.version("ai-edge-litert")
    runtime = "litert-builtin" if builtin else "litert"
    return InterpreterBackend(
        package, path, runtime=runtime, version=version, threads=threads, builtin=builtin, delegate=delegate
    )
