"""What a comparison means and what to do about it, in plain words with figures.

Every rule is a function from a comparison and one candidate to findings. A warning says that something is likely
broken: a sound model gets none. What may as well be chance, or is harmless, is a note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from fcn_edge.measure.accuracy.bootstrap import FEWEST_IMAGES
from fcn_edge.measure.accuracy.detail import Finding
from fcn_edge.measure.accuracy.result import AgreementReport, CompareReport
from fcn_edge.measure.wording import percent

# What the export allows by default.
MOST_DROP_POINTS = 1.0
MOST_CLASS_DROP_POINTS = 3.0
# Sound int8 files stay above 0.97; below this the ranges were found on something else than such images.
LEAST_INT8_AGREEMENT = 0.90
# Flips away from borders are holes and ghosts, not thinner outlines, once they are this many: of the pixels there,
# and of all flips.
_LEAST_OUTSIDE = 0.99
_MOST_OUTSIDE_FLIPS = 0.25
_MOSTLY = 0.5
# Of all pixels: if no more are as close to a tie as nine of ten flips are, flips are near-ties.
_FEW_CLOSER = 0.2
# The gate's default.
_LEAST_AGREEMENT = 0.97
# As seldom, flips are not worth a word.
_HARDLY_ANY = 0.9999
# Of all pixels: a class of fewer is easily missed by a sound model.
_RARE = 0.001
_MOST_NAMED = 3

Severity = Literal["warning", "note"]


def find(report: CompareReport) -> tuple[Finding, ...]:
    """Apply all rules; warnings come first, and within them the models in their order."""
    found = list(_reference_never_gives(report))
    for agreement in report.agreement:
        for rule in _RULES:
            found += rule(report, agreement)
    found += _few_images(report)
    return tuple(sorted(found, key=lambda finding: finding.severity != "warning"))


def _reference_never_gives(report: CompareReport) -> Iterable[Finding]:
    confusion = report.variant(report.reference).confusion
    pixels = sum(map(sum, confusion))
    for class_id in _missed(confusion):
        true = sum(confusion[class_id])
        name = report.classes[class_id]
        yield Finding(
            "class_never_given",
            report.reference,
            f"{report.reference} never gives {name}, though {true:,} pixels are of it",
            "nothing an export can mend: train longer, on more images that show it, or weight the class",
            "warning" if true >= _RARE * pixels else "note",
        )


def _never_gives(report: CompareReport, agreement: AgreementReport) -> Iterable[Finding]:
    for name in _vanished(report, agreement):
        drop = agreement.per_class_drop_points.get(name)
        given = sum(flip.pixels for flip in agreement.flips if flip.from_class == name)
        yield Finding(
            "class_never_given",
            agreement.candidate,
            f"{agreement.candidate} never gives {name}, {agreement.reference} gives it to {given:,} pixels",
            _mend(report, agreement, name),
            "warning" if drop is None or drop > MOST_CLASS_DROP_POINTS else "note",
        )


def _class_lost(report: CompareReport, agreement: AgreementReport) -> Iterable[Finding]:
    vanished = _vanished(report, agreement)
    drops = {
        name: drop
        for name, drop in agreement.per_class_drop_points.items()
        if drop is not None and drop > MOST_CLASS_DROP_POINTS and name not in vanished
    }
    ranked = sorted(drops, key=lambda name: -drops[name])
    for name in ranked[:_MOST_NAMED]:
        interval = agreement.per_class_drop_ci.get(name)
        before = percent(report.variant(agreement.reference).per_class_iou[name])
        after = percent(report.variant(agreement.candidate).per_class_iou[name])
        unnamed = len(ranked) - _MOST_NAMED if name in ranked[_MOST_NAMED - 1 :] else 0
        more = f"; {unnamed} other classes lose more than {MOST_CLASS_DROP_POINTS:.0f}, too" if unnamed > 0 else ""
        whole = agreement.drop_points
        beside = "" if whole is None or whole > MOST_DROP_POINTS else f", while mIoU loses only {whole:.2f}"
        yield Finding(
            "class_lost",
            agreement.candidate,
            f"{agreement.candidate} loses {drops[name]:.2f} points of IoU of {name}, {before} → {after}"
            f"{_certain(interval)}{beside}{more}",
            _mend(report, agreement, name),
            _severity(interval),
        )


def _miou_lost(report: CompareReport, agreement: AgreementReport) -> Iterable[Finding]:
    drop = agreement.drop_points
    if drop is None or drop <= MOST_DROP_POINTS:
        return
    yield Finding(
        "miou_lost",
        agreement.candidate,
        f"{agreement.candidate} loses {drop:.2f} points of mIoU{_certain(agreement.drop_ci)}",
        _mend(report, agreement, None),
        _severity(agreement.drop_ci),
    )


def _class_invented(report: CompareReport, agreement: AgreementReport) -> Iterable[Finding]:
    reference, candidate = report.variant(agreement.reference), report.variant(agreement.candidate)
    for class_id, name in enumerate(report.classes):
        given = sum(row[class_id] for row in candidate.confusion)
        if reference.per_class_iou[name] is not None or not given:
            continue
        yield Finding(
            "class_invented",
            agreement.candidate,
            f"{agreement.candidate} gives {name} to {given:,} pixels; neither the masks nor {agreement.reference} "
            "have it, so it counts in mIoU with an IoU of 0",
            "judge by the IoU of the other classes, or compare on images that show this one",
            "warning"
            if (agreement.drop_points or 0) > MOST_DROP_POINTS and given >= _RARE * _pixels(report)
            else "note",
        )


def _calibration(report: CompareReport, agreement: AgreementReport) -> Iterable[Finding]:
    if report.variant(agreement.candidate).precision != "int8" or agreement.pixel >= LEAST_INT8_AGREEMENT:
        return
    yield Finding(
        "calibration",
        agreement.candidate,
        f"only {percent(agreement.pixel)} % of pixels get the same class from {agreement.candidate} as from "
        f"{agreement.reference}; an int8 file that was calibrated on such images keeps above 97 %",
        "export again, calibrated on images like these, all classes among them: fcn-edge export MODEL --data "
        f"{report.data} --calibration-images 100; a converter of your own must get the pixels as the model does",
        "warning",
    )


def _where_flips_lie(report: CompareReport, agreement: AgreementReport) -> Iterable[Finding]:
    flips = sum(flip.pixels for flip in agreement.flips)
    if not flips or agreement.pixel > _HARDLY_ANY:
        return
    inside = sum(flip.inside_boundary for flip in agreement.flips) / flips
    outside_kept = 1.0 if agreement.outside_boundary is None else agreement.outside_boundary
    name, reach = agreement.candidate, f"{report.boundary_band_px} px"
    if 1 - inside > _MOST_OUTSIDE_FLIPS and outside_kept < _LEAST_OUTSIDE:
        harmless = agreement.drop_points is not None and agreement.drop_points <= MOST_DROP_POINTS
        yield Finding(
            "flips_off_borders",
            name,
            f"{_share(1 - inside)} of the flips of {name} lie over {reach} from any class border: whole areas change",
            _mend(report, agreement, None),
            "note" if harmless else "warning",
        )
    elif inside >= _MOSTLY:
        yield Finding(
            "flips_at_borders",
            name,
            f"{_share(inside)} of the flips of {name} lie within {reach} of a class border{_near_ties(agreement)}",
            _border_hint(agreement),
            "note",
        )


def _border_hint(agreement: AgreementReport) -> str:
    if agreement.drop_points is None and agreement.pixel < _LEAST_AGREEMENT:
        return "outlines move; compare on images with masks to see whether it costs accuracy"
    if (agreement.drop_points or 0) > MOST_DROP_POINTS:
        return "outlines move, which costs small and thin things most: see boundary IoU and the worst images"
    return "outlines move a little, as rounding makes them: nothing to do"


def _near_ties(agreement: AgreementReport) -> str:
    margin = agreement.margin
    if margin is None or margin.closer_everywhere > _FEW_CLOSER:
        return ""
    return (
        f", 90 % where the margin of {agreement.reference} is below {margin.flipped.p90:.2g} {margin.unit} "
        f"(as that of {_share(margin.closer_everywhere)} of all pixels)"
    )


def _sure_flips(_: CompareReport, agreement: AgreementReport) -> Iterable[Finding]:
    margin = agreement.margin
    if margin is None or margin.closer_everywhere < _MOSTLY or agreement.pixel >= LEAST_INT8_AGREEMENT:
        return
    yield Finding(
        "flips_where_sure",
        agreement.candidate,
        f"{agreement.reference} is sure of what {agreement.candidate} flips: nine of ten flips lie below a margin of "
        f"{margin.flipped.p90:.2g} ({margin.unit}), but so do {_share(margin.closer_everywhere)} of all pixels",
        "rounding flips near-ties only: look for a wrong preprocessing, another training run or a broken layer",
        "warning",
    )


def _few_images(report: CompareReport) -> Iterable[Finding]:
    images = max(variant.images for variant in report.variants)
    if report.agreement and 0 < images < FEWEST_IMAGES:
        yield Finding(
            "few_images",
            None,
            f"{images} images with masks are too few to tell how certain a drop is",
            f"compare on {FEWEST_IMAGES} or more for intervals",
            "note",
        )


_RULES: tuple[Callable[[CompareReport, AgreementReport], Iterable[Finding]], ...] = (
    _never_gives,
    _class_lost,
    _miou_lost,
    _class_invented,
    _calibration,
    _where_flips_lie,
    _sure_flips,
)


def _vanished(report: CompareReport, agreement: AgreementReport) -> list[str]:
    """Name the classes that the reference gives and the candidate never."""
    joined = {flip.to_class for flip in agreement.flips}
    # No pixel in common, and none that became one of the class: there is none.
    return [name for name in report.classes if agreement.per_class_agreement.get(name) == 0 and name not in joined]


def _missed(confusion: tuple[tuple[int, ...], ...]) -> list[int]:
    """Give the classes that some pixels truly have and none is said to have."""
    return [i for i, row in enumerate(confusion) if sum(row) and not sum(other[i] for other in confusion)]


def _pixels(report: CompareReport) -> int:
    return sum(map(sum, report.variants[0].confusion))


def _severity(interval: tuple[float, float] | None) -> Severity:
    """Take a loss for real unless other images might as well have shown none."""
    return "note" if interval is not None and interval[0] <= 0 else "warning"


def _certain(interval: tuple[float, float] | None) -> str:
    if interval is None:
        return ""
    chance = "; it may be chance" if interval[0] <= 0 else ""
    return f" (95 % interval {interval[0]:.2f} to {interval[1]:.2f}{chance})"


def _mend(report: CompareReport, agreement: AgreementReport, class_name: str | None) -> str:
    images = next((c.images for c in agreement.worst_by_class if c.class_name == class_name), agreement.worst)
    named = ", ".join(sample.sample_id for sample in images[:_MOST_NAMED])
    look = f"look at {named} (--pictures DIR)" if named else "look at the worst images (--pictures DIR)"
    if report.variant(agreement.candidate).precision != "int8":
        return f"{look}; a float file loses next to nothing by itself: is it of the same training run?"
    shows = f"that show {class_name}" if class_name else "like these"
    return f"{look}; calibrate on more images {shows} (export --calibration-images N), or take fp16"


def _share(share: float) -> str:
    """Write a share as whole percent, with a digit more where that would be nothing."""
    if share == 1:
        return "all"
    if share > 0.99:  # noqa: PLR2004 - whole percent would say all
        return ">99 %"
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1f} %"  # noqa: PLR2004 - or nothing
