"""A comparison as text that a person reads at a glance."""

from __future__ import annotations

from collections.abc import Sequence

from fcn_edge.measure.accuracy.result import AgreementReport, CompareReport
from fcn_edge.measure.wording import drop_sentence, percent, points, size

# More classes than this do not fit beside the other columns of a terminal.
_CLASS_COLUMNS = 3


def format_table(report: CompareReport) -> str:
    """Make the lines that ``compare`` prints, without the last newline."""
    with_masks = max(variant.images for variant in report.variants)
    masks = f", {with_masks} with masks" if with_masks != report.images else ""
    head = f"{report.split} of {report.data}: {report.images} images{masks}; held against {report.reference}"
    parts = [head, _align(_main_rows(report))]
    if len(report.classes) > _CLASS_COLUMNS:
        parts.append("IoU by class, %\n" + _align(_class_rows(report)))
    if report.agreement:
        parts.append("\n".join(verdict(report, agreement) for agreement in report.agreement))
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


def _main_rows(report: CompareReport) -> list[list[str]]:
    agreement = {a.candidate: a.pixel for a in report.agreement}
    shown = report.classes if len(report.classes) <= _CLASS_COLUMNS else ()
    rows = [["model", "mIoU %", "points", *(f"{name} %" for name in shown), "pixels %", "agreement %", "size"]]
    for variant in report.variants:
        drop = None if variant.name == report.reference else report.drop(variant.name)
        rows.append(
            [
                variant.name,
                percent(variant.miou),
                points(drop),
                *(percent(variant.per_class_iou[name]) for name in shown),
                percent(variant.pixel_accuracy),
                percent(agreement.get(variant.name)),
                size(variant.bytes),
            ]
        )
    return rows


def _class_rows(report: CompareReport) -> list[list[str]]:
    rows = [["class", *(variant.name for variant in report.variants)]]
    rows += [[name, *(percent(v.per_class_iou[name]) for v in report.variants)] for name in report.classes]
    return rows


def _align(rows: Sequence[Sequence[str]]) -> str:
    """Align columns: the first to the left, figures to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("─" * w for w in widths))
    return "\n".join(lines)
