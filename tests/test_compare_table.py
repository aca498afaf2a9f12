"""The table of a comparison, as a person reads it in a terminal."""

from __future__ import annotations

import dataclasses

import pytest
from threshold_models import SIZE_HW, make_threshold_model

from fcn_edge.dataset import open_folder
from fcn_edge.measure.accuracy import compare
from fcn_edge.measure.accuracy.detail import Finding
from fcn_edge.measure.accuracy.table import WIDTH, format_table
from fcn_edge.scenes import SceneConfig, write_data_folder


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = tmp_path_factory.mktemp("compare")
    data = write_data_folder(root / "data", train=0, val=2, seed=2, size_hw=SIZE_HW, config=SceneConfig("fluorescence"))
    models = [make_threshold_model(root / f"m.{p}.onnx", level) for p, level in (("fp32", 30), ("int8", 40))]
    return compare(models, open_folder(data), "val")


@pytest.fixture
def fixed(report):
    """The comparison with figures that do not depend on how scenes are drawn."""
    figures = (
        (0.9043, (0.89, 0.92), 0.97, 0.802, (0.96, 0.8486), 1_900_000),
        (0.9012, (0.88, 0.92), 0.969, 0.8, (0.958, 0.8444), 512_345),
    )
    variants = [
        dataclasses.replace(
            variant,
            miou=miou,
            miou_ci=interval,
            pixel_accuracy=pixels,
            boundary_iou=boundary,
            per_class_iou=dict(zip(report.classes, iou, strict=True)),
            bytes=size,
        )
        for variant, (miou, interval, pixels, boundary, iou, size) in zip(report.variants, figures, strict=True)
    ]
    agreement = dataclasses.replace(
        report.agreement[0],
        pixel=0.9931,
        inside_boundary=0.9812,
        outside_boundary=0.99997,
        drop_points=0.31,
        drop_ci=(-0.004, 0.62),
    )
    finding = Finding("few_images", None, "two images " * 12 + "are few", "take more", "note")
    return dataclasses.replace(
        report,
        data="data/nuclei",
        variants=tuple(variants),
        agreement=(agreement,),
        boundary_band_px=1,
        findings=(finding,),
    )


def test_the_table_is_read_at_a_glance(fixed):
    assert (
        format_table(fixed)
        == """\
val of data/nuclei: 2 images; held against m.fp32.onnx

model             mIoU %               points  boundary %  pixels %  background %  nucleus %    size
───────────  ───────────  ───────────────────  ──────────  ────────  ────────────  ─────────  ──────
m.fp32.onnx  90.43 ±1.50                    —       80.20     97.00         96.00      84.86  1.9 MB
m.int8.onnx  90.12 ±2.00  -0.31 [-0.62, 0.00]       80.00     96.90         95.80      84.44  512 kB

same class as m.fp32.onnx  agreement %  within 1 px of a border %  elsewhere %
─────────────────────────  ───────────  ─────────────────────────  ───────────
m.int8.onnx                      99.31                      98.12       >99.99

m.int8.onnx loses 0.31 points of mIoU against m.fp32.onnx; 99.31 % of pixels get the same class; all flips are \
nucleus → background

note: two images two images two images two images two images two images two images two images two images two
      images two images two images are few
      → take more"""
    )


def test_without_intervals_the_figures_stand_alone(fixed):
    variants = tuple(dataclasses.replace(variant, miou_ci=None) for variant in fixed.variants)
    agreement = (dataclasses.replace(fixed.agreement[0], drop_ci=None),)
    text = format_table(dataclasses.replace(fixed, variants=variants, agreement=agreement, findings=()))

    assert "\nm.int8.onnx   90.12   -0.31       80.00" in text


def test_no_table_is_wider_than_a_terminal(fixed):
    lines = format_table(fixed).splitlines()

    assert max(len(line) for line in lines if "%" in line and "loses" not in line) <= WIDTH


def test_many_classes_get_a_table_of_their_own(tmp_path):
    names = ("background", "nucleus of a cell", "debris of something", "a long thin fibre", "dust")
    root = write_data_folder(tmp_path / "data", train=0, val=1, size_hw=SIZE_HW)
    (root / "classes.txt").write_text("\n".join(names))
    model = make_threshold_model(tmp_path / "m.fp32.onnx", 30, names=names)

    text = format_table(compare([model], open_folder(root), "val"))

    assert "\nclass                m.fp32.onnx\n" in text
    assert "\na long thin fibre              —" in text


def test_one_model_alone_is_held_against_nothing(report, tmp_path):
    data = write_data_folder(tmp_path / "data", train=0, val=1, size_hw=SIZE_HW)
    model = make_threshold_model(tmp_path / "m.fp32.onnx", 30)
    text = format_table(compare([model], open_folder(data), "val"))

    assert "agreement" not in text
    assert "note" not in text


def test_one_image_is_one_image(report):
    assert ": 1 image, 2 with masks; held against" in format_table(dataclasses.replace(report, images=1))
