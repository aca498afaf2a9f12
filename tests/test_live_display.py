"""What people see while the camera runs: the drawn picture and the status line."""

from __future__ import annotations

import io

import numpy as np
import pytest

from fcn_edge.card import ClassSpec
from fcn_edge.live.frame import Frame
from fcn_edge.live.painter import Painter
from fcn_edge.live.result import STAGES, Result
from fcn_edge.live.status_line import StatusLine
from fcn_edge.live.tally import Tally

CLASSES = (ClassSpec("background", (0, 0, 0)), ClassSpec("thing", (255, 0, 0)))
TIMES_S = (0.001, 0.002, 0.003, 0.04, 0.005)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def _result(size_wh=(320, 240)):
    width, height = size_wh
    labels = np.zeros((height, width), np.uint8)
    labels[:, width // 2 :] = 1
    frame = Frame(np.full((height, width, 3), 100, np.uint8), 0, 10.0, 10.001, 0.0)
    return Result(frame, labels, TIMES_S, np.array([0.5, 0.5]), 12.34)


def _drawn(result, **options):
    return Painter(CLASSES, clock=lambda: 10.05, **options)(result, np.empty_like(result.frame.image_bgr))


def _tally(frames):
    tally = Tally(classes=2)
    for number in range(frames):
        tally.frame_captured(Frame(np.zeros((4, 4, 3), np.uint8), number, number / 10, number / 10, number / 10))
        tally.frame_processed(number / 10, TIMES_S, np.array([0.25, 0.75]))
    tally.frames_replaced(3)
    return tally


def test_the_picture_has_the_class_in_its_colour_and_the_background_as_it_was():
    picture = _drawn(_result(), opacity=0.5)
    # Between the figures at the top and the legend at the bottom.
    assert picture[120, 40].tolist() == [100, 100, 100]
    assert picture[120, 280].tolist() == pytest.approx([50, 50, 178], abs=1)


def test_the_picture_has_figures_at_its_top_and_a_legend_at_its_bottom():
    picture = _drawn(_result())
    left = picture[:, :160]
    assert (left[:40] == 255).all(axis=2).any()
    assert (left[200:] == (0, 0, 255)).all(axis=2).any()
    assert (left[60:180] == 100).all()


def test_the_picture_is_drawn_where_it_is_told_and_the_frame_stays_as_it_was():
    result, out = _result(), np.zeros((240, 320, 3), np.uint8)
    assert Painter(CLASSES)(result, out) is out
    assert (result.frame.image_bgr == 100).all()


def test_a_terminal_gets_one_line_each_second_in_place_and_none_is_left():
    now, terminal = [0.0], Terminal()
    status = StatusLine(_tally(5), stream=terminal, clock=lambda: now[0])
    for tenth in range(25):
        now[0] = tenth / 10
        status.update()
    assert terminal.getvalue().count("\r") == 2
    assert "\n" not in terminal.getvalue()
    status.close()
    assert terminal.getvalue().endswith(" \r")


def test_a_log_gets_a_plain_line_each_ten_seconds():
    now, log = [0.0], io.StringIO()
    status = StatusLine(_tally(5), stream=log, clock=lambda: now[0])
    for second in range(25):
        now[0] = float(second)
        status.update()
    status.close()
    # Its last frame was at 0.4 seconds.
    assert log.getvalue() == "5 frames, 0.1 FPS, age 51 ms, 3 dropped\n" * 2


def test_quiet_shows_no_status():
    now, log = [0.0], Terminal()
    status = StatusLine(_tally(5), stream=log, quiet=True, clock=lambda: now[0])
    now[0] = 100.0
    status.update()
    status.close()
    assert log.getvalue() == ""


def test_frames_that_are_neither_processed_nor_replaced_were_left_at_the_end():
    tally = _tally(5)
    for number in range(4):
        tally.frame_captured(Frame(np.zeros((4, 4, 3), np.uint8), number, 1.0, 1.0, 1.0, lost_before=number))
    frames = tally.frames()
    assert (frames.captured, frames.processed, frames.dropped) == (15, 5, 10)
    assert frames.dropped_by_cause == {"newer_frame": 3, "undecodable": 6, "end_of_run": 1}


def test_the_stages_are_reported_under_their_names():
    assert tuple(_tally(1).stages()) == (*STAGES, "draw", "output")
    assert _tally(1).capture_to_result().p50 == pytest.approx(51)
    assert _tally(4).shares_mean().tolist() == [0.25, 0.75]
