"""Series over time, one panel for each unit, with the borders of what began anew."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from fcn_edge.measure.report.axis import Axis, axis_around, tick_text
from fcn_edge.measure.report.block import Timeline, Trace
from fcn_edge.measure.report.svg_plot import WIDTH, axis_svg, dots_svg, grid_svg, line_svg, plot_svg, upright_svg

_FIRST_PX, _NEXT_PX = 200, 74
# Above the values, for what the panel shows; below, so that the next one does not touch; at the left, for figures.
_TOP_PX, _BOTTOM_PX = 18, 8
_LEFT = 0.09
# The first panel's series have the colours of the legend; what follows is the machine's, in colours of its own.
_MACHINE = (5, 6)


def timeline_html(block: Timeline) -> str:
    """Draw the panels above each other on one axis of seconds."""
    last = max(block.seconds[-1], 1e-3)
    seconds = Axis(-_LEFT * last, last, log=False, first=0.0)
    parts = []
    for number, (unit, traces) in enumerate(block.panels):
        parts.append(_panel(block, seconds, unit, traces, number))
    return "\n".join([*parts, axis_svg(seconds, "s")])


def _panel(block: Timeline, seconds: Axis, unit: str, traces: tuple[Trace, ...], number: int) -> str:
    height = _NEXT_PX if number else _FIRST_PX
    axis = axis_around(value for trace in traces for value in trace.values if value is not None)
    parts = [*grid_svg(seconds, height), f'<path class="frame" d="M0 {height}H{WIDTH}"/>']
    parts += [upright_svg(seconds.at(border), height, "border") for border in block.borders]
    for index, trace in enumerate(traces):
        places = [
            (seconds.at(at), _y(axis, value, height))
            for at, value in zip(block.seconds, trace.values, strict=True)
            if value is not None
        ]
        if number:
            parts.append(line_svg(places, _MACHINE[(number - 1) % 2]))
        else:
            parts.append(dots_svg(places, index))
    label = f"{block.caption}: {', '.join(trace.name for trace in traces)}, {unit}"
    name = unit if number == 0 else f"{traces[0].name}, {unit}"
    if axis.log:
        name += ", logarithmic"
    return plot_svg(parts, height, label, over=list(_values(axis, height, name, few=number > 0)))


def _y(axis: Axis, value: float, height: int) -> float:
    return _TOP_PX + (1 - axis.at(value)) * (height - _TOP_PX - _BOTTOM_PX)


def _values(axis: Axis, height: int, name: str, *, few: bool) -> Iterator[str]:
    """Write the round values of the upright axis into the panel, and what it shows at its top."""
    ticks = axis.ticks()
    for value in ticks[:: max(1, len(ticks) - 1)] if few else ticks:
        yield f'<text class="value" x="0" y="{_y(axis, value, height) + 4:.0f}">{tick_text(value)}</text>'
    yield f'<text class="unit" x="100%" y="11">{escape(name)}</text>'
