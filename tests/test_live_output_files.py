"""What is kept of frames: regions, a line of JSON, masks."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timezone

import cv2
import numpy as np
import pytest
from live_results import boxes, segmented

from fcn_edge.errors import OutputError, UsageError
from fcn_edge.live.output import frame_log
from fcn_edge.live.output.frame_log import FrameLog
from fcn_edge.live.output.mask_files import MaskFiles, check_masks
from fcn_edge.live.output.region import Region, RegionFinder
from fcn_edge.scoring import class_shares

NOW = datetime(2026, 11, 26, 14, 15, 2, 345_000, tzinfo=timezone.utc)
NAMES = ("background", "person", "dog")


def _find(labels, **options):
    return RegionFinder(3, **options)(labels, class_shares(labels, 3))


def test_regions_have_their_class_box_and_share_largest_first():
    labels = boxes((300, 100), (1, (10, 20, 30, 40)), (2, (100, 0, 50, 100)), (1, (200, 10, 20, 5)))
    assert _find(labels) == (
        Region(2, (100, 0, 50, 100), round(5000 / 30_000, 5)),
        Region(1, (10, 20, 30, 40), round(1200 / 30_000, 5)),
        Region(1, (200, 10, 20, 5), round(100 / 30_000, 5)),
    )


def test_what_touches_at_a_corner_is_one_region():
    labels = boxes((40, 40), (1, (0, 0, 10, 10)), (1, (10, 10, 10, 10)))
    assert [region.box_xywh for region in _find(labels)] == [(0, 0, 20, 20)]


@pytest.mark.parametrize("width", [640, 1281, 1920])
def test_boxes_of_large_pictures_are_exact_to_the_pixels_that_were_left_out(width):
    height = width * 3 // 4
    x, y, w, h = (round(part * width) for part in (0.1, 0.2, 0.313, 0.277))
    (region,) = _find(boxes((width, height), (1, (x, y, w, h))))
    step = -(-width // 320)
    assert region.box_xywh == pytest.approx((x, y, w, h), abs=step)
    assert region.area_share == pytest.approx(w * h / (width * height), rel=0.02)


def test_a_box_never_leaves_the_picture():
    labels = np.ones((101, 1283), np.uint8)
    assert _find(labels)[0].box_xywh == (0, 0, 1283, 101)


def test_specks_and_too_many_regions_are_left_out():
    labels = np.zeros((100, 300), np.uint8)
    labels[::4, ::4] = 1
    assert _find(labels) == ()
    labels = boxes((300, 100), *((1, (20 * i, 10, 10, 5 + i)) for i in range(12)))
    assert [region.box_xywh[3] for region in _find(labels, most=3)] == [16, 15, 14]


def _lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_tells_the_time_shares_regions_and_stages_of_a_frame(tmp_path):
    log = FrameLog(tmp_path / "frames.jsonl", NAMES, now=lambda: NOW)
    labels = boxes((40, 20), (2, (5, 0, 20, 10)))
    log.write(segmented(labels, number=7), None)
    log.close()
    (line,) = _lines(tmp_path / "frames.jsonl")
    assert line == {
        "frame": 7,
        "time": "2026-11-26T14:15:02.345+00:00",
        "media_time_s": 0.7,
        "size_wh": [40, 20],
        "class_share": {"background": 0.75, "person": 0.0, "dog": 0.25},
        "regions": [{"class": "dog", "box_xywh": [5, 0, 20, 10], "area_share": 0.25}],
        "stages_ms": {"capture": 1.0, "wait": 2.0, "preprocess": 3.0, "inference": 30.0, "postprocess": 4.0},
        "capture_to_result_ms": 40.0,
    }


def test_a_log_with_a_limit_keeps_the_newest_lines_in_two_files(tmp_path):
    log = FrameLog(tmp_path / "frames.jsonl", NAMES, largest_mb=0.002, now=lambda: NOW)
    for number in range(100):
        log.write(segmented(np.zeros((4, 4)), number=number), None)
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames.jsonl", "frames.jsonl.1"]
    older, newer = _lines(tmp_path / "frames.jsonl.1"), _lines(tmp_path / "frames.jsonl")
    numbers = [line["frame"] for line in older + newer]
    assert numbers == list(range(numbers[0], 100))
    assert (tmp_path / "frames.jsonl").stat().st_size <= 2000
    assert (tmp_path / "frames.jsonl.1").stat().st_size <= 2000


def test_a_log_goes_on_after_it_could_not_begin_anew(tmp_path, monkeypatch):
    log = FrameLog(tmp_path / "frames.jsonl", NAMES, largest_mb=0.0005, now=lambda: NOW)
    log.write(segmented(np.zeros((4, 4)), number=0), None)
    opened = frame_log.GrowingFile

    def refuse(path):
        raise OutputError("no space left", hint="free some")

    monkeypatch.setattr(frame_log, "GrowingFile", refuse)
    with pytest.raises(OutputError):
        log.write(segmented(np.zeros((4, 4)), number=1), None)
    monkeypatch.setattr(frame_log, "GrowingFile", opened)
    log.write(segmented(np.zeros((4, 4)), number=2), None)
    log.close()
    assert [line["frame"] for line in _lines(tmp_path / "frames.jsonl")] == [2]


def test_masks_are_class_ids_under_the_frames_number(tmp_path):
    masks = MaskFiles(tmp_path / "masks")
    labels = boxes((30, 20), (2, (3, 4, 5, 6)))
    masks.write(segmented(labels, number=1203), None)
    found = cv2.imread(str(tmp_path / "masks" / "frame-00001203.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(found, labels)
    assert found.dtype == np.uint8


def _numbers(folder):
    return sorted(int(path.stem.partition("-")[2]) for path in folder.iterdir())


def test_as_many_masks_a_second_as_asked_for_are_written(tmp_path):
    masks = MaskFiles(tmp_path, per_second=2)
    for number in range(31):
        masks.write(segmented(np.zeros((4, 4)), number=number), None)
    assert _numbers(tmp_path) == [0, 5, 10, 15, 20, 25, 30]


def test_only_the_newest_masks_are_kept_and_nothing_else_is_touched(tmp_path):
    (tmp_path / "frame-99999999.png").write_text("mine")
    masks = MaskFiles(tmp_path, most=3)
    for number in range(10):
        masks.write(segmented(np.zeros((4, 4)), number=number), None)
    assert _numbers(tmp_path) == [7, 8, 9, 99999999]


@pytest.mark.parametrize(("options", "match"), [((0.0, None), "--masks-per-second 0"), ((None, 0), "--keep-masks 0")])
def test_a_number_that_cannot_be_is_wrong_usage(tmp_path, options, match):
    with pytest.raises(UsageError, match=match):
        check_masks(tmp_path, *options)


def test_a_file_where_masks_should_go_is_wrong_usage(tmp_path):
    (tmp_path / "masks").write_text("")
    with pytest.raises(UsageError, match="this is a file"):
        check_masks(tmp_path / "masks", None, None)


def test_a_log_that_cannot_be_put_aside_keeps_what_it_has(tmp_path):
    (tmp_path / "frames.jsonl.1").mkdir()
    log = FrameLog(tmp_path / "frames.jsonl", NAMES, largest_mb=0.0008, now=lambda: NOW)
    log.write(segmented(np.zeros((4, 4)), number=0), None)
    for number in range(1, 6):
        with contextlib.suppress(OutputError):
            log.write(segmented(np.zeros((4, 4)), number=number), None)
    log.close()
    assert _lines(tmp_path / "frames.jsonl")[0]["frame"] == 0
