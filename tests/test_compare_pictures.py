"""Difference pictures and the table of a comparison."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from threshold_models import SIZE_HW, make_threshold_model

from fcn_edge.card import class_specs
from fcn_edge.cli.main import main
from fcn_edge.dataset import open_folder
from fcn_edge.measure.accuracy import compare
from fcn_edge.measure.accuracy.pictures import DIFFERENCE_BGR, PANEL_PX, TRUTH_BGR, difference_picture
from fcn_edge.measure.accuracy.table import format_table
from fcn_edge.scenes import SceneConfig, write_data_folder

CLASSES = class_specs(("background", "nucleus"))


def _painted(picture: np.ndarray, color_bgr: tuple[int, int, int]) -> int:
    return int(np.all(picture == color_bgr, axis=2).sum())


@pytest.fixture
def labels():
    reference = np.zeros((48, 48), np.uint8)
    reference[10:30, 10:30] = 1
    candidate = reference.copy()
    candidate[20:30, 10:30] = 0
    return reference, candidate


def test_differing_pixels_are_in_the_strong_colour(labels):
    picture = difference_picture(np.zeros((48, 48, 3), np.uint8), *labels, CLASSES)
    differing = 10 * 20 * (PANEL_PX / 48) ** 2

    # The legend's square adds a little.
    assert differing <= _painted(picture, DIFFERENCE_BGR) < differing + 200


def test_equal_labels_leave_no_strong_colour_but_the_legend(labels):
    picture = difference_picture(np.zeros((48, 48, 3), np.uint8), labels[0], labels[0], CLASSES)

    assert _painted(picture, DIFFERENCE_BGR) < 200


def test_the_true_outline_is_drawn_where_there_is_truth(labels):
    image = np.zeros((48, 48, 3), np.uint8)
    without = difference_picture(image, *labels, CLASSES)
    with_truth = difference_picture(image, *labels, CLASSES, truth=labels[0])

    assert _painted(without, TRUTH_BGR) == 0
    assert _painted(with_truth, TRUTH_BGR) > 300


@pytest.mark.parametrize("size_hw", [(20, 400), (400, 20), (1200, 900), (1, 1)])
def test_pictures_of_any_size_have_four_panels_side_by_side(size_hw):
    labels = np.zeros(size_hw, np.uint8)
    picture = difference_picture(np.zeros((*size_hw, 3), np.uint8), labels, labels, CLASSES, title="a title")
    width = max(1, round(size_hw[1] * PANEL_PX / max(size_hw)))

    assert 4 * width < picture.shape[1] < 4 * width + 40


def test_one_differing_pixel_of_a_large_image_is_still_seen():
    reference = np.zeros((1000, 1000), np.uint8)
    candidate = reference.copy()
    candidate[501, 503] = 1
    image = np.zeros((1000, 1000, 3), np.uint8)

    legend_only = _painted(difference_picture(image, reference, reference, CLASSES), DIFFERENCE_BGR)

    assert _painted(difference_picture(image, reference, candidate, CLASSES), DIFFERENCE_BGR) > legend_only


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("compare")
    data = write_data_folder(root / "data", train=0, val=2, seed=2, size_hw=SIZE_HW, config=SceneConfig("fluorescence"))
    models = [make_threshold_model(root / f"m.{p}.onnx", level) for p, level in (("fp32", 30), ("int8", 40))]
    return data, models


@pytest.fixture(scope="module")
def report(files):
    return compare(files[1], open_folder(files[0]), "val")


def test_the_table_is_read_at_a_glance(report):
    variants = [
        dataclasses.replace(v, miou=m, pixel_accuracy=p, per_class_iou={"background": b, "nucleus": n}, bytes=size)
        for v, m, p, b, n, size in zip(
            report.variants, (0.9043, 0.9012), (0.97, 0.969), (0.96, 0.958), (0.8486, 0.8444), (1_900_000, 512_345),
            strict=True,
        )
    ]  # fmt: skip
    agreement = [dataclasses.replace(report.agreement[0], pixel=0.9931)]
    fixed = dataclasses.replace(report, data="data/nuclei", variants=tuple(variants), agreement=tuple(agreement))

    assert (
        format_table(fixed)
        == """\
val of data/nuclei: 2 images; held against m.fp32.onnx

model        mIoU %  points  background %  nucleus %  pixels %  agreement %    size
───────────  ──────  ──────  ────────────  ─────────  ────────  ───────────  ──────
m.fp32.onnx   90.43       —         96.00      84.86     97.00            —  1.9 MB
m.int8.onnx   90.12   -0.31         95.80      84.44     96.90        99.31  512 kB

m.int8.onnx loses 0.31 points of mIoU against m.fp32.onnx; 99.31 % of pixels get the same class; all flips are \
nucleus → background"""
    )


def test_many_classes_get_a_table_of_their_own(tmp_path):
    names = ("background", "nucleus", "debris", "fibre")
    root = write_data_folder(tmp_path / "data", train=0, val=1, size_hw=SIZE_HW)
    (root / "classes.txt").write_text("\n".join(names))
    model = make_threshold_model(tmp_path / "m.fp32.onnx", 30, names=names)

    text = format_table(compare([model], open_folder(root), "val"))

    assert "\nclass       m.fp32.onnx\n" in text
    assert "\nfibre                 —" in text


def test_the_command_prints_the_table_and_writes_the_json(files, tmp_path, capsys):
    data, models = files
    code = main(["compare", *map(str, models), "--data", str(data), "--json", str(tmp_path / "c.json")])

    assert code == 0
    assert "agreement %" in capsys.readouterr().out
    assert (tmp_path / "c.json").is_file()


def test_the_command_needs_classes_that_fit(files, tmp_path, capsys):
    people = make_threshold_model(tmp_path / "people.onnx", 30, names=("background", "person"))
    code = main(["compare", str(people), "--data", str(files[0])])
    lines = capsys.readouterr().err.splitlines()

    assert code == 2
    assert [line.partition(":")[0] for line in lines] == ["error", "hint"]


def test_the_report_command_makes_both_pages_from_a_comparison(files, tmp_path, capsys):
    data, models = files
    result = tmp_path / "c.json"
    main(["compare", *map(str, models), "--data", str(data), "--json", str(result), "--pictures", str(tmp_path / "p")])
    code = main(["report", str(result), "--html", str(tmp_path / "r.html"), "--markdown", str(tmp_path / "r.md")])

    assert code == 0
    assert "data:image/png;base64," in (tmp_path / "r.html").read_text()
    assert "m.int8.onnx" in (tmp_path / "r.md").read_text()


def test_the_report_command_wants_to_know_what_to_write(tmp_path, capsys):
    assert main(["report", "c.json"]) == 2
    assert "nothing to write" in capsys.readouterr().err
