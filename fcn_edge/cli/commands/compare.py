"""Compare models on the same images: accuracy against the masks, and agreement with a reference.

Any mix of .tflite, .onnx and .keras files, run folders and names of shipped models. The reference is the .keras where
there is one, else the most precise file; agreement with it needs no masks. Points are absolute points of mIoU; what
stands beside a figure is its 95 % interval, given from 50 images on. boundary is boundary IoU: IoU near the outlines
alone (Cheng et al., CVPR 2021). Warnings say what is likely broken and what to do. Models without a card are taken to
have the data's classes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fcn_edge.atomic import check_writable, write_report
from fcn_edge.cli import foreign, layer_diagnosis
from fcn_edge.errors import UsageError

if TYPE_CHECKING:
    from fcn_edge.measure.accuracy import CompareReport

EXAMPLE = "fcn-edge compare runs/nuclei build/*.tflite --data data/nuclei --split val --json compare.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("models", nargs="+", metavar="MODEL", help="model files, run folders, names of shipped models")
    parser.add_argument("--data", required=True, type=Path, metavar="DATA", help="data folder")
    parser.add_argument("--split", default="val", help="its part to compare on (default: %(default)s)")
    parser.add_argument("--reference", metavar="MODEL", help="the model the others are held against")
    parser.add_argument("--limit", type=int, metavar="N", help="use only the first N images")
    parser.add_argument("--tile", action="store_true", help="segment large images in overlapping tiles")
    parser.add_argument("--threads", type=int, default=1, help="threads of each runtime (default: %(default)s)")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="write difference pictures of the worst images")
    parser.add_argument("--worst", type=int, default=6, metavar="N", help="how many of them (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the intervals' draws (default: %(default)s)")
    layer_diagnosis.add_argument(parser)
    foreign.add_pixels_and_scores(parser)
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON; - is standard output")


def run(args: argparse.Namespace) -> int:
    """Compare, print the table, write the JSON."""
    from fcn_edge.dataset import open_folder
    from fcn_edge.measure.accuracy import CompareConfig, compare
    from fcn_edge.measure.accuracy.result import to_json
    from fcn_edge.measure.accuracy.table import format_table

    _check(args)
    config = CompareConfig(
        reference=args.reference,
        limit=args.limit,
        tile=args.tile,
        threads=args.threads,
        worst=args.worst,
        pictures=args.pictures,
        quiet=args.quiet,
        preprocessing=foreign.preprocessing(args),
        activation=foreign.activation(args),
        seed=args.seed,
    )
    if args.layers:
        layer_diagnosis.check_models(args.models)
    report = compare(args.models, open_folder(args.data), args.split, config=config)
    if args.json == "-":
        layers = {"layers": layer_diagnosis.diagnose_layers(args, report)} if args.layers else {}
        write_report("-", "compare", {**to_json(report), **layers})
        return 0
    print(format_table(report))
    layers = {"layers": layer_diagnosis.diagnose_layers(args, report)} if args.layers else {}
    if _drew(report):
        print(f"\ndifference pictures: {args.pictures}")
    if args.json:
        write_report(args.json, "compare", {**to_json(report, beside=Path(args.json).parent), **layers})
        print(f"JSON: {args.json}")
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant or written before minutes of segmenting."""
    if args.worst < 0:
        raise UsageError(f"--worst {args.worst}: 0 or more was expected", hint="write --worst 6")
    if args.json not in (None, "-"):
        check_writable(Path(args.json))
    if args.pictures is not None:
        check_writable(args.pictures, folder=True)


def _drew(report: CompareReport) -> bool:
    """Tell whether any difference picture was written: equal files have none."""
    pictures: list[Path | None] = []
    for agreement in report.agreement:
        pictures += [image.picture for image in agreement.worst]
        pictures += [image.picture for loss in agreement.worst_by_class for image in loss.images]
    return any(picture is not None for picture in pictures)
