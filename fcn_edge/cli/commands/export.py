"""Export a model to files for devices: TFLite and ONNX, in fp32, fp16 and int8.

MODEL is a run folder of train, a .keras or .h5 file, a SavedModel folder, or the name of a shipped model. Each file
takes raw RGB pixels (uint8, 1xHxWx3; preprocessing goes into the graph) and gives scores (int8 ones raw). int8 is
calibrated on images of the training split, stratified over classes. All files are run on the images of --split and
held to the Keras model. An int8 file that loses more than --max-drop points of mIoU is mended: its guilty layers stay
in floating point, fewest first, and what that costs is told. If a file still loses too much, none is written.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fcn_edge.atomic import write_report
from fcn_edge.cli import foreign
from fcn_edge.errors import UsageError
from fcn_edge.runtime.delegation import describe_delegation

if TYPE_CHECKING:
    from fcn_edge.export import ExportReport

EXAMPLE = "fcn-edge export runs/nuclei --data data/nuclei --formats tflite-int8,onnx-int8 --out build"

_ALL = "tflite-fp32,tflite-fp16,tflite-int8,onnx-fp32,onnx-fp16,onnx-int8"
_DEFAULT = "tflite-int8,tflite-fp32,onnx-int8,onnx-fp32"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="run folder, .keras, .h5, SavedModel folder or shipped model")
    parser.add_argument("--data", required=True, type=Path, metavar="DATA", help="data folder")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the files and export.json")
    parser.add_argument(
        "--formats", default=_DEFAULT, metavar="A,B", help=f"some of {_ALL}, or all (default: {_DEFAULT})"
    )
    parser.add_argument("--name", help="NAME of NAME.PRECISION.FORMAT (default: the model's own)")
    parser.add_argument("--size", metavar="HxW", help="input height and width (default: the model's own)")
    parser.add_argument(
        "--output", choices=("logits", "labels"), default="logits", help="scores, or class ids decided in the graph"
    )
    parser.add_argument("--no-fold", action="store_true", help="leave linear layers as they are (slower)")
    parser.add_argument(
        "--symmetric", action="store_true", help="int8 ONNX around zero, as TensorRT wants it (slow on a CPU)"
    )
    parser.add_argument(
        "--float-layers", metavar="A,B", help="layers that int8 files compute in float (compare --layers names them)"
    )
    proof = parser.add_argument_group("proof")
    proof.add_argument("--split", default="val", help="split the files are proven on (default: %(default)s)")
    proof.add_argument(
        "--max-drop", type=float, default=1.0, metavar="POINTS", help="of mIoU against Keras (default: %(default)s)"
    )
    proof.add_argument(
        "--no-repair", action="store_true", help="refuse an int8 file that loses more, instead of mending it"
    )
    proof.add_argument(
        "--verify-images", type=int, default=200, metavar="N", help="most images, 0 for all (default: %(default)s)"
    )
    calibration = parser.add_argument_group("calibration of int8")
    calibration.add_argument(
        "--calibration-images", type=int, default=100, metavar="N", help="most images (default: %(default)s)"
    )
    calibration.add_argument(
        "--calibration-method",
        choices=("min-max", "percentile", "mse"),
        default="min-max",
        help="ranges: all that was seen, without the rarest values, or of least error (default: %(default)s)",
    )
    calibration.add_argument("--calibration-split", default="train", metavar="SPLIT", help="default: %(default)s")
    calibration.add_argument("--seed", type=int, default=0, help="of the choice of images (default: %(default)s)")
    _add_foreign(parser)
    parser.add_argument("--json", metavar="FILE", help="write export.json also to FILE; - is standard output")


def _add_foreign(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "models without a card", "goes into the files; the model is given (pixel * SCALE - MEAN) / STD"
    )
    group.add_argument(
        "--classes", metavar="A,B|FILE", help="class names in id order, or a file with one a line (default: DATA's)"
    )
    group.add_argument("--threshold", type=float, metavar="P", help="probability of foreground, for one score channel")
    group.add_argument("--geometry", choices=("stretch", "letterbox"), help="how an image becomes the input")
    foreign.add_preprocessing(group)


def run(args: argparse.Namespace) -> int:
    """Export, print what was made."""
    # Read by TensorFlow when it is imported, which the export does; its errors still show.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if args.debug else "2")
    from fcn_edge.export import ExportConfig, export_model
    from fcn_edge.export.report import to_json

    formats = _ALL if args.formats.strip() == "all" else args.formats
    config = ExportConfig(
        data=args.data,
        out=args.out,
        formats=tuple(name.strip() for name in formats.split(",") if name.strip()),
        name=args.name,
        size_hw=_size(args.size),
        output=args.output,
        fold=not args.no_fold,
        symmetric=args.symmetric,
        max_drop=args.max_drop,
        repair=not args.no_repair,
        calibration_images=args.calibration_images,
        calibration_split=args.calibration_split,
        calibration_method=args.calibration_method,
        split=args.split,
        verify_images=args.verify_images,
        seed=args.seed,
        classes=_classes(args.classes),
        threshold=args.threshold,
        geometry=args.geometry,
        preprocessing=foreign.preprocessing(args),
        float_layers=tuple(name.strip() for name in (args.float_layers or "").split(",") if name.strip()),
    )
    report = export_model(args.model, config, tell=None if args.quiet else _tell, debug=args.debug)
    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if args.json:
        write_report(args.json, "export", to_json(report))
    if args.json != "-":
        print(_table(report))
    return 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise UsageError(f"--size {text}: not a height and a width", hint="write --size 128x160 (height x width)")
    return int(height), int(width)


def _classes(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    if Path(text).is_file():
        from fcn_edge.dataset.folder import read_class_names

        return read_class_names(Path(text))
    return tuple(name.strip() for name in text.split(","))


def _table(report: ExportReport) -> str:
    """Lay out the files: size, agreement with Keras, mIoU and what it lost, float operations."""
    rows = [("file", "KiB", "agreement", "mIoU", "points", "float ops")]
    if report.keras_miou is not None:
        rows.append(("Keras", "", "", f"{report.keras_miou:.4f}", "", ""))
    rows.extend(
        (
            file.path,
            f"{file.bytes / 1024:,.0f}",
            f"{file.parity.agreement:.3%}",
            "" if file.miou is None else f"{file.miou:.4f}",
            "" if file.miou_drop is None else f"{round(-file.miou_drop, 2) + 0.0:+.2f}",
            str(file.float_ops),
        )
        for file in report.files
    )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines += [
        f"{file.path}: {describe_delegation(file.delegation)}" for file in report.files if file.delegation is not None
    ]
    return "\n".join([*lines, f"in {report.out}; details in {report.out / 'export.json'}"])
