"""Make one page from result files: what gate, bench, compare, export and camera wrote, in any mix and from any boards.

The HTML page needs no other file and no network; the Markdown is the short form, for a step summary. Two benchmarks or
more are put side by side, with accuracy beside latency where a comparison has the same files. JUnit is written from a
gate; github-action-benchmark and Bencher follow figures from commit to commit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fcn_edge.errors import UsageError

if TYPE_CHECKING:
    from fcn_edge.measure.report import Report

EXAMPLE = """fcn-edge report gate.json --markdown - --junit gate.xml
  fcn-edge report pi4.json jetson.json compare.json build/export.json camera.json --html report.html"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("results", nargs="+", type=Path, metavar="JSON", help="result files")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page")
    parser.add_argument("--markdown", metavar="FILE", help="write the short form; - is standard output")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write a gate's checks as JUnit XML")
    parser.add_argument(
        "--github-benchmark", metavar="PREFIX", help="write PREFIX-smaller.json and PREFIX-bigger.json (is better)"
    )
    parser.add_argument("--bencher", type=Path, metavar="FILE", help="write figures in Bencher's metric format")
    parser.add_argument("--json", metavar="FILE", help="write the verdicts as JSON; - is standard output")
    parser.add_argument("--title", default="fcn-edge report", help="of the page (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Write what was asked for and say the verdicts."""
    from fcn_edge.atomic import write_report, write_text
    from fcn_edge.measure.report import make_report

    if not any((args.html, args.markdown, args.junit, args.github_benchmark, args.bencher, args.json)):
        raise UsageError("nothing to write", hint="add --html FILE, --markdown FILE or what else --help lists")
    report = make_report(args.results, title=args.title)
    # All are made before any is written: what cannot be made leaves nothing half done.
    texts = dict(_texts(report, args))
    for path, text in texts.items():
        write_text(path, text)
    verdicts = [{"text": v.text, "tone": v.tone} for section in report.sections for v in section.verdicts]
    written = [str(path) for path in texts]
    if args.json:
        write_report(args.json, "report", {"title": args.title, "verdicts": verdicts, "written": written})
    if args.markdown == "-":
        sys.stdout.write(report.markdown())
    elif args.json != "-":
        for line in (*(verdict["text"] for verdict in verdicts), *(f"written: {path}" for path in written)):
            print(line)
    return 0


def _texts(report: Report, args: argparse.Namespace) -> Iterator[tuple[Path, str]]:
    """Make each file that was asked for."""
    if args.html:
        yield args.html, report.html()
    if args.markdown and args.markdown != "-":
        yield Path(args.markdown), report.markdown()
    if args.junit:
        yield args.junit, report.junit()
    if args.github_benchmark:
        smaller, bigger = report.github_benchmark()
        yield Path(f"{args.github_benchmark}-smaller.json"), smaller
        yield Path(f"{args.github_benchmark}-bigger.json"), bigger
    if args.bencher:
        yield args.bencher, report.bencher()
