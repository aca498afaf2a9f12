"""Machines to examine: a healthy one, and ways to make others of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from machines import FakeTools

from fcn_edge.doctor.asking import Answer
from fcn_edge.doctor.finding import Finding
from fcn_edge.doctor.host import Host, PythonInfo, UserInfo

PYTHON = PythonInfo((3, 11, 2), 64, virtual=True, system_packages=True, externally_managed=False)
OPENCV = {"version": "5.0.0", "path": "/venv/lib/python3.11/site-packages/cv2", "gstreamer": False, "ffmpeg": True}
RAN = {"runtime": "litert", "version": "2.3.0", "load_ms": 90.0, "first_ms": 9.0, "last_ms": 6.2, "delegation": None}


def make_host(root: Path, **changes: Any) -> Host:
    """A 64-bit machine with LiteRT and OpenCV on which everything is as it should be, but for *changes*."""
    host = Host(
        root=root,
        run=FakeTools({"timedatectl show --property=NTPSynchronized --value": "yes\n"}),
        environ={"HOME": "/home/pi"},
        python=PYTHON,
        machine="aarch64",
        packages={"numpy": "2.4.6", "opencv-python": "5.0.0.93", "ai-edge-litert": "2.3.0"},
        importable=lambda module: module in ("numpy", "cv2", "ai_edge_litert"),
        user=UserInfo("pi", frozenset({"pi", "video"})),
        can_open=lambda device: True,
        query_video=lambda device: None,
        free_bytes=lambda folder: 20_000_000_000,
        writable=lambda folder: True,
        folder=Path("/home/pi/films"),
        cache=Path("/home/pi/.cache/fcn-edge"),
        year=2026,
        backends=Answer(({"backend": "litert", "formats": ["tflite"], "available": True},)),
        opencv=Answer((OPENCV, {"no_window": None})),
        trials={"litert": Answer(({"file": "people.int8.tflite", **RAN},))},
    )
    return dataclasses.replace(host, **changes)


def with_packages(root: Path, **versions: str | None) -> Host:
    """Of a healthy machine's packages add some, or take those away whose version is None; _ stands for -."""
    host = make_host(root)
    changed = {**host.packages, **{name.replace("_", "-"): version for name, version in versions.items()}}
    return dataclasses.replace(host, packages={name: version for name, version in changed.items() if version})


def by_code(findings: Iterator[Finding]) -> dict[str, Finding]:
    """Findings by their codes, of which none may come twice."""
    listed = list(findings)
    found = {finding.code: finding for finding in listed}
    assert len(found) == len(listed), listed
    return found
