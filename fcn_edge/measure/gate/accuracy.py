"""Accuracy: what a comparison says of the head against its reference, check by check.

The images are the same each time and so is the result, so the figures themselves are held against the limits; the
intervals only tell how far other images of the kind could have moved them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fcn_edge.measure.accuracy.detail import Finding
from fcn_edge.measure.accuracy.result import AgreementReport, CompareReport, VariantReport
from fcn_edge.measure.gate.config import GateConfig
from fcn_edge.measure.gate.result import Check, WorstImage
from fcn_edge.measure.wording import percent

CLASS_PREFIX = "iou."
MOST_IMAGES = 6
# Of the largest losses, as many as a sentence holds.
_MOST_NAMED = 3
# Points are differences of floats: 80.0 - 77.0 may come out a hair above 3.
_ROUNDING = 1e-9
_HINT = "see what became of which class, and what to do: fcn-edge compare REFERENCE HEAD --data DATA"


@dataclass(frozen=True, slots=True)
class _Pair:
    """The two models of a comparison, and how far they agree; None where both are one file."""

    reference: VariantReport
    head: VariantReport
    agreement: AgreementReport | None
    findings: tuple[Finding, ...]

    def hint(self, kind: str) -> str:
        """Say what to do: as the comparison does where it found the same, else where to look."""
        hints = (found.hint for found in self.findings if (found.kind, found.model) == (kind, self.head.name))
        return next(hints, _HINT)


def accuracy_checks(report: CompareReport, config: GateConfig) -> tuple[Check, ...]:
    """Judge a comparison of the head with its reference, or of a file that is both.

    Without masks there is agreement alone.
    """
    pair = _pair(report)
    checks = []
    if pair.reference.miou is not None:
        lost = {name: _lost_points(pair, name) for name in report.classes}
        checks = [_miou_kept(pair, lost, config), *(_class_check(pair, name, lost[name], config) for name in lost)]
    return (*checks, _agreement(pair, config))


def _pair(report: CompareReport) -> _Pair:
    reference = report.variant(report.reference)
    if not report.agreement:
        return _Pair(reference, reference, None, ())
    agreement = report.agreement[0]
    return _Pair(reference, report.variant(agreement.candidate), agreement, report.findings)


def _lost_points(pair: _Pair, name: str) -> float | None:
    """Points of IoU that a class lost; a class that the head gives up altogether lost all it had."""
    before, now = pair.reference.per_class_iou[name], pair.head.per_class_iou[name]
    return None if before is None else 100 * (before - (now or 0.0))


def _miou_kept(pair: _Pair, lost: Mapping[str, float | None], config: GateConfig) -> Check:
    before, now = pair.reference.miou or 0.0, pair.head.miou or 0.0
    kept = now / before if before else 1.0
    good = kept >= config.miou_kept - _ROUNDING
    detail = f"mIoU {percent(now)} % against {percent(before)} % of {pair.reference.name}, {percent(kept)} % of it"
    return Check(
        name="miou_kept",
        verdict="pass" if good else "fail",
        value=kept,
        limit=config.miou_kept,
        unit="share",
        interval=pair.agreement.miou_kept_ci if pair.agreement else None,
        detail=detail if good else f"{detail}; most is lost in {_most_lost(lost)}",
        hint=None if good else pair.hint("miou_lost"),
        worst=() if good else _worst(pair),
    )


def _class_check(pair: _Pair, name: str, lost: float | None, config: GateConfig) -> Check:
    before, now = pair.reference.per_class_iou[name], pair.head.per_class_iou[name]
    good = lost is None or lost <= config.class_drop + _ROUNDING
    if lost is None:
        detail = f"{name} occurs neither in the masks nor with {pair.reference.name}"
    else:
        detail = f"IoU of {name} {percent(now or 0.0)} % against {percent(before)} % of {pair.reference.name}"
    return Check(
        name=f"{CLASS_PREFIX}{name}",
        verdict="pass" if good else "fail",
        value=lost,
        limit=config.class_drop,
        unit="points",
        interval=pair.agreement.per_class_drop_ci.get(name) if pair.agreement else None,
        detail=detail,
        hint=None if good else f"an int8 file needs more calibration images that show {name}, else take fp16",
        worst=() if good else _worst_of_class(pair, name),
    )


def _agreement(pair: _Pair, config: GateConfig) -> Check:
    pixel = 1.0 if pair.agreement is None else pair.agreement.pixel
    good = pixel >= config.agreement - _ROUNDING
    detail = f"{percent(pixel)} % of pixels get the class that {pair.reference.name} gives"
    if pair.agreement is None:
        detail = f"both are one file, {pair.head.name}"
    elif not good and pair.agreement.flips:
        flip = pair.agreement.flips[0]
        detail += f"; most flips are {flip.from_class} → {flip.to_class}"
    return Check(
        name="agreement",
        verdict="pass" if good else "fail",
        value=pixel,
        limit=config.agreement,
        unit="share",
        interval=pair.agreement.pixel_ci if pair.agreement else None,
        detail=detail,
        hint=None if good else pair.hint("calibration"),
        worst=() if good else _worst(pair),
    )


def _most_lost(lost: Mapping[str, float | None]) -> str:
    points = sorted(((value, name) for name, value in lost.items() if value is not None and value > 0), reverse=True)
    return ", ".join(f"{name} ({value:.2f} points)" for value, name in points[:_MOST_NAMED]) or "no class alone"


def _worst(pair: _Pair) -> tuple[WorstImage, ...]:
    if pair.agreement is None:
        return ()
    return tuple(WorstImage(s.sample_id, s.pixel, s.picture) for s in pair.agreement.worst[:MOST_IMAGES])


def _worst_of_class(pair: _Pair, name: str) -> tuple[WorstImage, ...]:
    """Name the images on which the head gets most pixels of a class wrong that the reference had right."""
    if pair.agreement is None:
        return ()
    class_id = list(pair.reference.per_class_iou).index(name)
    before, now = _wrong_pixels(pair.reference, class_id), _wrong_pixels(pair.head, class_id)
    more = sorted(((now[i] - before[i], i) for i in now if now[i] > before[i]), key=lambda entry: -entry[0])
    pixel = {sample.sample_id: sample.pixel for sample in pair.agreement.samples}
    pictures = _pictures(pair.agreement, name)
    return tuple(WorstImage(i, pixel[i], pictures.get(i)) for _, i in more[:MOST_IMAGES])


def _wrong_pixels(variant: VariantReport, class_id: int) -> dict[str, int]:
    """By image, the pixels of a class that were missed or invented."""
    return {s.sample_id: s.truth[class_id] + s.predicted[class_id] - 2 * s.hits[class_id] for s in variant.samples}


def _pictures(agreement: AgreementReport, name: str) -> dict[str, Path]:
    """Find the pictures that were written, by image; those made for the class itself first."""
    found = {sample.sample_id: sample.picture for sample in agreement.worst}
    for loss in agreement.worst_by_class:
        if loss.class_name == name:
            found |= {sample.sample_id: sample.picture for sample in loss.images}
    return {name: picture for name, picture in found.items() if picture is not None}
