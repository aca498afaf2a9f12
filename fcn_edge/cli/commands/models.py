"""List the models that come with the package: size, input, accuracy, licence.

Wherever a command takes MODEL, the name of one of these may stand: it means the int8 TFLite file.
"""

from __future__ import annotations

import argparse
from typing import Any

from fcn_edge.atomic import write_report
from fcn_edge.model_file import ShippedInfo, shipped_info

EXAMPLE = "fcn-edge models"

_HEAD = ("NAME", "FILE", "PRECISION", "KB", "INPUT", "MIOU (VAL)", "LICENCE")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the option for JSON."""
    parser.add_argument("--json", metavar="FILE", help="write the list as JSON; - is standard output")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    found = shipped_info()
    if args.json != "-":
        print(_table(found) if found else "no models are shipped with this installation")
    if args.json:
        write_report(args.json, "models", {"models": [_content(info) for info in found]})
    return 0


def _table(found: tuple[ShippedInfo, ...]) -> str:
    rows = [_HEAD, *(_row(info) for info in found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _row(info: ShippedInfo) -> tuple[str, ...]:
    content = _content(info)
    size = "x".join(str(n) for n in content["input_size_hw"] or ()) or "-"
    miou = "-" if content["miou"] is None else f"{content['miou']:.3f}"
    precision = content["precision"] or "-"
    return (
        info.name.name,
        info.path.name,
        precision,
        f"{info.size_bytes / 1000:.0f}",
        size,
        miou,
        content["licence"] or "-",
    )


def _content(info: ShippedInfo) -> dict[str, Any]:
    card = info.card
    miou = None if card is None else next((m for m in card.metrics if (m.name, m.split) == ("miou", "val")), None)
    return {
        "name": info.name.name,
        "path": str(info.path),
        "precision": info.name.precision if card is None else card.precision,
        "format": info.name.format,
        "bytes": info.size_bytes,
        "input_size_hw": None if card is None else list(card.input_size_hw),
        "classes": None if card is None else [spec.name for spec in card.classes],
        "miou": None if miou is None else miou.value,
        "images": None if miou is None else miou.images,
        "licence": None if card is None else card.training.licence,
        "credit": None if card is None else card.training.credit,
    }
