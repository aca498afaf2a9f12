"""Figures and findings in words, the same in the terminal and in reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NONE = "—"
# Two decimals round anything smaller to nothing.
_NOTHING_POINTS = 0.005


def percent(share: float | None) -> str:
    """Write 0..1 as a percentage without its sign; 100.00 only for exactly all, a dash for None."""
    if share is None:
        return NONE
    text = f"{100 * share:.2f}"
    return ">99.99" if text == "100.00" and share < 1 else text


def size(size_bytes: int) -> str:
    """Write a file size, with 1 MB as 1,000,000 bytes."""
    megabytes = size_bytes / 1e6
    return f"{megabytes:.1f} MB" if megabytes >= 1 else f"{size_bytes / 1e3:.0f} kB"


def drop_sentence(drop_points: float) -> str:
    """Continue a sentence whose subject is a model: what it lost, in points of mIoU."""
    if abs(drop_points) < _NOTHING_POINTS:
        return "loses nothing of mIoU"
    return f"{'loses' if drop_points > 0 else 'gains'} {abs(drop_points):.2f} points of mIoU"


def points(drop_points: float | None) -> str:
    """Write a drop as a signed change: a loss is negative; a dash for None."""
    if drop_points is None:
        return NONE
    return "0.00" if abs(drop_points) < _NOTHING_POINTS else f"{-drop_points:+.2f}"


def flip_sentence(flip: Mapping[str, Any], flips: Sequence[Mapping[str, Any]]) -> str:
    """Tell how much of all *flips* one is."""
    return f"{100 * flip['pixels'] / sum(other['pixels'] for other in flips):.0f} %"
