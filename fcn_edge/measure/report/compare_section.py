"""The section of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fcn_edge.measure.report.block import Block, Facts, Note, Notes, Paragraph, Section, Table, Verdict
from fcn_edge.measure.report.compare_blocks import (
    agreement_table,
    class_blocks,
    drop_of,
    flips_table,
    margin_table,
    worst_blocks,
)
from fcn_edge.measure.report.environment_block import environment_facts
from fcn_edge.measure.report.layers_block import layers_blocks
from fcn_edge.measure.report.result_file import ResultFile
from fcn_edge.measure.wording import NONE, as_sentence, drop_sentence, percent, points, points_interval, size, spread

# What the export allows by default, and the gate's default for agreement.
MOST_DROP_POINTS = 1.0
LEAST_AGREEMENT = 0.97


def compare_section(result: ResultFile) -> Section:
    """Make the section; missing keys raise KeyError or TypeError."""
    content = result.content
    blocks: list[Block] = [Paragraph(_method(content)), _variants(content), *_findings(content)]
    blocks += class_blocks(content)
    for table in (agreement_table(content), margin_table(content), flips_table(content)):
        if table.rows:
            blocks.append(table)
    blocks += worst_blocks(result)
    blocks += layers_blocks(content)
    blocks.append(Facts(tuple((v["name"], v["runtime"]) for v in content["variants"] if "runtime" in v)))
    blocks.append(environment_facts(content))
    return Section("Accuracy and agreement", result.path.name, _verdicts(content), tuple(blocks))


def _method(content: Mapping[str, Any]) -> str:
    images = f"{content['images']} image{'' if content['images'] == 1 else 's'}"
    text = (
        f"{images} of split {content['split']} of {content['data']}. Scores are brought to the "
        f"size of the original image before a class is decided. Points are absolute points of mIoU against "
        f"{content['reference']}; agreement is the share of pixels that get the same class."
    )
    if any(variant.get("boundary_iou") is not None for variant in content["variants"]):
        text += " Boundary IoU counts only pixels within 2 % of the picture's diagonal of their class's outline."
    if any(variant.get("miou_ci") for variant in content["variants"]):
        text += (
            " Intervals hold the true figure with 95 % confidence: BCa bootstrap over images, 2,000 times, seed "
            f"{content.get('seed', 0)}; those of points are from pairs."
        )
    return text


def _findings(content: Mapping[str, Any]) -> Iterator[Notes]:
    notes = tuple(
        Note(finding["severity"], _ended(finding["text"]), as_sentence(finding["hint"]))
        for finding in content.get("findings") or ()
    )
    if notes:
        yield Notes("What was found, and what to do about it", notes)


def _ended(text: str) -> str:
    """End with a full stop; the beginning is a model's name, which stays as it is."""
    return f"{text.removesuffix('.')}."


def _verdicts(content: Mapping[str, Any]) -> tuple[Verdict, ...]:
    verdicts: list[Verdict] = []
    bad_models: set[str] = set()
    for agreement in content["agreement"]:
        drop = drop_of(content, agreement["candidate"])
        same = f"{percent(agreement['pixel'])} % of pixels get the same class"
        if drop is None:
            bad = agreement["pixel"] < LEAST_AGREEMENT
            text = f"{agreement['candidate']}: {same} as with {agreement['reference']}."
        else:
            bad = drop > MOST_DROP_POINTS
            lost = drop_sentence(drop)
            text = f"{agreement['candidate']} {lost} against {agreement['reference']}; {same}."
        verdicts.append(Verdict(text, "bad" if bad else "good"))
        if bad:
            bad_models.add(agreement["candidate"])
    # Of a model that is bad over all the notes say the rest; of another this is the first one hears.
    verdicts += [
        Verdict(_ended(finding["text"]), "bad")
        for finding in content.get("findings") or ()
        if finding["severity"] == "warning" and finding["model"] not in bad_models
    ]
    return tuple(verdicts)


def _variants(content: Mapping[str, Any]) -> Table:
    agreement = {a["candidate"]: a for a in content["agreement"]}
    rows = []
    for variant in content["variants"]:
        held = agreement.get(variant["name"], {})
        drop = drop_of(content, variant["name"]) if held else None
        rows.append(
            (
                variant["name"],
                variant["precision"] or NONE,
                f"{percent(variant['miou'])} {spread(variant.get('miou_ci'))}".rstrip(),
                f"{points(drop)} {points_interval(held.get('drop_ci'))}".rstrip(),
                percent(variant.get("boundary_iou")),
                percent(variant["pixel_accuracy"]),
                percent(held.get("pixel")),
                size(variant["bytes"]),
            )
        )
    head = ("model", "precision", "mIoU %", "points", "boundary IoU %", "pixels %", "agreement %", "size")
    return Table(head, tuple(rows), "llrrrrrr")
