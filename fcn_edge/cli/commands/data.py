"""Check a data folder, or make one from another layout or from boxes in another.

A data folder has images/SPLIT/*.jpg or *.png, masks/SPLIT/*.png (8-bit class ids, 255 = ignore) and classes.txt (one
name a line, background first). "check" names every fault of it in seconds and shows how frequent each class is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fcn_edge.atomic import write_report
from fcn_edge.dataset import DataFolder, DataReport, check_folder, convert_coco, convert_voc, crop_folder, open_folder

EXAMPLE = """fcn-edge data check people
  fcn-edge data from-voc VOCdevkit/VOC2012 --out voc
  fcn-edge data from-coco annotations/instances_train2017.json --images train2017 --out people \\
      --split train --classes person
  fcn-edge data crop people --boxes portraits.csv --out portraits"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the three actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="name every fault and show class frequencies")
    check.add_argument("data", type=Path, metavar="DIR", help="the data folder")
    check.add_argument("--split", action="append", metavar="NAME", help="check this split only; may be repeated")
    voc = actions.add_parser("from-voc", help="make a data folder from a folder in the layout of Pascal VOC")
    voc.add_argument("source", type=Path, metavar="SRC", help="the folder that holds JPEGImages")
    voc.add_argument("--classes", metavar="A,B", help="names of ids 1, 2, …; the 20 classes of VOC by default")
    coco = actions.add_parser("from-coco", help="make a split of a data folder from COCO instance annotations")
    coco.add_argument("source", type=Path, metavar="ANNOTATIONS.json", help="polygons and RLE are read")
    coco.add_argument("--images", type=Path, required=True, metavar="DIR", help="where the images are")
    coco.add_argument("--split", required=True, metavar="NAME", help="the split to write: train, val, …")
    coco.add_argument("--classes", metavar="A,B", help="categories to take, in the order of their ids; all by default")
    crop = actions.add_parser("crop", help="make a data folder of boxes in the pictures of another")
    crop.add_argument("source", type=Path, metavar="DIR", help="a data folder")
    crop.add_argument("--boxes", type=Path, required=True, metavar="FILE.csv", help="columns split,id,x0,y0,x1,y1")
    for action in (voc, coco, crop):
        action.add_argument("--out", type=Path, required=True, metavar="DIR", help="the data folder to make")
    for action in (check, voc, coco, crop):
        action.add_argument("--json", metavar="FILE", help="write the result as JSON; - is standard output")
        # The same two as every command has, so that they may also stand at the end of the line.
        action.add_argument("--quiet", action="store_true", default=argparse.SUPPRESS, help="print nothing but errors")
        action.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")


def run(args: argparse.Namespace) -> int:
    """Run the action and print what there is now."""
    if args.action == "check":
        return _check(args)
    if args.action == "crop":
        return _tell(args, crop_folder(args.source, args.boxes, args.out, quiet=args.quiet))
    classes = [name.strip() for name in args.classes.split(",")] if args.classes else None
    if args.action == "from-voc":
        chosen = {} if classes is None else {"classes": classes}
        folder = convert_voc(args.source, args.out, quiet=args.quiet, **chosen)
    else:
        folder = convert_coco(args.source, args.images, args.out, split=args.split, classes=classes, quiet=args.quiet)
    return _tell(args, folder)


def _tell(args: argparse.Namespace, folder: DataFolder) -> int:
    """Print what a folder that was made holds."""
    counts = {split: len(samples) for split, samples in folder.splits.items()}
    if args.json != "-":
        print(f"{folder.root}: {', '.join(f'{n} {split}' for split, n in counts.items())}; ", end="")
        print(f"{len(folder.class_names)} classes\nnext: fcn-edge data check {folder.root}")
    if args.json:
        splits = {split: {"images": images} for split, images in counts.items()}
        content = {"root": str(folder.root), "classes": list(folder.class_names), "splits": splits}
        write_report(args.json, "data", content)
    return 0


def _check(args: argparse.Namespace) -> int:
    report = check_folder(open_folder(args.data), args.split, quiet=args.quiet)
    if args.json != "-":
        print(render(report))
    if args.json:
        write_report(args.json, "data", _content(report))
    report.raise_on_faults()
    return 0


def render(report: DataReport) -> str:
    """Give the table of classes and splits, and the warnings, as text."""
    splits = list(report.images)
    rows = [["class", *splits]]
    frequencies = {split: report.class_frequencies(split) for split in splits}
    for class_id, name in enumerate(report.class_names):
        rows.append([f"{class_id} {name}", *(f"{frequencies[split][class_id]:.2%}" for split in splits)])
    rows.append(["255 (ignored, of all)", *(f"{report.ignored_share(split):.2%}" for split in splits)])
    rows.append(["images", *(str(report.images[split]) for split in splits)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    return "\n".join([*lines, *(f"warning: {warning}" for warning in report.warnings)])


def _content(report: DataReport) -> dict[str, object]:
    return {
        "root": str(report.root),
        "classes": list(report.class_names),
        "splits": {
            split: {
                "images": images,
                "class_pixels": list(report.class_pixels[split]),
                "ignored_pixels": report.ignored_pixels[split],
            }
            for split, images in report.images.items()
        },
        "faults": list(report.faults),
        "warnings": list(report.warnings),
    }
