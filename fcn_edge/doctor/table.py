"""The examination for people: a line for each finding, and below it how to mend it."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from fcn_edge.doctor.finding import DoctorReport, Finding, Level

_WIDTH = 80
_WIDEST = 110
_COLOURS: dict[Level, str] = {"ok": "32", "note": "36", "warning": "33", "fault": "1;31"}
_LEVEL_WIDTH = len("warning")
# What a command may be broken at: spaces outside quotes.
_WORD = re.compile(r"""(?:"[^"]*"|'[^']*'|\S)+""")


def render(report: DoctorReport, *, verbose: bool = False, colour: bool = False, width: int = _WIDTH) -> str:
    """Give the text; no newline at the end.

    Args:
        report: What was found.
        verbose: List everything that has not yet been run on hardware, not only what is here.
        colour: Colour the levels, for a terminal.
        width: Columns to stay within. A single word that is longer, such as a path, stays whole.
    """
    lines = [_head(report.machine), ""]
    column = max((len(section.name) for section in report.sections), default=0)
    for section in report.sections:
        for finding in section.findings:
            lines += _finding(finding, section.name.ljust(column), colour=colour, width=width)
    lines += ["", *_unproven(report, verbose=verbose, width=width), _summary(report)]
    return "\n".join(lines)


def wants_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether *stream* is a terminal whose user has nothing against colour (no-color.org)."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def width_of(stream: TextIO) -> int:
    """Give the columns of a terminal, up to what is readable; 80 elsewhere."""
    return min(shutil.get_terminal_size((_WIDTH, 24)).columns, _WIDEST) if stream.isatty() else _WIDTH


def _head(machine: Mapping[str, Any]) -> str:
    packages = machine.get("packages", {})
    facts = [machine.get("board"), machine.get("machine"), machine.get("system"), f"Python {machine.get('python')}"]
    return f"fcn-edge {packages.get('fcn-edge', '')} on " + ", ".join(str(fact) for fact in facts if fact)


def _finding(finding: Finding, section: str, *, colour: bool, width: int) -> Iterator[str]:
    level = finding.level.ljust(_LEVEL_WIDTH)
    shown = f"\033[{_COLOURS[finding.level]}m{level}\033[0m" if colour else level
    indent = " " * (_LEVEL_WIDTH + 2 + len(section) + 2)
    room = max(width - len(indent), 20)
    first, *rest = _wrapped(finding.text, room)
    yield f"{shown}  {section}  {first}"
    yield from (indent + line for line in rest)
    if finding.command is not None:
        yield from (indent + line for line in _command(finding.command, room))
    elif finding.advice is not None and finding.level != "ok":
        begin, *more = _wrapped(finding.advice, room - 2)
        yield f"{indent}> {begin}"
        yield from (f"{indent}  {line}" for line in more)


def _wrapped(text: str, room: int) -> list[str]:
    # Paths and options are not broken, so that they can be copied.
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def _command(command: str, room: int) -> Iterator[str]:
    """Break a command into lines that a shell reads as one."""
    line = "$"
    for word in _WORD.findall(command):
        # Two columns stay for the backslash.
        if len(line) + 1 + len(word) > room - 2 and line not in ("$", "   "):
            yield f"{line} \\"
            line = "   "
        line += f" {word}"
    yield line


def _unproven(report: DoctorReport, *, verbose: bool, width: int) -> Iterator[str]:
    shown = [unproven for unproven in report.unproven if verbose or unproven.here]
    if not shown:
        return
    if verbose:
        yield "not yet run on hardware, written against documentation:"
        column = max(len(unproven.name) for unproven in shown)
        for unproven in shown:
            here = ", and here" if unproven.here else ""
            yield f"  {unproven.name.ljust(column)}  {unproven.what}{here}"
    else:
        names = ", ".join(unproven.name for unproven in shown)
        text = f"not yet run on hardware: {names}. Written against documentation; please report what you see"
        yield from _wrapped(text, width)
    yield ""


def _summary(report: DoctorReport) -> str:
    counts = [(report.count(level), level) for level in ("fault", "warning", "note")]
    text = ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for count, level in counts)
    return f"{text}; looked for {report.seconds:.1f} s"
