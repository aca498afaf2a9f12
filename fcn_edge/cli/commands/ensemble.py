"""Join trained models to one network whose scores are the mean of theirs.

It takes the time of all together; whether it is more accurate than each is printed, on val. The result
is a run folder as train makes one: export it, or let it teach a smaller network (train --teacher).
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from fcn_edge.train.ensemble import join_models
from fcn_edge.train.validation import ValidationStats

EXAMPLE = "fcn-edge ensemble runs/roofs-1 runs/roofs-2 --data data/roofs --out runs/roofs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("models", metavar="MODEL", nargs="+", help="run folders or .keras files, two or more")
    parser.add_argument(
        "--data", metavar="DATA", nargs="+", type=Path, required=True, help="data folders; all are scored on val"
    )
    parser.add_argument("--out", type=Path, required=True, help="run folder to write model.keras into")
    parser.add_argument("--name", default="", metavar="TEXT", help="the model's name (the run folder's)")


def run(args: argparse.Namespace) -> int:
    """Join, and print what each scores alone and all together."""
    report = join_models(
        args.models,
        data=args.data,
        out=args.out,
        name=args.name,
        command=shlex.join(["fcn-edge", *sys.argv[1:]]),
        quiet=args.quiet,
        on_member=lambda place, stats: print(_line(args.models[place], stats), flush=True),
    )
    print(_line(str(report.model_path), report.joined))
    print(f"next: fcn-edge export {args.out} --data {args.data[0]} --out build")
    return 0


def _line(name: str, stats: ValidationStats) -> str:
    each = ", ".join("absent" if iou is None else f"{iou:.4f}" for iou in stats.accuracy.per_class_iou)
    return f"{name}: mIoU {stats.miou:.4f} on val (classes {each})"
