"""Intervals in words, the same in the terminal and in reports."""

from __future__ import annotations

from fcn_edge.measure.accuracy.detail import Interval


def with_interval(figure: str, interval: str) -> str:
    """Write a figure and, where there is one, its interval."""
    return f"{figure} {interval}" if interval else figure


def spread(interval: Interval | None) -> str:
    """Write half the width of an interval of shares (0..1) in percent; nothing for None."""
    return "" if interval is None else f"±{50 * (interval[1] - interval[0]):.2f}"


def loss_interval(interval: Interval | None) -> str:
    """Write an interval of lost points as signed changes, a loss negative like the figure; nothing for None."""
    return "" if interval is None else f"[{_signed(-interval[1])}, {_signed(-interval[0])}]"


def _signed(change: float) -> str:
    text = f"{change:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text
