"""Reports: from any result files of ours to one HTML page, a short Markdown, JUnit and what trackers of figures read.

A kind of result is one module with one function and one line in :data:`SECTIONS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fcn_edge.atomic import write_text
from fcn_edge.errors import ResultFileError, UsageError
from fcn_edge.measure.report.bench_section import bench_section
from fcn_edge.measure.report.bencher import bencher_metrics
from fcn_edge.measure.report.block import Section
from fcn_edge.measure.report.boards_section import boards_section
from fcn_edge.measure.report.camera_section import camera_section
from fcn_edge.measure.report.compare_section import compare_section
from fcn_edge.measure.report.export_section import export_section
from fcn_edge.measure.report.gate_section import gate_section
from fcn_edge.measure.report.github_benchmark import github_benchmark
from fcn_edge.measure.report.html_page import render_html
from fcn_edge.measure.report.junit import render_junit
from fcn_edge.measure.report.markdown_page import render_markdown
from fcn_edge.measure.report.result_file import ResultFile, read_result

__all__ = ["SECTIONS", "Report", "make_report", "write_report_pages"]

_Made = TypeVar("_Made")

DEFAULT_TITLE = "fcn-edge report"

# In the order of the page: what was decided, then what it costs, what was lost, how it was made and how it ran.
SECTIONS: dict[str, Callable[[ResultFile], Section]] = {
    "gate": gate_section,
    "bench": bench_section,
    "compare": compare_section,
    "export": export_section,
    "camera": camera_section,
}


@dataclass(frozen=True, slots=True)
class Report:
    """A report, ready to be rendered."""

    title: str
    sections: tuple[Section, ...]
    results: tuple[ResultFile, ...]

    def html(self) -> str:
        """Render one self-contained page."""
        return render_html(self.sections, title=self.title)

    def markdown(self) -> str:
        """Render the short form."""
        return render_markdown(self.sections, title=self.title)

    def junit(self) -> str:
        """Write the gate among the results as JUnit XML.

        Raises:
            UsageError: There is none, or more than one.
        """
        gates = [result for result in self.results if result.kind == "gate"]
        if len(gates) != 1:
            found = "no result of a gate" if not gates else f"{len(gates)} results of gates"
            raise UsageError(
                f"JUnit is written from one gate, and there is {found}", hint="give what gate --json wrote"
            )
        return _checked(gates[0], lambda gate: render_junit(gate.content))

    def github_benchmark(self) -> tuple[str, str]:
        """Write the figures for github-action-benchmark: JSON of those that are better small, and of the others."""
        smaller, bigger = github_benchmark(self.results)
        return _json(smaller), _json(bigger)

    def bencher(self) -> str:
        """Write the figures in Bencher's metric format, JSON."""
        return _json(bencher_metrics(self.results))


def make_report(paths: Sequence[Path | str], *, title: str = DEFAULT_TITLE) -> Report:
    """Read result files and lay them out.

    Args:
        paths: JSON files written by our commands, in any mix; keys this version does not know are passed over.
        title: Of the page.

    Raises:
        UsageError: No file, or one that does not exist.
        ResultFileError: A file is not one of our results, or of a kind that cannot be shown.
    """
    if not paths:
        raise UsageError("no result file to report on", hint="give JSON files that our commands wrote")
    results = [read_result(path) for path in paths]
    for result in results:
        if result.kind not in SECTIONS:
            message = f"{result.path}: is a result of kind {result.kind!r}, which cannot be shown"
            raise ResultFileError(message, hint=f"kinds that can: {', '.join(SECTIONS)}")
    order = list(SECTIONS)
    results.sort(key=lambda result: order.index(result.kind))
    sections = [_checked(result, SECTIONS[result.kind]) for result in results]
    boards = boards_section(results)
    return Report(title, (*([] if boards is None else [boards]), *sections), tuple(results))


def write_report_pages(report: Report, *, html: Path | None = None, markdown: Path | None = None) -> None:
    """Write the page, the Markdown, or both.

    Raises:
        OutputError: A file cannot be written.
    """
    if html is not None:
        write_text(html, report.html())
    if markdown is not None:
        write_text(markdown, report.markdown())


def _checked(result: ResultFile, make: Callable[[ResultFile], _Made]) -> _Made:
    try:
        return make(result)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        message = f"{result.path}: calls itself a result of {result.kind!r} but does not read as one: {error!r}"
        raise ResultFileError(message, hint="write it again with this version of fcn-edge") from error


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
