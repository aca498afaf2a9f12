"""The one door through which optional packages come in.

Nothing here installs anything: a missing package is named together with the extra that brings it and the pip line.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from types import ModuleType

from fcn_edge.errors import MissingPackageError

# Packages that report over the network what is done with them, from their import on, unless the environment says no.
# A device in a hospital or a car must not; who wants it sets the variable to 0.
_SILENCED = {"onnxruntime": "ORT_DISABLE_TELEMETRY"}


def load(module: str, *, feature: str, extra: str | None) -> ModuleType:
    """Import an optional module.

    Args:
        module: Dotted name, for example ``"onnxruntime"``.
        feature: What needs it, as the subject of a sentence: ``"running ONNX models"``.
        extra: The extra of this package that installs it, for example ``"onnx"``; None for a package of its own.

    Raises:
        MissingPackageError: The module is not installed, or one of its own imports fails.
    """
    variable = _SILENCED.get(module.partition(".")[0])
    if variable is not None:
        os.environ.setdefault(variable, "1")
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        absent = importlib.util.find_spec(package) is None
        what = (
            f"needs {package}, which is not installed" if absent else f"needs {module}, which fails to import: {error}"
        )
        target = package.replace("_", "-") if extra is None else f'"fcn-edge[{extra}]"'
        raise MissingPackageError(f"{feature} {what}", hint=f"pip install {target}") from error


def available(module: str) -> bool:
    """Tell whether an optional top-level module could be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        # A blocked module (``sys.modules[name] = None``) makes find_spec raise ValueError: not available.
        return False
