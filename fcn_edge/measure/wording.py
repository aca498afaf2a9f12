"""Figures and findings in words, the same in the terminal and in reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NONE = "—"
# Two decimals round anything smaller to nothing.
_NOTHING_POINTS = 0.005
# Checks of a gate whose figure must not be smaller; those of times and of what was lost must not be larger.
_AT_LEAST = ("miou_kept", "agreement")
# Between processes that time the same file, which an interval over the blocks of a few processes does not hold.
_SESSION_SCATTER = 0.005
# Below, per cent read better than a factor.
_SMALL_FACTOR = 1.1


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


def spread(ends: Sequence[float] | None) -> str:
    """Write half the width of an interval of shares (0..1) in per cent; nothing for None."""
    return "" if ends is None else f"±{50 * (ends[1] - ends[0]):.2f}"


def points_interval(ends: Sequence[float] | None) -> str:
    """Write an interval of drops as signed changes like :func:`points`; nothing for None."""
    return "" if ends is None else f"[{points(ends[1])}, {points(ends[0])}]"


def flip_sentence(flip: Mapping[str, Any], flips: Sequence[Mapping[str, Any]]) -> str:
    """Tell how much of all *flips* one is."""
    return f"{100 * flip['pixels'] / sum(other['pixels'] for other in flips):.0f} %"


def milliseconds(value: float | None) -> str:
    """Write a time without its unit: two decimals from 1 ms on, three below; a dash for None."""
    if value is None:
        return NONE
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def interval(ends: Sequence[float] | None) -> str:
    """Write an interval of ratios; a dash for None."""
    return NONE if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


def difference(ratio: float, ends: Sequence[float] | None, *, control: float = 1.0) -> str:
    """Say what a ratio of times and its interval mean: how much faster or slower, if at all.

    Args:
        ratio: Candidate time / reference time.
        ends: Its interval; None where there are too few blocks for one.
        control: The ratio of two sessions of one file in the same run. What lies no further from 1 is no difference of
            the files; nor what lies within half a per cent, by which fresh processes differ.
    """
    if ends is None:
        return "too few blocks to say"
    slack = max(_SESSION_SCATTER, control - 1, 1 / control - 1)
    if ends[0] <= 1 + slack and ends[1] >= 1 / (1 + slack):
        return "no difference shown"
    factor = max(ratio, 1 / ratio)
    if factor < _SMALL_FACTOR:
        return f"{100 * (factor - 1):.1f} % {'faster' if ratio < 1 else 'slower'}"
    return f"{factor:.2f} times as {'fast' if ratio < 1 else 'slow'}"


def quantity(value: float | None, unit: str) -> str:
    """Write a figure of a check: a share as a percentage, a ratio with three decimals; a dash for None."""
    if value is None:
        return NONE
    if unit == "share":
        return f"{percent(value)} %"
    if unit == "ratio":
        return f"{value:.3f}"
    if unit == "ms":
        return f"{milliseconds(value)} ms"
    # Not -0.00.
    return f"{0.0 if abs(value) < _NOTHING_POINTS else value:.2f} {unit}".rstrip()


def quantity_interval(ends: Sequence[float] | None, unit: str) -> str:
    """Write the interval of a figure of a check, the unit once; a dash for None."""
    if ends is None:
        return NONE
    low, high = (quantity(end, unit) for end in ends)
    sign = f" {'%' if unit == 'share' else unit}"
    return f"{low.removesuffix(sign)} to {high}"


def limit_of_check(name: str, limit: float | None, unit: str) -> str:
    """Write the limit of a gate's check and on which side of it is good; a dash for None."""
    if limit is None:
        return NONE
    return f"at {'least' if name in _AT_LEAST else 'most'} {quantity(limit, unit)}"


def as_sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith((".", "!", "?")) else ".")
