"""Space where recordings and caches go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fcn_edge.doctor.finding import Finding
from fcn_edge.doctor.host import Host

_GB = 1_000_000_000
# An hour of MJPEG at 640x480 and 30 frames a second takes a few GB.
_LITTLE_GB = 2.0
_LEAST_GB = 0.1


def check(host: Host) -> Iterator[Finding]:
    """Look at the current folder and the cache."""
    for what, code, folder in (("recordings", "disk", host.folder), ("caches", "cache", host.cache)):
        yield from _place(host, what, code, folder)


def _place(host: Host, what: str, code: str, folder: Path) -> Iterator[Finding]:
    where = f"{_shorten(host, folder)} ({what})"
    if not host.writable(folder):
        advice = "go to a folder of your own, or name one: --record FOLDER/film.mkv"
        yield Finding(f"{code}_forbidden", "warning", f"{where} may not be written to", advice=advice)
        return
    free = host.free_bytes(folder)
    if free is None:
        return
    text = f"{free / _GB:.1f} GB free in {where}"
    if free < _LEAST_GB * _GB:
        yield Finding(code, "warning", text, command="sudo apt clean && sudo journalctl --vacuum-size=50M")
    elif what == "recordings" and free < _LITTLE_GB * _GB:
        yield Finding(
            code, "note", text, advice="limit recordings, or record to a USB disk: --record /media/…/film.mkv"
        )
    else:
        yield Finding(code, "ok", text)


def _shorten(host: Host, folder: Path) -> str:
    home = host.environ.get("HOME", "")
    text = str(folder)
    return f"~{text[len(home) :]}" if len(home) > 1 and text.startswith(f"{home}/") else text
