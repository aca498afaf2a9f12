"""Difference pictures, and what the commands make of a comparison."""

from __future__ import annotations

import numpy as np
import pytest
from threshold_models import SIZE_HW, make_threshold_model

from fcn_edge.card import class_specs
from fcn_edge.cli.main import main
from fcn_edge.measure.accuracy.pictures import DIFFERENCE_BGR, PANEL_PX, TRUTH_BGR, difference_picture
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


def test_the_command_prints_the_table_and_writes_the_json(files, tmp_path, capsys):
    data, models = files
    code = main(["compare", *map(str, models), "--data", str(data), "--json", str(tmp_path / "c.json")])

    assert code == 0
    assert "agreement %" in capsys.readouterr().out
    assert (tmp_path / "c.json").is_file()


def test_the_command_names_the_folder_of_pictures_only_where_there_are_any(files, tmp_path, capsys):
    data, (fp32, int8) = files
    folder = tmp_path / "pictures"
    copy = tmp_path / "copy.int8.onnx"
    copy.write_bytes(fp32.read_bytes())

    for models, more in (((fp32, copy), ()), ((fp32, int8), ("--worst", "0"))):
        assert main(["compare", *map(str, models), "--data", str(data), "--pictures", str(folder), *more]) == 0
        assert "difference pictures" not in capsys.readouterr().out
        assert not folder.exists()
    assert main(["compare", str(fp32), str(int8), "--data", str(data), "--pictures", str(folder)]) == 0
    assert f"difference pictures: {folder}" in capsys.readouterr().out.splitlines()


def test_the_command_refuses_fewer_pictures_than_none(files, capsys):
    data, models = files

    assert main(["compare", *map(str, models), "--data", str(data), "--worst", "-1"]) == 2
    assert "--worst -1: 0 or more was expected" in capsys.readouterr().err


@pytest.mark.parametrize("output", ["--json", "--pictures"])
def test_the_command_tells_of_a_place_that_cannot_be_written_before_it_compares(files, tmp_path, capsys, output):
    data, models = files
    (tmp_path / "file").write_text("")

    assert main(["compare", *map(str, models), "--data", str(data), output, str(tmp_path / "file" / "x")]) == 1
    said = capsys.readouterr()
    assert "file/x: cannot be written: " in said.err
    assert said.out == ""


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
