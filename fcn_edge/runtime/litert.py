"""LiteRT (``ai-edge-litert``), for ``.tflite`` files.

Its ``Interpreter``, not its ``CompiledModel``: the latter dies with an illegal instruction on Cortex-A53 and A72.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from fcn_edge import optional
from fcn_edge.runtime.backend import Backend
from fcn_edge.runtime.interpreter import InterpreterBackend


def open_model(path: Path, *, threads: int | None) -> Backend:
    """Load a ``.tflite`` file; see :func:`fcn_edge.runtime.open_backend`."""
    package = optional.load("ai_edge_litert.interpreter", feature="running .tflite files with LiteRT", extra=None)
    version = importlib.metadata.version("ai-edge-litert")
    return InterpreterBackend(package.Interpreter, path, runtime="litert", version=version, threads=threads)
