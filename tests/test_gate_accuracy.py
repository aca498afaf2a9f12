"""Accuracy: the heads that a gate must not let through, and those it must."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from gate_reports import compare_report

from fcn_edge.measure.accuracy.result import SampleAccuracy
from fcn_edge.measure.gate import GateConfig
from fcn_edge.measure.gate.accuracy import accuracy_checks

MANY = {f"class{i}": 0.8 for i in range(20)}


def judge(report, **limits):
    return {check.name: check for check in accuracy_checks(report, GateConfig(**limits))}


def failed(checks):
    return [name for name, check in checks.items() if check.verdict == "fail"]


def test_a_good_head_passes_everything():
    checks = judge(compare_report({"background": 0.95, "road": 0.8}, {"background": 0.949, "road": 0.795}))

    assert failed(checks) == []
    assert list(checks) == ["miou_kept", "iou.background", "iou.road", "agreement"]
    assert checks["iou.road"].value == pytest.approx(0.5)


def test_a_head_calibrated_on_black_images_fails_and_names_classes_and_images():
    checks = judge(
        compare_report(
            {"background": 0.95, "road": 0.8, "car": 0.7}, {"background": 0.6, "road": 0.0, "car": 0.1}, pixel=0.6
        )
    )

    assert failed(checks) == ["miou_kept", "iou.background", "iou.road", "iou.car", "agreement"]
    assert checks["miou_kept"].detail.endswith(
        "most is lost in road (80.00 points), car (60.00 points), background (35.00 points)"
    )
    assert [image.sample_id for image in checks["miou_kept"].worst] == ["image2", "image1", "image0"]
    assert checks["agreement"].detail.endswith("most flips are car → background")


def test_one_ruined_class_fails_though_the_mean_is_kept():
    now = MANY | {"class7": 0.66}
    checks = judge(compare_report(MANY, now))

    assert checks["miou_kept"].verdict == "pass"
    assert failed(checks) == ["iou.class7"]
    assert checks["iou.class7"].value == pytest.approx(14)


def test_a_class_that_the_head_gives_up_loses_all_its_iou():
    checks = judge(compare_report({"background": 0.95, "road": 0.3}, {"background": 0.95, "road": None}))

    assert checks["iou.road"].value == pytest.approx(30)
    assert "iou.road" in failed(checks)


def test_a_class_that_is_absent_passes_without_a_value():
    checks = judge(compare_report({"background": 0.95, "road": None}, {"background": 0.95, "road": 0.0}))

    assert (checks["iou.road"].verdict, checks["iou.road"].value) == ("pass", None)


def test_exactly_the_limit_passes():
    checks = judge(compare_report({"background": 0.9, "road": 0.80}, {"background": 0.9, "road": 0.77}, pixel=0.97))

    assert "iou.road" not in failed(checks)
    assert "agreement" not in failed(checks)


def test_the_limits_are_those_of_the_configuration():
    report = compare_report({"background": 0.9, "road": 0.8}, {"background": 0.9, "road": 0.75}, pixel=0.95)

    assert failed(judge(report)) == ["miou_kept", "iou.road", "agreement"]
    assert failed(judge(report, miou_kept=0.9, class_drop=10, agreement=0.9)) == []


def test_without_masks_there_is_agreement_alone():
    checks = judge(compare_report({"background": 0.9, "road": 0.8}, {"background": 0.9, "road": 0.1}, masks=False))

    assert list(checks) == ["agreement"]


def test_a_reference_that_finds_nothing_is_kept_by_a_head_that_finds_nothing():
    checks = judge(compare_report({"background": 0.0, "road": 0.0}, {"background": 0.0, "road": 0.0}))

    assert checks["miou_kept"].verdict == "pass"


def test_the_worst_images_of_a_class_are_those_that_lost_most_of_it(tmp_path):
    def sample(number, hits):
        return SampleAccuracy(f"image{number}", hits=(10, hits), truth=(10, 10), predicted=(10, hits))

    before, now = [sample(i, 9) for i in range(3)], [sample(0, 8), sample(1, 2), sample(2, 9)]
    report = compare_report(
        {"background": 0.9, "road": 0.9}, {"background": 0.9, "road": 0.6}, samples=(before, now), pixel=0.98
    )

    worst = judge(report)["iou.road"].worst

    assert [image.sample_id for image in worst] == ["image1", "image0"]
    assert worst[0].pixel == pytest.approx(0.97)


def test_intervals_of_the_comparison_are_passed_on():
    report = compare_report({"background": 0.9, "road": 0.8}, {"background": 0.9, "road": 0.7})
    agreement = dataclasses.replace(
        report.agreement[0], miou_kept_ci=(0.9, 0.95), per_class_drop_ci={"road": (8.0, 12.0)}, pixel_ci=(0.98, 0.995)
    )

    checks = judge(dataclasses.replace(report, agreement=(agreement,)))

    assert checks["miou_kept"].interval == (0.9, 0.95)
    assert checks["iou.road"].interval == (8.0, 12.0)
    assert checks["iou.background"].interval is None
    assert checks["agreement"].interval == (0.98, 0.995)


def test_pictures_of_the_worst_images_are_named():
    report = compare_report({"background": 0.9, "road": 0.8}, {"background": 0.9, "road": 0.1}, pixel=0.5)
    shown = tuple(
        dataclasses.replace(image, picture=Path(f"{image.sample_id}.png")) for image in report.agreement[0].worst
    )
    agreement = dataclasses.replace(report.agreement[0], worst=shown)

    checks = judge(dataclasses.replace(report, agreement=(agreement,)))

    assert [image.picture for image in checks["agreement"].worst] == [
        Path("image2.png"), Path("image1.png"), Path("image0.png"),
    ]  # fmt: skip
