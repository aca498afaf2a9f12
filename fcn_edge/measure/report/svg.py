"""Charts as inline SVG: no script, no network; colours come from the page's style.

Widths are percentages and heights pixels, so that a chart fills a wide page and stays legible on a narrow one.
"""

from __future__ import annotations

from html import escape

from fcn_edge.measure.report.block import Bars, Stack

SERIES_COLORS = 8

_BAR_PX = 14
_GAP_PX = 4
_NAME_PX = 22
_GROUP_GAP_PX = 10
# Room at the right of the longest bar for its figure.
_FULL_PERCENT = 84.0
_STACK_PX = 26
_THIN_PX = 8


def bars_svg(bars: Bars) -> str:
    """Draw groups of horizontal bars that all start at zero."""
    parts: list[str] = []
    y = 0
    for name, values in bars.groups:
        parts.append(f'<text class="name" x="0" y="{y + 15}">{escape(name)}</text>')
        y += _NAME_PX
        for index, bar in enumerate(values):
            width = (bar.share or 0.0) * _FULL_PERCENT
            label = escape(f"{name}, {bars.series[index]}: {bar.text}")
            box = f'y="{y}" height="{_BAR_PX}" rx="2"'
            parts.append(
                f'<g><title>{label}</title><rect class="track" {box} width="{_FULL_PERCENT}%"/>'
                f'<rect class="{series_class(index)}" {box} width="{width:.3f}%"/>'
                f'<text x="{_FULL_PERCENT}%" dx="8" y="{y + 12}">{escape(bar.text)}</text></g>'
            )
            y += _BAR_PX + _GAP_PX
        y += _GROUP_GAP_PX
    return _svg(parts, y, bars.caption)


def single_bars_html(bars: Bars) -> str:
    """Draw the bars of one series, whose names and figures are as long as they like and wrap."""
    rows = []
    for name, (bar,) in bars.groups:
        width, box = 100 * (bar.share or 0.0), f'height="{_THIN_PX}" rx="2"'
        drawn = [f'<rect class="track" {box} width="100%"/>', f'<rect class="s0" {box} width="{width:.2f}%"/>']
        rows += [row_html(name, bar.text), _svg(drawn, _THIN_PX, f"{name}: {bar.text}")]
    return "\n".join(rows)


def row_html(name: str, text: str) -> str:
    """Write the name of a row and its figures, which wrap where the page is narrow."""
    return f'<div class="row"><b>{escape(name)}</b> <span>{escape(text)}</span></div>'


def stack_svg(stack: Stack) -> str:
    """Draw one horizontal bar of parts that add up to its full width."""
    total = sum(amount for _, amount, _ in stack.parts) or 1.0
    parts: list[str] = []
    x = 0.0
    for index, (name, amount, text) in enumerate(stack.parts):
        width = 100 * amount / total
        parts.append(
            f"<g><title>{escape(f'{name}: {text}')}</title>"
            f'<rect class="{series_class(index)}" x="{x:.3f}%" width="{width:.3f}%" height="{_STACK_PX}"/></g>'
        )
        x += width
    return _svg(parts, _STACK_PX, stack.caption)


def legend_html(entries: tuple[str, ...]) -> str:
    """List the series with their colours, as HTML that wraps."""
    items = (f'<li><i class="{series_class(i)}"></i>{escape(entry)}</li>' for i, entry in enumerate(entries))
    return f'<ul class="legend">{"".join(items)}</ul>'


def series_class(index: int) -> str:
    """Give the class of a series, which the page's style colours."""
    return f"s{index % SERIES_COLORS}"


def _svg(parts: list[str], height: int, label: str) -> str:
    opened = f'<svg class="chart" width="100%" height="{height}" role="img" aria-label="{escape(label)}">'
    return "\n".join([opened, *parts, "</svg>"])
