"""What plots share: an area that stretches with the page, round dots in it, and the values under it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from fcn_edge.measure.report.axis import Axis, tick_text
from fcn_edge.measure.report.svg import series_class

# Of the stretched area: wide enough that whole numbers place a dot.
WIDTH = 1000
_AXIS_PX = 18


def plot_svg(content: Sequence[str], height: int, label: str, over: Sequence[str] = ()) -> str:
    """Draw *content*, whose x runs from 0 to 1000 over the width and whose y is pixels; *over* is not stretched."""
    area = f'<svg viewBox="0 0 {WIDTH} {height}" preserveAspectRatio="none" width="100%" height="{height}">'
    opened = f'<svg class="chart plot" width="100%" height="{height}" role="img" aria-label="{escape(label)}">'
    return "\n".join([opened, area, *content, "</svg>", *over, "</svg>"])


def dots_svg(places: Iterable[tuple[float, float]], index: int, *, large: bool = False) -> str:
    """Draw dots of a series at (x 0..1, y pixels): lines of no length, whose ends stay round."""
    path = "".join(f"M{WIDTH * x:.0f} {y:.0f}h0" for x, y in places)
    return f'<path class="{"dots large" if large else "dots"} {series_class(index)}" d="{path}"/>'


def line_svg(places: Iterable[tuple[float, float]], index: int) -> str:
    """Draw a line of a series through (x 0..1, y pixels)."""
    path = " ".join(f"{WIDTH * x:.0f},{y:.0f}" for x, y in places)
    return f'<polyline class="line {series_class(index)}" points="{path}"/>'


def upright_svg(x: float, height: int, kind: str) -> str:
    """Draw an upright line over the whole height at x 0..1; *kind* is a class of the page's style."""
    return f'<path class="{kind}" d="M{WIDTH * x:.0f} 0v{height}"/>'


def grid_svg(axis: Axis, height: int) -> list[str]:
    """Draw an upright line at each round value."""
    return [upright_svg(axis.at(value), height, "grid") for value in axis.ticks()]


def axis_svg(axis: Axis, unit: str) -> str:
    """Write the round values of a horizontal axis and its unit at the last of them."""
    ticks = axis.ticks()
    texts = [
        f'<text class="tick" x="{100 * axis.at(value):.2f}%" y="13">{tick_text(value)}'
        f"{' ' + escape(unit) if value == ticks[-1] and unit else ''}</text>"
        for value in ticks
    ]
    return "\n".join([f'<svg class="chart" width="100%" height="{_AXIS_PX}" aria-hidden="true">', *texts, "</svg>"])
