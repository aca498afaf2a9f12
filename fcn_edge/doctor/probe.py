"""The other side of :func:`fcn_edge.doctor.asking.ask`: a process that may die.

    python -m fcn_edge.doctor.probe backends
    python -m fcn_edge.doctor.probe opencv
    python -m fcn_edge.doctor.probe trial BACKEND FILE ...

Each thing found is one line of JSON on standard output, flushed at once: what was found before a death stays known.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fcn_edge import optional
from fcn_edge.errors import FcnEdgeError

_LONGEST_TEXT = 300
_CALLS = 3


def main(arguments: Sequence[str]) -> int:
    """Do what *arguments* say."""
    what, *rest = arguments
    if what == "backends":
        _backends()
    elif what == "opencv":
        _opencv()
    else:
        _trial(rest[0], [Path(file) for file in rest[1:]])
    return 0


def build_flags(text: str) -> dict[str, bool]:
    """Read from OpenCV's build information which of GStreamer and FFmpeg it has.

    Args:
        text: What ``cv2.getBuildInformation()`` gives: lines such as ``    GStreamer:     YES (1.20.3)``.
    """
    found = {}
    for line in text.splitlines():
        name, colon, value = line.strip().partition(":")
        if colon and name in ("GStreamer", "FFMPEG"):
            found[name.lower()] = value.strip().upper().startswith("YES")
    return {"gstreamer": found.get("gstreamer", False), "ffmpeg": found.get("ffmpeg", False)}


def _tell(**event: Any) -> None:  # noqa: ANN401 - what JSON can hold
    print(json.dumps(event), flush=True)  # noqa: T201 - this is how a process answers


def _backends() -> None:
    try:
        # It needs NumPy, as every runtime does; one that is broken shows here.
        from fcn_edge.runtime.registry import BACKENDS
    except Exception as error:  # noqa: BLE001 - a broken installation raises what it likes
        _tell(error=_reason(error))
        return
    for name, spec in BACKENDS.items():
        here = optional.available(spec.package)
        _tell(backend=name, formats=list(spec.formats), available=here, accelerated=spec.accelerated)


def _opencv() -> None:
    try:
        import cv2
    except Exception as error:  # noqa: BLE001 - as above
        _tell(error=_reason(error))
        return
    _tell(version=cv2.__version__, path=str(Path(cv2.__file__).parent), **build_flags(cv2.getBuildInformation()))
    # A display that cannot be reached can abort the process: this comes last.
    from fcn_edge.live.window import why_no_window

    _tell(no_window=why_no_window())


def _trial(backend: str, files: Sequence[Path]) -> None:
    for file in files:
        try:
            _tell(file=file.name, **_run(backend, file))
        except Exception as error:  # noqa: BLE001, PERF203 - as above; and the next file may run
            _tell(file=file.name, error=_reason(error))
    if backend == "onnxruntime" and files:
        _tell(**_providers(files[0]))


def _run(backend: str, file: Path) -> dict[str, Any]:
    import numpy as np

    from fcn_edge.runtime.delegation import describe_delegation
    from fcn_edge.runtime.registry import open_backend

    begun = time.perf_counter()
    opened = open_backend(file, backend=backend, threads=1)
    load_ms = _ms_since(begun)
    try:
        info = opened.info.input
        pixels = np.random.default_rng(0).integers(0, 256, info.shape).astype(info.dtype)
        times_ms = []
        for _ in range(_CALLS):
            begun = time.perf_counter()
            scores = opened.infer(pixels)
            times_ms.append(_ms_since(begun))
        if not np.isfinite(scores.astype("float32")).all():
            return {"error": "it gives scores that are no numbers"}
        # Only some runtimes can tell.
        asked = getattr(opened, "delegation", None)
        delegation = asked() if asked is not None else None
        return {
            "runtime": opened.info.runtime,
            "version": opened.info.version,
            "load_ms": load_ms,
            "first_ms": times_ms[0],
            "last_ms": times_ms[-1],
            "delegation": None if delegation is None else describe_delegation(delegation),
            "delegated": None if delegation is None else delegation.delegated,
        }
    finally:
        opened.close()


def _providers(file: Path) -> dict[str, Any]:
    """Ask ONNX Runtime what it offers, and whether CUDA is really used when asked for: it falls back silently."""
    import onnxruntime

    from fcn_edge.runtime.native_log import held_back

    available = list(onnxruntime.get_available_providers())
    used: list[str] = []
    if "CUDAExecutionProvider" in available:
        with held_back():
            wanted = ["CUDAExecutionProvider", "CPUExecutionProvider"]
            used = list(onnxruntime.InferenceSession(str(file), providers=wanted).get_providers())
    return {"providers": available, "cuda_used": "CUDAExecutionProvider" in used if used else None}


def _ms_since(begun: float) -> float:
    return round((time.perf_counter() - begun) * 1000, 2)


def _reason(error: Exception) -> str:
    text = error.message if isinstance(error, FcnEdgeError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:_LONGEST_TEXT]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
