"""Where a figure was measured: a time or an accuracy without its board and versions means little."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import fcn_edge
from fcn_edge.machine.kernel import ROOT, board_model
from fcn_edge.machine.processor import allowed_cpus, cpu_name, fast_cluster, instruction_sets
from fcn_edge.machine.quota import quota_cpus

# Whichever of them are installed; which one ran is said where it ran.
_RUNTIMES = ("ai-edge-litert", "tflite-runtime", "onnxruntime", "onnxruntime-gpu", "openvino", "tensorflow")


@dataclass(frozen=True, slots=True)
class EnvironmentInfo:
    """A machine and what runs on it.

    Attributes:
        board: What the board or processor calls itself.
        machine: Architecture, such as ``aarch64``.
        cpus: Number of processors this process may use.
        system: Operating system and kernel.
        python: Version.
        packages: Versions by name, of this package, what it stands on, and the runtimes that are installed.
        cpu: Name of the processor, or of its cores on ARM; empty where the system does not tell.
        isa: What it has of :data:`fcn_edge.machine.processor.INFERENCE_SETS`.
        quota_cpus: Processor time that a container or service allows, in processors; None where there is no limit.
        mixed_cores: Some of the processors this process may use are slower than others.
    """

    board: str
    machine: str
    cpus: int
    system: str
    python: str
    packages: dict[str, str]
    cpu: str = ""
    isa: tuple[str, ...] = ()
    quota_cpus: float | None = None
    mixed_cores: bool = False


def find_environment(root: Path = ROOT) -> EnvironmentInfo:
    """Tell where this process runs.

    Args:
        root: Of the file system in which ``proc`` and ``sys`` lie.
    """
    cpu = cpu_name(root)
    return EnvironmentInfo(
        board=board_model(root) or cpu or platform.processor() or "unknown",
        machine=platform.machine(),
        cpus=len(allowed_cpus()),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages={
            "fcn-edge": fcn_edge.__version__,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
            **installed(_RUNTIMES),
        },
        cpu=cpu or "",
        isa=instruction_sets(root),
        quota_cpus=quota_cpus(root),
        mixed_cores=fast_cluster(root=root) is not None,
    )


def installed(packages: tuple[str, ...]) -> dict[str, str]:
    """Give the versions of those *packages* that are installed, without importing them."""
    found = {}
    for name in packages:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = version
    return found
