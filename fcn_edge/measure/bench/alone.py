"""A question answered by a process of its own: whatever native code does there, the process that asked goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Of a pass that takes seconds: loading, and calls by the dozen, of the largest models on the slowest boards.
LONGEST_S = 600.0


def ask(module: str, path: Path, *, backend: str | None, threads: int) -> Mapping[str, Any] | None:
    """Run one of our modules on a model and give the JSON object in the last line it wrote.

    Args:
        module: Run as ``python -m MODULE PATH BACKEND THREADS``; ``-`` for no backend.
        path: A model file.
        backend: The runtime.
        threads: Of the runtime.

    Returns:
        None where it had nothing to tell or died.
    """
    environment = {
        **os.environ,
        # TensorFlow takes its threads from here, when it is first imported.
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", module, str(path), backend or "-", str(threads)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
            text=True,
            errors="replace",
            env=environment,
            timeout=LONGEST_S,
        )
        answer = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, IndexError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None
