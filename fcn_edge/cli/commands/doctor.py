"""Find out what this machine can do, what is wrong with it, and how to mend it.

Looks at Python and packages that do not get on, OpenCV, cameras, display, accelerators, clock, heat, supply, memory and
disk, and runs the shipped models in every runtime that is here. Nothing is changed. Exit code 3 where there is a fault.
"""

from __future__ import annotations

import argparse
import os
import sys

from fcn_edge.atomic import write_report
from fcn_edge.doctor import examine
from fcn_edge.doctor.table import render, wants_colour, width_of
from fcn_edge.errors import ThresholdMissedError

EXAMPLE = """fcn-edge doctor
  fcn-edge doctor --strict --json doctor.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--strict", action="store_true", help="exit code 3 for warnings too")
    parser.add_argument("--verbose", action="store_true", help="list all that has not yet been run on hardware")
    parser.add_argument("--json", metavar="FILE", help="write what was found as JSON; - is standard output")


def run(args: argparse.Namespace) -> int:
    """Look, and print what was found."""
    report = examine()
    if args.json != "-":
        colour = wants_colour(sys.stdout, os.environ)
        print(render(report, verbose=args.verbose, colour=colour, width=width_of(sys.stdout)))
    if args.json:
        write_report(args.json, "doctor", report.to_dict())
    return 0 if report.passed(strict=args.strict) else ThresholdMissedError.exit_code
