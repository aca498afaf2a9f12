"""A comparison as text that a person reads at a glance."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from fcn_edge.measure.accuracy.detail import Finding
from fcn_edge.measure.accuracy.result import AgreementReport, CompareReport
from fcn_edge.measure.columns import align
from fcn_edge.measure.wording import NONE, drop_sentence, percent, points, points_interval, size, spread

# Of a terminal.
WIDTH = 110


def format_table(report: CompareReport) -> str:
    """Make the lines that ``compare`` prints, without the last newline."""
    with_masks = max(variant.images for variant in report.variants)
    masks = f", {with_masks} with masks" if with_masks != report.images else ""
    images = f"{report.images} image{'' if report.images == 1 else 's'}"
    head = f"{report.split} of {report.data}: {images}{masks}; held against {report.reference}"
    whole = align(_accuracy_rows(report, report.classes))
    fits = max(map(len, whole.splitlines())) <= WIDTH
    parts = [head, whole if fits else align(_accuracy_rows(report, ()))]
    if not fits:
        parts.append("IoU by class, %\n" + align(_class_rows(report)))
    if report.agreement:
        parts.append(align(_agreement_rows(report)))
        parts.append("\n".join(verdict(report, agreement) for agreement in report.agreement))
    if report.findings:
        parts.append("\n".join(_finding(finding) for finding in report.findings))
    return "\n\n".join(parts)


def verdict(report: CompareReport, agreement: AgreementReport) -> str:
    """Say in a sentence what the candidate lost against the reference."""
    drop = report.drop(agreement.candidate)
    same = f"{percent(agreement.pixel)} % of pixels get the same class"
    if drop is None:
        text = f"{agreement.candidate}: {same}"
    else:
        text = f"{agreement.candidate} {drop_sentence(drop)} against {agreement.reference}; {same}"
    if not agreement.flips:
        return text
    most = agreement.flips[0]
    share = 100 * most.pixels / sum(flip.pixels for flip in agreement.flips)
    how_often = "all flips are" if len(agreement.flips) == 1 else f"{share:.0f} % of the flips are"
    return f"{text}; {how_often} {most.from_class} → {most.to_class}"


def _accuracy_rows(report: CompareReport, shown: Sequence[str]) -> list[list[str]]:
    lost = {a.candidate: f"{points(a.drop_points)} {points_interval(a.drop_ci)}".rstrip() for a in report.agreement}
    rows = [["model", "mIoU %", "points", "boundary %", "pixels %", *(f"{name} %" for name in shown), "size"]]
    rows += [
        [
            variant.name,
            f"{percent(variant.miou)} {spread(variant.miou_ci)}".rstrip(),
            lost.get(variant.name, NONE),
            percent(variant.boundary_iou),
            percent(variant.pixel_accuracy),
            *(percent(variant.per_class_iou[name]) for name in shown),
            size(variant.bytes),
        ]
        for variant in report.variants
    ]
    return rows


def _class_rows(report: CompareReport) -> list[list[str]]:
    rows = [["class", *(variant.name for variant in report.variants)]]
    rows += [[name, *(percent(v.per_class_iou[name]) for v in report.variants)] for name in report.classes]
    return rows


def _agreement_rows(report: CompareReport) -> list[list[str]]:
    band = f"within {report.boundary_band_px} px of a border %"
    rows = [[f"same class as {report.reference}", "agreement %", band, "elsewhere %"]]
    rows += [
        [a.candidate, percent(a.pixel), percent(a.inside_boundary), percent(a.outside_boundary)]
        for a in report.agreement
    ]
    return rows


def _finding(finding: Finding) -> str:
    margin = " " * len(finding.severity) + "  "
    wrapper = textwrap.TextWrapper(WIDTH, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False)
    return wrapper.fill(f"{finding.severity}: {finding.text}") + "\n" + wrapper.fill(f"{margin}→ {finding.hint}")
