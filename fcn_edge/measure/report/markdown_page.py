"""A report in short, as Markdown for a step summary."""

from __future__ import annotations

from collections.abc import Sequence

from fcn_edge.measure.report.block import Section, Table

_MARK = {"good": "✅", "bad": "❌", "plain": "•"}


def render_markdown(sections: Sequence[Section], *, title: str) -> str:
    """Make the Markdown: verdicts, then the tables that are not details. Ends with a newline."""
    lines = [f"# {_plain(title)}", ""]
    for section in sections:
        lines += [f"- {_MARK[verdict.tone]} {_plain(verdict.text)}" for verdict in section.verdicts]
    for section in sections:
        lines += ["", f"## {_plain(section.title)}"]
        for block in section.blocks:
            if isinstance(block, Table) and not block.detail:
                lines += ["", *_table(block)]
    return "\n".join(lines) + "\n"


def _table(table: Table) -> list[str]:
    rule = ["---:" if letter == "r" else ":---" for letter in table.align]
    rows = [table.head, rule, *table.rows]
    return [f"| {' | '.join(_plain(cell) if row is not rule else cell for cell in row)} |" for row in rows]


def _plain(text: str) -> str:
    """Escape what Markdown would read as markup, in names and messages of users."""
    for sign in "\\`*_|<>[]":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", " ")
