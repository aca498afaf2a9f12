"""What a comparison shows besides its main table: classes, agreement, flips and the worst images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fcn_edge.measure.report.block import Bar, Bars, Block, Paragraph, Picture, Table
from fcn_edge.measure.report.picture_file import find_picture
from fcn_edge.measure.report.result_file import ResultFile
from fcn_edge.measure.wording import NONE, flip_sentence, percent, points, points_interval, spread

_MOST_FLIPS = 8
# Of each candidate, and of each of its lost classes: a page is to be looked at, the folder has the others.
_MOST_PICTURES = 3
_MOST_CLASS_PICTURES = 2


def class_blocks(content: Mapping[str, Any]) -> list[Block]:
    """Show IoU of each class as bars and with its interval, what it lost, boundary IoU; nothing without masks."""
    variants, classes = content["variants"], content["classes"]
    if all(value is None for v in variants for value in v["per_class_iou"].values()):
        return []
    groups = tuple(
        (name, tuple(Bar(v["per_class_iou"].get(name), percent(v["per_class_iou"].get(name))) for v in variants))
        for name in classes
    )
    names = tuple(v["name"] for v in variants)
    blocks: list[Block] = [Bars("IoU by class, %", names, groups)]
    cells = [[_with_spread(v, name) for v in variants] for name in classes]
    blocks.append(_by_class("IoU, %", names, classes, cells))
    lost = [
        a for a in content["agreement"] if any(v is not None for v in (a.get("per_class_drop_points") or {}).values())
    ]
    if lost:
        cells = [[_lost(a, name) for a in lost] for name in classes]
        caption = f"Points of IoU against {content['reference']}"
        blocks.append(_by_class("class", tuple(a["candidate"] for a in lost), classes, cells, caption))
    if any(v.get("per_class_boundary_iou") for v in variants):
        cells = [[percent((v.get("per_class_boundary_iou") or {}).get(name)) for v in variants] for name in classes]
        blocks.append(_by_class("class", names, classes, cells, "Boundary IoU, %"))
    return blocks


def agreement_table(content: Mapping[str, Any]) -> Table:
    """Tell where candidates agree; no rows for older results."""
    rows = tuple(
        (
            a["candidate"],
            f"{percent(a['pixel'])} {spread(a.get('pixel_ci'))}".rstrip(),
            percent(a["inside_boundary"]),
            percent(a["outside_boundary"]),
        )
        for a in content["agreement"]
        if "inside_boundary" in a
    )
    band = f"within {content.get('boundary_band_px')} px of a border %"
    head = ("candidate", "agreement %", band, "elsewhere %")
    return Table(head, rows, "lrrr", f"Same class as {content['reference']}")


def margin_table(content: Mapping[str, Any]) -> Table:
    """Tell how sure the reference is of what candidates flip; no rows where nothing does, or it gives no scores."""
    found = [(a["candidate"], a["margin"]) for a in content["agreement"] if a.get("margin")]
    rows = tuple(
        (
            candidate,
            f"{margin['flipped']['p50']:.2f}",
            f"{margin['flipped']['p90']:.2f}",
            f"{margin['everywhere']['p50']:.2f}",
            percent(margin["closer_everywhere"]),
        )
        for candidate, margin in found
    )
    unit = found[0][1]["unit"] if found else ""
    head = (
        "candidate",
        "flips, median",
        "90 % of flips below",
        "all pixels, median",
        "all pixels below that of flips %",
    )
    caption = f"Margin of {content['reference']}, {unit}: how far its two best classes are apart"
    return Table(head, rows, "lrrrr", caption, detail=True)


def flips_table(content: Mapping[str, Any]) -> Table:
    """Show the most frequent changes of class."""
    rows = [
        (
            a["candidate"],
            f"{flip['from']} → {flip['to']}",
            f"{flip['pixels']:,}",
            flip_sentence(flip, a["flips"]),
            percent(flip["inside_boundary"] / flip["pixels"]) if "inside_boundary" in flip else NONE,
        )
        for a in content["agreement"]
        for flip in a["flips"][:_MOST_FLIPS]
    ]
    head = ("candidate", "class changed", "pixels", "of its changes", "near a border %")
    return Table(head, tuple(rows), "llrrr", "Flips", detail=True)


def worst_blocks(result: ResultFile) -> list[Block]:
    """Show the images with the least agreement, then those on which a class lost most: pictures where there are any."""
    shown: set[Path] = set()
    blocks = _pictures_or_names(
        result.path,
        [
            (a["candidate"], s["id"], f"{percent(s['pixel'])} % agree", s.get("picture"))
            for a in result.content["agreement"]
            for s in a["worst"][:_MOST_PICTURES]
        ],
        "The images with the least agreement, worst first",
        shown,
    )
    by_class = [
        (a["candidate"], sample["id"], _class_caption(loss, sample), sample.get("picture"))
        for a in result.content["agreement"]
        for loss in a.get("worst_by_class") or ()
        for sample in loss["images"][:_MOST_CLASS_PICTURES]
    ]
    return blocks + _pictures_or_names(result.path, by_class, "The images on which a class lost most", shown)


def drop_of(content: Mapping[str, Any], name: str) -> float | None:
    """Give the points of mIoU a variant lost against the reference; None without masks."""
    miou = {variant["name"]: variant["miou"] for variant in content["variants"]}
    reference, own = miou[content["reference"]], miou[name]
    return None if reference is None or own is None else 100 * (reference - own)


def _pictures_or_names(
    json_path: Path, images: list[tuple[str, str, str, str | None]], title: str, shown: set[Path]
) -> list[Block]:
    """Show pictures that are not *shown* yet; without any, name candidate and image with what is to be said of it."""
    pictures: list[Block] = []
    found = False
    for candidate, sample_id, what, name in images:
        path = find_picture(json_path, name)
        found = found or path is not None
        if path is not None and path not in shown:
            shown.add(path)
            pictures.append(Picture(path, f"{sample_id}: {candidate}, {what}"))
    if found:
        return [Paragraph(f"{title}:"), *pictures] if pictures else []
    rows = tuple((candidate, sample_id, what) for candidate, sample_id, what, _ in images)
    return [Table(("candidate", "image", ""), rows, "lll", title, detail=True)] if rows else []


def _class_caption(loss: Mapping[str, Any], sample: Mapping[str, Any]) -> str:
    if sample.get("iou") is None and sample.get("reference_iou") is None:
        return f"{sample['pixels']:,} pixels of {loss['class']} changed"
    figures = f"{percent(sample['reference_iou'])} → {percent(sample['iou'])} % IoU"
    return f"{loss['class']} {figures}, {sample['pixels']:,} more pixels wrong"


def _by_class(
    corner: str, names: tuple[str, ...], classes: list[str], cells: list[list[str]], caption: str = ""
) -> Table:
    rows = tuple((name, *row) for name, row in zip(classes, cells, strict=True))
    return Table((corner, *names), rows, "l" + "r" * len(names), caption, detail=bool(caption))


def _with_spread(variant: Mapping[str, Any], name: str) -> str:
    interval = (variant.get("per_class_iou_ci") or {}).get(name)
    return f"{percent(variant['per_class_iou'].get(name))} {spread(interval)}".rstrip()


def _lost(agreement: Mapping[str, Any], name: str) -> str:
    interval = (agreement.get("per_class_drop_ci") or {}).get(name)
    return f"{points(agreement['per_class_drop_points'].get(name))} {points_interval(interval)}".rstrip()
