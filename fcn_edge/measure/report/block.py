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
        align: One letter per column: ``l`` left, ``r`` right, ``t`` for text that wraps, ``w`` for words that do.
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


@dataclass(frozen=True, slots=True)
class Heading:
    """A title of a part of the section."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know and what to do about it: a name, what was seen, and a way to mend it."""

    name: str
    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Notes:
    """Notes under a caption; they are in the Markdown too."""

    caption: str
    items: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """One row of a distribution: its name, every value, and the figures as text."""

    name: str
    values: tuple[float, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """Values of several series, each as dots with a box from the first quartile to the third and the median in it."""

    caption: str
    unit: str
    rows: tuple[Spread, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """One row of intervals: its name, its value, the interval's ends (None: unknown), and the figures as text.

    ``control`` marks a row that shows what a difference is worth rather than one.
    """

    name: str
    value: float
    ends: tuple[float, float] | None
    text: str
    control: bool = False


@dataclass(frozen=True, slots=True)
class Intervals:
    """Ratios with their intervals around 1, and the *limit* they are held against, if any."""

    caption: str
    rows: tuple[Span, ...]
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A series over time: its name and its values, one for each time of the chart; None where unknown."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Series over time, above each other where their units differ.

    Attributes:
        caption: Above it.
        seconds: The times, in rising order.
        borders: Times where something began anew.
        panels: For each its unit and its series.
    """

    caption: str
    seconds: tuple[float, ...]
    borders: tuple[float, ...]
    panels: tuple[tuple[str, tuple[Trace, ...]], ...]


Block = Paragraph | Heading | Notes | Table | Bars | Stack | Distribution | Intervals | Timeline | Picture | Facts


@dataclass(frozen=True, slots=True)
class Section:
    """One result file on the page: its verdicts go to the top, its blocks under its title."""

    title: str
    source: str
    verdicts: tuple[Verdict, ...]
    blocks: tuple[Block, ...]
