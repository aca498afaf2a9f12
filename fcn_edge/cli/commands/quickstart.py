"""The whole way without any data set: draw scenes, export, compare, run the camera on a film, write a report.

The scenes are microscope-like and drawn here, with exact masks; the shipped model has never seen them in training.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fcn_edge.atomic import write_report

if TYPE_CHECKING:
    from fcn_edge.cli.quickstart import QuickstartReport

EXAMPLE = "fcn-edge quickstart --out quickstart"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--out", type=Path, default=Path("quickstart"), metavar="DIR", help="default: %(default)s")
    parser.add_argument("--model", default="nuclei", help="shipped model, .keras or run folder (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the scenes (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write what was done as JSON; - is standard output")


def run(args: argparse.Namespace) -> int:
    """Run all steps and say what came out."""
    from fcn_edge.cli.quickstart import QuickstartConfig, run_quickstart

    # With --json - standard output is the result's alone.
    told = io.StringIO() if args.json == "-" else sys.stdout
    print(f"fcn-edge quickstart: the whole way with {args.model}, into {args.out}/\n", file=told, flush=True)
    config = QuickstartConfig(args.out, args.model, seed=args.seed, quiet=args.quiet)
    report = run_quickstart(config, tell=lambda line: print(line, file=told, flush=True))
    print(_summary(report), file=told)
    if args.json:
        write_report(args.json, "quickstart", _to_json(report))
    return 0


def _summary(report: QuickstartReport) -> str:
    from fcn_edge.measure.accuracy.table import format_table
    from fcn_edge.measure.bench import table

    out = report.out
    lines = [f"\ndone in {report.seconds:.0f} s\n", format_table(report.comparison)]
    lines += ["", table.format_table(report.latency)]
    if report.camera_fps is not None and report.capture_to_result_ms is not None:
        rate = f"{report.camera_fps:.1f} of the film's {report.film_fps:g} frames a second"
        lines.append(f"\ncamera: {rate}; a mask {report.capture_to_result_ms:.1f} ms after capture (median)")
    shown = {
        report.page: "everything on one page: open it in a browser",
        out / "film-segmented.avi": "the film with its masks",
        out / "masks": "masks and overlays of scenes",
        out / "pictures": "where the files differ from the .keras",
        out / "models": "the exported files; each carries its card",
    }
    width = max(len(str(path)) for path in shown)
    lines += ["\nwhere things are:", *(f"  {path!s:<{width}}  {what}" for path, what in shown.items())]
    lines += [
        "\nwhat to try next:",
        "  fcn-edge camera people                                   people in front of your webcam",
        f"  fcn-edge info {report.device_file}",
        "  fcn-edge train DATA --arch fcn --out runs/mine           your own images and masks",
        "  fcn-edge export runs/mine --data DATA --out build        then to files for a device",
    ]
    return "\n".join(lines)


def _to_json(report: QuickstartReport) -> dict[str, object]:
    comparison = report.comparison
    return {
        "model": str(report.model),
        "out": str(report.out),
        "seconds": round(report.seconds, 2),
        "steps": [dataclasses.asdict(step) for step in report.steps],
        "variants": [{"name": v.name, "miou": v.miou, "bytes": v.bytes} for v in comparison.variants],
        "agreement": [{"candidate": a.candidate, "pixel": a.pixel} for a in comparison.agreement],
        "latency_ms": {v.name: v.latency_ms.p50 for v in report.latency.variants},
        "camera_fps": report.camera_fps,
        "capture_to_result_ms": report.capture_to_result_ms,
    }
