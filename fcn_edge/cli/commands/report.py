"""Make one page from result files: what export, compare and camera wrote, in any mix.

The HTML page needs no other file and no network; the Markdown is the short form, for a step summary.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fcn_edge.errors import UsageError

EXAMPLE = "fcn-edge report build/export.json compare.json camera.json --html report.html --markdown report.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("results", nargs="+", type=Path, metavar="JSON", help="result files")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the short form")
    parser.add_argument("--title", default="fcn-edge report", help="of the page (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Write what was asked for and say the verdicts."""
    from fcn_edge.measure.report import make_report, write_report_pages

    if args.html is None and args.markdown is None:
        raise UsageError("nothing to write", hint="add --html FILE, --markdown FILE or both")
    report = make_report(args.results, title=args.title)
    write_report_pages(report, html=args.html, markdown=args.markdown)
    for section in report.sections:
        for verdict in section.verdicts:
            print(verdict.text)
    for path in (args.html, args.markdown):
        if path is not None:
            print(f"written: {path}")
    return 0
