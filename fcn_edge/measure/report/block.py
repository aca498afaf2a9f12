"""What a report is made of, before it is HTML or Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Tone = Literal["good", "bad", "plain"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A sentence that a person should read first."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        head: One heading per column.
        rows: Cells as text.
        align: One letter per column: ``l`` left, ``r`` right, ``t`` for text that wraps.
        caption: Above it.
        detail: Left out of the Markdown, which is the short form.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    caption: str = ""
    detail: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: *share* of the full width, 0..1, None for no value; *text* is written at its end."""

    share: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars in groups: for each group's name one bar of every series."""

    caption: str
    series: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Bar, ...]], ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """One bar made of parts that add up: name, amount, and the amount as text."""

    caption: str
    parts: tuple[tuple[str, float, str], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture file and what it shows."""

    path: Path
    caption: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Pairs of a name and a value."""

    pairs: tuple[tuple[str, str], ...]


Block = Paragraph | Table | Bars | Stack | Picture | Facts


@dataclass(frozen=True, slots=True)
class Section:
    """One result file on the page: its verdicts go to the top, its blocks under its title."""

    title: str
    source: str
    verdicts: tuple[Verdict, ...]
    blocks: tuple[Block, ...]
