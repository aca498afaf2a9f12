"""A report as one HTML page that needs no other file and no network."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import fcn_edge
from fcn_edge.measure.report.block import (
    Bars,
    Block,
    Distribution,
    Facts,
    Heading,
    Intervals,
    Notes,
    Paragraph,
    Picture,
    Section,
    Stack,
    Table,
    Timeline,
    Verdict,
)
from fcn_edge.measure.report.svg import bars_svg, legend_html, single_bars_html, stack_svg
from fcn_edge.measure.report.svg_distribution import distribution_html
from fcn_edge.measure.report.svg_intervals import intervals_html
from fcn_edge.measure.report.svg_timeline import timeline_html

_PAGE = Path(__file__).with_name("page.html")
_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
_MARK = {"good": "✓", "bad": "✗", "plain": "•"}


def render_html(sections: Sequence[Section], *, title: str) -> str:
    """Make the page; pictures are read and put into it.

    Args:
        sections: In the order of the page; all their verdicts stand first.
        title: Of the page.
    """
    verdicts = [verdict for section in sections for verdict in section.verdicts]
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        title=escape(title),
        verdicts="\n".join(_verdict(verdict) for verdict in verdicts),
        sections="\n".join(_section(section) for section in sections),
        footer=escape(f"fcn-edge {fcn_edge.__version__}, from {', '.join(s.source for s in sections)}"),
    )


def _verdict(verdict: Verdict) -> str:
    mark = f'<span class="mark" aria-hidden="true">{_MARK[verdict.tone]}</span>'
    return f'<li class="{verdict.tone}">{mark}<span>{escape(verdict.text)}</span></li>'


def _section(section: Section) -> str:
    head = f"<section>\n<h2>{escape(section.title)} <small>{escape(section.source)}</small></h2>"
    return "\n".join([head, *(_block(block) for block in section.blocks), "</section>"])


def _block(block: Block) -> str:
    return _RENDERERS[type(block)](block)


def _paragraph(block: Paragraph) -> str:
    return f"<p>{escape(block.text)}</p>"


def _heading(block: Heading) -> str:
    return f"<h3>{escape(block.text)}</h3>"


def _notes(block: Notes) -> str:
    items = "\n".join(
        f"<li><b>{escape(note.name)}</b> {escape(note.text)}"
        f"{f'<span>{escape(note.hint)}</span>' if note.hint else ''}</li>"
        for note in block.items
    )
    return f'<h4>{escape(block.caption)}</h4>\n<ul class="notes">\n{items}\n</ul>'


def _table(block: Table) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        parts = (f'<{tag} class="{a}">{escape(c)}</{tag}>' for c, a in zip(cells, block.align, strict=True))
        return f"<tr>{''.join(parts)}</tr>"

    # Not inside the table, which may be wider than a narrow page and scrolls.
    caption = f"<h4>{escape(block.caption)}</h4>\n" if block.caption else ""
    body = "\n".join(row(cells, "td") for cells in block.rows)
    head = row(block.head, "th")
    return f'{caption}<div class="wide"><table>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _bars(block: Bars) -> str:
    if len(block.series) == 1:
        return f"<figure><figcaption>{escape(block.caption)}</figcaption>\n{single_bars_html(block)}</figure>"
    legend = legend_html(block.series)
    return f"<figure><figcaption>{escape(block.caption)}</figcaption>{legend}\n{bars_svg(block)}</figure>"


def _stack(block: Stack) -> str:
    legend = legend_html(tuple(f"{name} {text}" for name, _, text in block.parts))
    return f"<figure><figcaption>{escape(block.caption)}</figcaption>\n{stack_svg(block)}\n{legend}</figure>"


def _distribution(block: Distribution) -> str:
    return f"<figure>{distribution_html(block)}</figure>"


def _intervals(block: Intervals) -> str:
    return f"<figure><figcaption>{escape(block.caption)}</figcaption>\n{intervals_html(block)}</figure>"


def _timeline(block: Timeline) -> str:
    legend = legend_html(tuple(trace.name for trace in block.panels[0][1]))
    return f"<figure><figcaption>{escape(block.caption)}</figcaption>{legend}\n{timeline_html(block)}</figure>"


def _picture(block: Picture) -> str:
    kind = _TYPES.get(block.path.suffix.lower(), "image/png")
    data = base64.b64encode(block.path.read_bytes()).decode()
    caption = escape(block.caption)
    return f'<figure class="picture"><img alt="{caption}" src="data:{kind};base64,{data}"></figure>'


def _facts(block: Facts) -> str:
    if not block.pairs:
        return ""
    pairs = "\n".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in block.pairs)
    return f"<dl>\n{pairs}\n</dl>"


_RENDERERS: dict[type, Callable[[Any], str]] = {
    Paragraph: _paragraph,
    Heading: _heading,
    Notes: _notes,
    Table: _table,
    Bars: _bars,
    Stack: _stack,
    Distribution: _distribution,
    Intervals: _intervals,
    Timeline: _timeline,
    Picture: _picture,
    Facts: _facts,
}
