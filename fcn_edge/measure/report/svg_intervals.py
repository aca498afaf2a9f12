"""Ratios with their intervals, one under the other, around the line of no difference."""

from __future__ import annotations

from fcn_edge.measure.report.axis import Axis, axis_around
from fcn_edge.measure.report.block import Intervals, Span
from fcn_edge.measure.report.svg import row_html
from fcn_edge.measure.report.svg_plot import WIDTH, axis_svg, dots_svg, grid_svg, plot_svg, upright_svg

_ROW_PX = 24
_END_PX = 5
_CANDIDATE, _CONTROL = 0, 6


def intervals_html(block: Intervals) -> str:
    """Draw the rows on one logarithmic axis, on which half and twice the time are equally far from 1."""
    values = [value for row in block.rows for value in (row.value, *(row.ends or ()))]
    limits = [] if block.limit is None else [block.limit]
    axis = axis_around([*values, *limits, 1.0], log=True)
    rows = (f"{row_html(row.name, row.text)}\n{_row(row, axis, block)}" for row in block.rows)
    return "\n".join([*rows, axis_svg(axis, "")])


def _row(row: Span, axis: Axis, block: Intervals) -> str:
    index, middle = (_CONTROL if row.control else _CANDIDATE), _ROW_PX // 2
    parts = [*grid_svg(axis, _ROW_PX), upright_svg(axis.at(1.0), _ROW_PX, "one")]
    if block.limit is not None:
        parts.append(upright_svg(axis.at(block.limit), _ROW_PX, "limit"))
    if row.ends is not None:
        low, high = (WIDTH * axis.at(end) for end in row.ends)
        top, bottom = middle - _END_PX, middle + _END_PX
        ends = f"M{low:.0f} {middle}H{high:.0f}M{low:.0f} {top}V{bottom}M{high:.0f} {top}V{bottom}"
        parts.append(f'<path class="line s{index}" d="{ends}"/>')
    parts.append(dots_svg([(axis.at(row.value), middle)], index, large=True))
    return plot_svg(parts, _ROW_PX, f"{block.caption}: {row.name}, {row.text}")
