"""How much memory this process takes."""

from __future__ import annotations

import re
from pathlib import Path

_STATUS = Path("/proc/self/status")
_KB = 1024
_MB = 1_000_000


def resident_and_peak_mb(path: Path = _STATUS) -> tuple[float, float] | None:
    """Give the memory of this process that is in RAM, now and at most so far, in MB of 1,000,000 bytes.

    Args:
        path: Where the kernel tells.

    Returns:
        None where the system does not tell: only Linux does.
    """
    try:
        found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", path.read_text(encoding="ascii"), re.MULTILINE))
    except (OSError, ValueError):
        return None
    if len(found) < 2:  # noqa: PLR2004 - now and at most
        return None
    return int(found["VmRSS"]) * _KB / _MB, int(found["VmHWM"]) * _KB / _MB
