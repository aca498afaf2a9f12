"""Segment image files: a mask of class ids and an overlay for each.

For every image NAME.mask.png (8-bit class ids at the image's size) and NAME.overlay.png are written into DIR. With
--tile an image larger than the model's input is segmented in overlapping tiles at its own resolution instead of being
shrunk. An image that cannot be read is reported, the others go on, and the exit code is 1. All processors are used, one
image on each; a run that was stopped goes on with --resume.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from fcn_edge.atomic import write_report
from fcn_edge.cli import foreign
from fcn_edge.errors import UsageError
from fcn_edge.machine.processor import allowed_cpus
from fcn_edge.runtime.segmenter import Segmenter
from fcn_edge.runtime.still import StillInfo, StillReport, segment_files

EXAMPLE = "fcn-edge segment people photos/ --out masks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add model, images and options."""
    parser.add_argument("model", metavar="MODEL", help="a model file, a run folder, or a shipped model's name")
    parser.add_argument("images", metavar="IMAGES", nargs="+", type=Path, help="image files and folders")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for masks and overlays")
    parser.add_argument("--no-overlay", action="store_true", help="write masks only")
    parser.add_argument("--jobs", type=int, metavar="N", help="images worked on at the same time (all processors)")
    parser.add_argument("--resume", action="store_true", help="leave out images whose results are there already")
    parser.add_argument("--tile", action="store_true", help="cut large images into overlapping tiles")
    parser.add_argument("--json", metavar="FILE", help="write class shares per image as JSON; - is standard output")
    foreign.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Segment the images and print where the results are."""
    jobs = len(allowed_cpus()) if args.jobs is None else args.jobs
    if jobs < 1:
        raise UsageError(f"--jobs {jobs}: expected 1 or more", hint="leave it out to use all processors")
    with contextlib.ExitStack() as stack:
        segmenters = [
            stack.enter_context(Segmenter.open(args.model, **foreign.options(args)))
            # With more threads a single model has the processors already.
            for _ in range(jobs if args.threads == 1 or args.jobs else 1)
        ]
        report = segment_files(
            segmenters[0],
            args.images,
            args.out,
            others=segmenters[1:],
            draw=not args.no_overlay,
            tile=args.tile,
            resume=args.resume,
            quiet=args.quiet,
        )
    if args.json != "-":
        for still in report.images:
            print(_line(still))
    if args.json:
        write_report(args.json, "segment", _content(report))
    for failed in report.failed:
        print(f"  {failed.reason}", file=sys.stderr)
    report.raise_on_failures()
    return 0


def _line(still: StillInfo) -> str:
    shares = sorted(still.class_shares.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{name} {share:.1%}" for name, share in shares if share > 0)
    return f"{still.mask_path}: {shown}"


def _content(report: StillReport) -> dict[str, object]:
    return {
        "images": [
            {
                "path": str(still.path),
                "mask": str(still.mask_path),
                "overlay": None if still.overlay_path is None else str(still.overlay_path),
                "size_hw": list(still.size_hw),
                "class_shares": still.class_shares,
            }
            for still in report.images
        ],
        "failed": [{"path": str(failed.path), "reason": failed.reason} for failed in report.failed],
    }
