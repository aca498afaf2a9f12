"""A question answered by a process of its own: whatever native code does there, the process that asked goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.machine.processor import fast_cluster
from fcn_edge.runtime.backend import TensorInfo

# Of a pass that takes seconds: loading, and calls by the dozen, of the largest models on the slowest boards.
LONGEST_S = 600.0


def ask(
    module: str, path: Path, *, backend: str | None, threads: int, pixels: NDArray[np.generic] | None = None
) -> Mapping[str, Any] | None:
    """Run one of our modules on a model and give the JSON object in the last line it wrote.

    Args:
        module: Run as ``python -m MODULE PATH BACKEND THREADS [PIXELS.npy]``; ``-`` for no backend.
        path: A model file.
        backend: The runtime.
        threads: Of the runtime.
        pixels: What to run on.

    Returns:
        None where it had nothing to tell or died.
    """
    environment = {
        **os.environ,
        # TensorFlow takes its threads from here, when it is first imported.
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Since 1.29 ONNX Runtime has a thread that reports its use over the network, unless told not to before import.
        "ORT_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }
    command = [sys.executable, "-m", module, str(path), backend or "-", str(threads)]
    with tempfile.TemporaryDirectory(prefix="fcn-edge-alone-") as folder:
        if pixels is not None:
            command.append(str(Path(folder) / "pixels.npy"))
            np.save(command[-1], pixels)
        try:
            done = subprocess.run(  # noqa: S603 - our own module
                command,
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


def arguments(argv: Sequence[str]) -> tuple[Path, str | None, int, NDArray[np.generic] | None]:
    """Read what :func:`ask` gave, and stay on the fast processors where some are slow.

    Returns:
        Path, backend, threads and pixels.
    """
    cluster = fast_cluster()
    if cluster is not None:
        os.sched_setaffinity(0, cluster)
    path, backend, threads, *pixels = argv[1:]
    return Path(path), None if backend == "-" else backend, int(threads), np.load(pixels[0]) if pixels else None


def tell(answer: Mapping[str, Any] | None) -> None:
    """Write the answer; on a line of its own, since native code writes to standard output at will."""
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


def drawn_pixels(tensor: TensorInfo) -> NDArray[np.generic]:
    """Draw something for a model's input: noise, the same each time, over the whole range of its type."""
    drawn = np.random.default_rng(0)
    if tensor.dtype.startswith("float"):
        return drawn.random(tensor.shape).astype(tensor.dtype)
    limits = np.iinfo(tensor.dtype)
    return drawn.integers(limits.min, limits.max, tensor.shape, dtype=tensor.dtype, endpoint=True)
