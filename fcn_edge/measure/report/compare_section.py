"""The section of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fcn_edge.measure.report.block import Bar, Bars, Block, Paragraph, Picture, Section, Table, Verdict
from fcn_edge.measure.report.environment_block import environment_facts
from fcn_edge.measure.report.result_file import ResultFile
from fcn_edge.measure.wording import NONE, drop_sentence, flip_sentence, percent, points, size

# What the export allows by default, and the gate's default for agreement.
MOST_DROP_POINTS = 1.0
LEAST_AGREEMENT = 0.97
_MOST_FLIPS = 8
# Of each candidate: a page is to be looked at, the folder has the others.
_MOST_PICTURES = 3


def compare_section(result: ResultFile) -> Section:
    """Make the section; missing keys raise KeyError or TypeError."""
    content = result.content
    blocks: list[Block] = [
        Paragraph(
            f"{content['images']} images of split {content['split']} of {content['data']}. Scores are brought to the "
            f"size of the original image before a class is decided. Points are absolute points of mIoU against "
            f"{content['reference']}; agreement is the share of pixels that get the same class."
        ),
        _variants(content),
    ]
    if any(value is not None for v in content["variants"] for value in v["per_class_iou"].values()):
        blocks += [_class_bars(content), _class_table(content)]
    flips = _flips(content)
    if flips.rows:
        blocks.append(flips)
    blocks += _worst(result)
    blocks.append(environment_facts(content))
    return Section("Accuracy and agreement", result.path.name, _verdicts(content), tuple(blocks))


def _verdicts(content: Mapping[str, Any]) -> tuple[Verdict, ...]:
    verdicts = []
    for agreement in content["agreement"]:
        drop = _drop(content, agreement["candidate"])
        same = f"{percent(agreement['pixel'])} % of pixels get the same class"
        if drop is None:
            bad = agreement["pixel"] < LEAST_AGREEMENT
            text = f"{agreement['candidate']}: {same} as with {agreement['reference']}."
        else:
            bad = drop > MOST_DROP_POINTS
            lost = drop_sentence(drop)
            text = f"{agreement['candidate']} {lost} against {agreement['reference']}; {same}."
        verdicts.append(Verdict(text, "bad" if bad else "good"))
    return tuple(verdicts)


def _variants(content: Mapping[str, Any]) -> Table:
    agreement = {a["candidate"]: a["pixel"] for a in content["agreement"]}
    rows = []
    for variant in content["variants"]:
        drop = None if variant["name"] == content["reference"] else _drop(content, variant["name"])
        rows.append(
            (
                variant["name"],
                variant["precision"] or NONE,
                percent(variant["miou"]),
                points(drop),
                percent(variant["pixel_accuracy"]),
                percent(agreement.get(variant["name"])),
                size(variant["bytes"]),
                variant.get("runtime", NONE),
            )
        )
    head = ("model", "precision", "mIoU %", "points", "pixels %", "agreement %", "size", "runtime")
    return Table(head, tuple(rows), "llrrrrrl")


def _class_bars(content: Mapping[str, Any]) -> Bars:
    variants = content["variants"]
    groups = tuple(
        (name, tuple(Bar(v["per_class_iou"].get(name), percent(v["per_class_iou"].get(name))) for v in variants))
        for name in content["classes"]
    )
    return Bars("IoU by class, %", tuple(v["name"] for v in variants), groups)


def _class_table(content: Mapping[str, Any]) -> Table:
    variants = content["variants"]
    rows = tuple((name, *(percent(v["per_class_iou"].get(name)) for v in variants)) for name in content["classes"])
    return Table(("IoU, %", *(v["name"] for v in variants)), rows, "l" + "r" * len(variants))


def _flips(content: Mapping[str, Any]) -> Table:
    rows = [
        (a["candidate"], f"{flip['from']} → {flip['to']}", f"{flip['pixels']:,}", flip_sentence(flip, a["flips"]))
        for a in content["agreement"]
        for flip in a["flips"][:_MOST_FLIPS]
    ]
    return Table(("candidate", "class changed", "pixels", "of its changes"), tuple(rows), "llrr", "Flips", detail=True)


def _worst(result: ResultFile) -> list[Block]:
    """Show the images with the least agreement: as pictures where there are any, else by name."""
    pictures: list[Block] = []
    rows = []
    for agreement in result.content["agreement"]:
        for sample in agreement["worst"][:_MOST_PICTURES]:
            caption = f"{sample['id']}: {agreement['candidate']}, {percent(sample['pixel'])} % agree"
            path = _picture(result.path, sample.get("picture"))
            if path is not None:
                pictures.append(Picture(path, caption))
            rows.append((agreement["candidate"], sample["id"], percent(sample["pixel"])))
    if pictures:
        return [Paragraph("The images with the least agreement, worst first:"), *pictures]
    head = ("candidate", "image", "agreement %")
    return [Table(head, tuple(rows), "llr", "Least agreement", detail=True)] if rows else []


def _picture(json_path: Path, name: str | None) -> Path | None:
    """Find a picture beside the result file or where the command ran; None where it has gone."""
    candidates = [] if name is None else [json_path.parent / name, Path(name)]
    return next((path for path in candidates if path.is_file()), None)


def _drop(content: Mapping[str, Any], name: str) -> float | None:
    miou = {variant["name"]: variant["miou"] for variant in content["variants"]}
    reference, own = miou[content["reference"]], miou[name]
    return None if reference is None or own is None else 100 * (reference - own)
