"""Where a figure was measured: a time or an accuracy without its board and versions means little."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import fcn_edge

_DEVICE_TREE = Path("/proc/device-tree/model")
_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class EnvironmentInfo:
    """A machine and what runs on it.

    Attributes:
        board: What the board or processor calls itself.
        machine: Architecture, such as ``aarch64``.
        cpus: Number of processors this process may use.
        system: Operating system and kernel.
        python: Version.
        packages: Versions by name.
    """

    board: str
    machine: str
    cpus: int
    system: str
    python: str
    packages: dict[str, str]


def find_environment() -> EnvironmentInfo:
    """Tell where this process runs."""
    return EnvironmentInfo(
        board=_board(),
        machine=platform.machine(),
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages={"fcn-edge": fcn_edge.__version__, "numpy": np.__version__, "opencv": cv2.__version__},
    )


def _board() -> str:
    """Give the board's own name: from the device tree on ARM boards, else the processor's."""
    try:
        return _DEVICE_TREE.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        pass
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown")
