"""A report in short, as Markdown for a step summary."""

from __future__ import annotations

from collections.abc import Sequence

from fcn_edge.measure.report.block import Heading, Notes, Section, Table

_MARK = {"good": "✅", "bad": "❌", "plain": "•"}
# A step summary of GitHub takes 1,024 KiB; one byte more and nothing of it is shown.
MOST_BYTES = 1_000 * 1024
_CUT = "\n*Cut here: the rest does not fit into a step summary. The page that --html writes has everything.*\n"


def render_markdown(sections: Sequence[Section], *, title: str) -> str:
    """Make the Markdown: verdicts, then the tables that are not details and the notes.

    Ends with a newline; no longer than :data:`MOST_BYTES` of UTF-8, cut at the end of a line and saying so.
    """
    lines = [f"# {_plain(title)}", ""]
    for section in sections:
        lines += [f"- {_MARK[verdict.tone]} {_plain(verdict.text)}" for verdict in section.verdicts]
    for section in sections:
        lines += ["", f"## {_plain(section.title)}"]
        for block in section.blocks:
            if isinstance(block, Table) and not block.detail:
                lines += ["", *_table(block)]
            elif isinstance(block, Notes):
                lines += ["", *_notes(block)]
            elif isinstance(block, Heading):
                lines += ["", f"### {_plain(block.text)}"]
    return _fitting("\n".join(lines) + "\n")


def _fitting(text: str) -> str:
    data = text.encode()
    if len(data) < MOST_BYTES:
        return text
    kept = data[: MOST_BYTES - len(_CUT.encode()) - 1].decode(errors="ignore")
    return kept[: kept.rfind("\n") + 1] + _CUT


def _notes(notes: Notes) -> list[str]:
    items = [f"- **{_plain(note.name)}**: {_plain(f'{note.text} {note.hint}'.strip())}" for note in notes.items]
    return [f"**{_plain(notes.caption)}**", "", *items]


def _table(table: Table) -> list[str]:
    rule = ["---:" if letter == "r" else ":---" for letter in table.align]
    rows = [table.head, rule, *table.rows]
    caption = [f"**{_plain(table.caption)}**", ""] if table.caption else []
    return caption + [f"| {' | '.join(_plain(cell) if row is not rule else cell for cell in row)} |" for row in rows]


def _plain(text: str) -> str:
    """Escape what Markdown would read as markup, in names and messages of users."""
    for sign in "\\`*_|<>[]":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", " ")
