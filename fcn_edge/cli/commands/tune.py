"""Find out by measuring how a model runs fastest on this device, and remember it for camera.

Of a shipped model's name all files may be chosen, in every runtime that is installed, with several numbers of threads.
What gives other masks than the most precise file is dropped. The choice holds for this device, this content of the file
and this version of the runtime. Ctrl-C keeps what was measured until then.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fcn_edge.atomic import check_writable, write_report
from fcn_edge.cli import foreign
from fcn_edge.cli.main import INTERRUPTED
from fcn_edge.errors import UsageError
from fcn_edge.runtime.registry import BACKENDS

EXAMPLE = """fcn-edge tune people
  fcn-edge tune people --images photos --threads 1,2
  fcn-edge tune build/streets.int8.tflite --siblings --delegate libedgetpu.so.1"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a shipped model's name, or a .tflite or .onnx file")
    parser.add_argument("--siblings", action="store_true", help="of a file: also its other precisions and formats")
    parser.add_argument("--backends", metavar="A,B", help=f"only these of {', '.join(BACKENDS)}")
    parser.add_argument("--threads", metavar="N,M", help="numbers of threads (1, 2, 4, … and all processors)")
    foreign.add_delegate(parser)
    parser.add_argument("--images", nargs="+", type=Path, metavar="PATH", help="pictures to compare on (drawn ones)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="a data folder whose pictures to compare on")
    parser.add_argument("--split", default="val", help="of --data (default: %(default)s)")
    parser.add_argument(
        "--min-agreement", type=float, default=0.97, metavar="X", help="share of pixels to agree (default: %(default)s)"
    )
    parser.add_argument(
        "--time-budget", type=float, default=60.0, metavar="S", help="seconds of timing, about (%(default)g)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of pictures and order (default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="measure, but do not remember")
    parser.add_argument("--forget", action="store_true", help="forget what was chosen for MODEL, and measure nothing")
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON; - is standard output")
    group = foreign.add_pixels_and_scores(parser)
    group.add_argument("--classes", metavar="A,B", help="class names in the order of their ids, background first")


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write the JSON."""
    from fcn_edge.cli.tune_table import format_table
    from fcn_edge.runtime.tune import TuneConfig, forget_choice, tune_model

    if args.forget:
        print(f"{args.model}: " + ("forgotten" if forget_choice(args.model) else "there was no choice to forget"))
        return 0
    if args.json not in (None, "-"):
        check_writable(Path(args.json))
    config = TuneConfig(
        backends=_names(args.backends),
        threads=_numbers(args.threads),
        delegate=args.delegate,
        siblings=args.siblings,
        images=args.images,
        data=args.data,
        split=args.split,
        min_agreement=args.min_agreement,
        time_budget_s=args.time_budget,
        seed=args.seed,
        remember=not args.dry_run,
        quiet=args.quiet,
        classes=_names(args.classes),
        preprocessing=foreign.preprocessing(args),
        activation=foreign.activation(args),
    )
    report = tune_model(args.model, config)
    if args.json != "-":
        print(format_table(report))
    if args.json:
        write_report(args.json, "tune", report.to_dict())
    return INTERRUPTED if report.interrupted else 0


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(","))


def _numbers(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--threads {text}: whole numbers were expected", hint="write --threads 1,2") from error
