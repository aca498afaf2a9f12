"""``fcn-edge segment``: masks and overlays for files and folders."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fcn_edge.cli.main import main

MODELS = Path(__file__).parent / "models"
MODEL = str(MODELS / "tiny.int8.tflite")


@pytest.fixture
def photos(tmp_path) -> Path:
    """Two photographs, left half red: 100x160 and 40x60."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, (height, width) in {"a.png": (100, 160), "b.png": (40, 60)}.items():
        image = np.full((height, width, 3), 90, np.uint8)
        image[:, : width // 2] = (0, 0, 240)
        cv2.imwrite(str(folder / name), image)
    return folder


def test_a_folder_gives_a_mask_and_an_overlay_for_each_image(photos, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["segment", MODEL, str(photos), "--out", str(out)]) == 0
    names = ["a.mask.png", "a.overlay.png", "b.mask.png", "b.overlay.png"]
    assert sorted(path.name for path in out.iterdir()) == names
    mask = cv2.imread(str(out / "a.mask.png"), cv2.IMREAD_UNCHANGED)
    assert (mask.shape, mask.dtype) == ((100, 160), np.uint8)
    assert (mask[:, :78] == 1).all()
    assert (mask[:, 82:] == 0).all()
    assert cv2.imread(str(out / "a.overlay.png")).shape == (100, 160, 3)
    assert f"{out / 'a.mask.png'}: " in capsys.readouterr().out


def test_no_overlay_writes_masks_only(photos, tmp_path):
    out = tmp_path / "out"
    assert main(["segment", MODEL, str(photos / "a.png"), "--out", str(out), "--no-overlay"]) == 0
    assert [path.name for path in out.iterdir()] == ["a.mask.png"]


def test_json_tells_the_share_of_every_class(photos, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["segment", MODEL, str(photos), "--out", str(out), "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [image["path"] for image in report["images"]] == [str(photos / "a.png"), str(photos / "b.png")]
    shares = report["images"][0]["class_shares"]
    assert shares["red"] == pytest.approx(0.5, abs=0.02)
    assert sum(shares.values()) == pytest.approx(1)


def test_tiles_keep_what_is_smaller_than_a_shrunk_pixel(tmp_path):
    image = np.full((320, 480, 3), 90, np.uint8)
    image[200:202, 300:302] = (0, 0, 255)
    cv2.imwrite(str(tmp_path / "large.png"), image)
    assert main(["segment", MODEL, str(tmp_path / "large.png"), "--out", str(tmp_path), "--tile"]) == 0
    mask = cv2.imread(str(tmp_path / "large.mask.png"), cv2.IMREAD_UNCHANGED)
    assert mask.sum() == 4


def test_an_unreadable_image_is_counted_and_the_others_go_on(photos, tmp_path, capsys):
    (photos / "aa.png").write_bytes(b"")
    (photos / "ab.jpg").write_bytes(b"no picture")
    assert main(["segment", MODEL, str(photos), "--out", str(tmp_path / "out")]) == 1
    assert len(list((tmp_path / "out").glob("*.mask.png"))) == 2
    err = capsys.readouterr().err.splitlines()
    assert err[-2:] == [
        "error: 2 of 4 images could not be read",
        "hint: see above for each; the others are done",
    ]
    assert sum(str(photos / name) in line for line in err for name in ("aa.png", "ab.jpg")) == 2


@pytest.mark.parametrize("path", ["missing.jpg", "empty"])
def test_without_an_image_nothing_is_written(path, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["segment", MODEL, str(tmp_path / path), "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / path}: ")


def test_equal_names_from_two_folders_do_not_overwrite_each_other(photos, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    cv2.imwrite(str(other / "a.jpg"), np.zeros((30, 30, 3), np.uint8))
    out = tmp_path / "out"
    assert main(["segment", MODEL, str(photos / "a.png"), str(other), "--out", str(out), "--no-overlay"]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a-2.mask.png", "a.mask.png"]


def test_a_foreign_model_runs_with_its_preprocessing_given(photos, tmp_path):
    options = ["--classes", "background,red", "--scale", "1/255", "--mean", "0.406,0.456,0.485"]
    options += ["--std", "0.225,0.224,0.229", "--bgr"]
    model = str(MODELS / "foreign.onnx")
    assert main(["segment", model, str(photos), "--out", str(tmp_path / "out"), *options]) == 0
    mask = cv2.imread(str(tmp_path / "out" / "a.mask.png"), cv2.IMREAD_UNCHANGED)
    assert mask[50, 20] == 1
    assert mask[50, 140] == 0


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--scale", "one"], "--scale one: not a number"),
        (["--mean", "1,2"], "--mean 1,2: 2 numbers, but 3 were expected"),
        (["--std", "0"], "division by zero"),
        (["--threads", "0"], "0 threads"),
        ([], "no model card"),
    ],
)
def test_wrong_options_for_a_foreign_model_are_wrong_usage(options, what, photos, tmp_path, capsys):
    names = ["--classes", "background,red"] if options else []
    model = str(MODELS / "foreign.onnx")
    assert main(["segment", model, str(photos), "--out", str(tmp_path / "out"), *names, *options]) == 2
    assert what in capsys.readouterr().err


def test_a_result_that_cannot_be_written_is_an_error_in_words(photos, tmp_path, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert main(["segment", MODEL, str(photos), "--out", str(blocked / "out")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_several_images_at_a_time_give_what_one_at_a_time_gives(photos, tmp_path):
    for number in range(9):
        cv2.imwrite(str(photos / f"c{number}.png"), np.full((30 + number, 40, 3), 25 * number, np.uint8))
    reports = {}
    for jobs in ("1", "3"):
        out = tmp_path / jobs
        report = tmp_path / f"{jobs}.json"
        arguments = ["segment", MODEL, str(photos), "--out", str(out), "--jobs", jobs, "--json", str(report)]
        assert main(arguments) == 0
        reports[jobs] = [(image["path"], image["class_shares"]) for image in json.loads(report.read_text())["images"]]
    assert reports["1"] == reports["3"]
    for path in (tmp_path / "1").iterdir():
        assert path.read_bytes() == (tmp_path / "3" / path.name).read_bytes()


def test_a_resumed_run_leaves_finished_images_alone_and_reports_all(photos, tmp_path):
    out, report = tmp_path / "out", tmp_path / "report.json"
    arguments = ["segment", MODEL, str(photos), "--out", str(out), "--json", str(report)]
    assert main(arguments) == 0
    whole = json.loads(report.read_text())["images"]
    (out / "b.mask.png").unlink()
    before = (out / "a.mask.png").stat().st_mtime_ns
    assert main([*arguments, "--resume"]) == 0
    assert (out / "a.mask.png").stat().st_mtime_ns == before
    assert (out / "b.mask.png").is_file()
    assert json.loads(report.read_text())["images"] == whole


def test_a_broken_mask_is_made_anew_when_a_run_is_resumed(photos, tmp_path):
    out = tmp_path / "out"
    assert main(["segment", MODEL, str(photos), "--out", str(out)]) == 0
    (out / "a.mask.png").write_bytes(b"half a mask")
    assert main(["segment", MODEL, str(photos), "--out", str(out), "--resume"]) == 0
    assert cv2.imread(str(out / "a.mask.png"), cv2.IMREAD_UNCHANGED).shape == (100, 160)


def test_without_resume_everything_is_done_anew(photos, tmp_path):
    out = tmp_path / "out"
    assert main(["segment", MODEL, str(photos), "--out", str(out)]) == 0
    (out / "a.mask.png").write_bytes(b"old")
    assert main(["segment", MODEL, str(photos), "--out", str(out)]) == 0
    assert cv2.imread(str(out / "a.mask.png"), cv2.IMREAD_UNCHANGED).shape == (100, 160)


def test_jobs_below_one_are_refused(photos, tmp_path, capsys):
    assert main(["segment", MODEL, str(photos), "--out", str(tmp_path / "out"), "--jobs", "0"]) == 2
    assert "--jobs 0: expected 1 or more" in capsys.readouterr().err
