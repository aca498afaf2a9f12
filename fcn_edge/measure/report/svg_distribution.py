"""Distributions as dots with a box: every value, the middle half, the median."""

from __future__ import annotations

from html import escape

import numpy as np

from fcn_edge.measure.report.axis import Axis, axis_around
from fcn_edge.measure.report.block import Distribution, Spread
from fcn_edge.measure.report.svg import row_html, series_class
from fcn_edge.measure.report.svg_plot import WIDTH, axis_svg, dots_svg, grid_svg, plot_svg

_ROW_PX = 40
_BOX_PX = 18
# More dots than this are a blot: of more values, evenly spaced ranks are drawn, the ends among them.
_MOST_DOTS = 240
_GOLDEN = 0.6180339887


def distribution_html(block: Distribution) -> str:
    """Draw the rows on one axis, which is logarithmic where the values are wide apart; its caption says so."""
    axis = axis_around(value for row in block.rows for value in row.values)
    caption = f"{block.caption}; logarithmic" if axis.log else block.caption
    rows = [f"{row_html(row.name, row.text)}\n{_row(row, index, axis, block)}" for index, row in enumerate(block.rows)]
    return "\n".join([f"<figcaption>{escape(caption)}</figcaption>", *rows, axis_svg(axis, block.unit)])


def _row(row: Spread, index: int, axis: Axis, block: Distribution) -> str:
    values = np.sort(np.asarray(row.values, np.float64))
    if len(values) > _MOST_DOTS:
        values = values[np.linspace(0, len(values) - 1, _MOST_DOTS).round().astype(int)]
    # Multiples of the golden ratio spread the dots over the height without a pattern.
    heights = ((_GOLDEN * rank) % 1.0 * (_ROW_PX - 8) + 4 for rank in range(len(values)))
    dots = dots_svg(zip(map(axis.at, values.tolist()), heights, strict=True), index)
    low, middle, high = (WIDTH * axis.at(float(v)) for v in np.quantile(row.values, (0.25, 0.5, 0.75)))
    top = (_ROW_PX - _BOX_PX) // 2
    box = (
        f'<rect class="box {series_class(index)}" x="{low:.0f}" y="{top}" width="{max(1.0, high - low):.0f}" '
        f'height="{_BOX_PX}"/><path class="median" d="M{middle:.0f} {top - 4}v{_BOX_PX + 8}"/>'
    )
    label = f"{block.caption}: {row.name}, {row.text}"
    return plot_svg([*grid_svg(axis, _ROW_PX), dots, box], _ROW_PX, label)
