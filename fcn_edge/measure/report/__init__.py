"""Reports: from any result files of ours to one HTML page and a short Markdown.

A kind of result is one module with one function and one line in :data:`SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn_edge.atomic import write_text
from fcn_edge.errors import ResultFileError, UsageError
from fcn_edge.measure.report.bench_section import bench_section
from fcn_edge.measure.report.block import Section
from fcn_edge.measure.report.camera_section import camera_section
from fcn_edge.measure.report.compare_section import compare_section
from fcn_edge.measure.report.export_section import export_section
from fcn_edge.measure.report.gate_section import gate_section
from fcn_edge.measure.report.html_page import render_html
from fcn_edge.measure.report.markdown_page import render_markdown
from fcn_edge.measure.report.result_file import ResultFile, read_result

__all__ = ["SECTIONS", "Report", "make_report", "write_report_pages"]

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

    def html(self) -> str:
        """Render one self-contained page."""
        return render_html(self.sections, title=self.title)

    def markdown(self) -> str:
        """Render the short form."""
        return render_markdown(self.sections, title=self.title)


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
    return Report(title, tuple(_section(result) for result in results))


def write_report_pages(report: Report, *, html: Path | None = None, markdown: Path | None = None) -> None:
    """Write the page, the Markdown, or both.

    Raises:
        OutputError: A file cannot be written.
    """
    if html is not None:
        write_text(html, report.html())
    if markdown is not None:
        write_text(markdown, report.markdown())


def _section(result: ResultFile) -> Section:
    try:
        return SECTIONS[result.kind](result)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        message = f"{result.path}: calls itself a result of {result.kind!r} but does not read as one: {error!r}"
        raise ResultFileError(message, hint="write it again with this version of fcn-edge") from error
