"""Memory and swap."""

from __future__ import annotations

from collections.abc import Iterator

from fcn_edge.doctor.finding import Finding, Level
from fcn_edge.doctor.host import Host
from fcn_edge.machine.kernel import field, read_text

_KB = 1024
_MB = 1_000_000
# A camera with LiteRT stays under the first; with less than the second the kernel ends programs.
_CAMERA_MB = 200
_LEAST_MB = 80
# Below this a board without swap has nothing to fall back on when something else grows.
_SMALL_MB = 1_100
_CLOSE = "end other programs, a desktop first: sudo systemctl set-default multi-user.target"


def check(host: Host) -> Iterator[Finding]:
    """Look at what is free."""
    text = read_text(host.root / "proc/meminfo")
    total, free, swap = (_mb(text, name) for name in ("memtotal", "memavailable", "swaptotal"))
    if free is None:
        return
    found = f"{free:,.0f} MB free" + ("" if total is None else f" of {total:,.0f}")
    if free < _CAMERA_MB:
        level: Level = "fault" if free < _LEAST_MB else "warning"
        yield Finding("memory", level, f"{found}; a camera takes up to {_CAMERA_MB}", advice=_CLOSE)
    else:
        yield Finding("memory", "ok", f"{found}, {'no' if not swap else f'{swap:,.0f} MB'} swap")
    if not swap and total is not None and total < _SMALL_MB:
        advice = "make some, compressed in memory: sudo apt install zram-tools"
        yield Finding("no_swap", "note", "a small board without swap: what runs out of memory is ended", advice=advice)


def _mb(text: str | None, name: str) -> float | None:
    # MemAvailable:    7654321 kB
    number = (field(text, [name]) or "").partition(" ")[0]
    return int(number) * _KB / _MB if number.isdigit() else None
