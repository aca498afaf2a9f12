"""The small text files in which the Linux kernel tells of the machine; on other systems there are none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path("/")
CPUS = "sys/devices/system/cpu"


def read_text(path: Path) -> str | None:
    """Read a file, without the white space and null bytes around it; None where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \t\n")
    except OSError:
        # Absent, forbidden, or a sensor that is switched off and answers with an error.
        return None


def read_number(path: Path) -> int | None:
    """Read a whole number; None where there is none."""
    try:
        return int(read_text(path) or "")
    except ValueError:
        return None


def find(folder: Path, pattern: str) -> list[Path]:
    """List what matches *pattern*, with the numbers in the names in order: ``cpu2`` before ``cpu10``."""
    try:
        return sorted(folder.glob(pattern), key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))])
    except OSError:
        return []


def field(text: str | None, names: Iterable[str]) -> str | None:
    """Give the value of the first line ``name : value`` whose name, whatever its case, is one of *names*."""
    wanted = set(names)
    for line in (text or "").splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip().lower() in wanted:
            return value.strip()
    return None


def board_model(root: Path = ROOT) -> str | None:
    """Give what the board calls itself, as ``Raspberry Pi 5 Model B Rev 1.0``; None where there is no device tree."""
    return read_text(root / "proc/device-tree/model") or None
