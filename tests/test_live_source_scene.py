"""``--source test``: what it draws, when, and into which memory."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from fcn_edge.live.source import SourceConfig, open_source
from fcn_edge.live.source.scene import Scene, SceneSource


class HandClock:
    """A clock that only waiting moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds
        return False


@pytest.fixture
def clock():
    return HandClock()


def test_a_frame_is_the_same_in_every_run_and_the_next_one_has_moved():
    first, second = Scene((96, 64)), Scene((96, 64))
    for number in (0, 1, 50, 7000):
        assert np.array_equal(first.picture(number), second.picture(number))
    assert not np.array_equal(first.picture(0), first.picture(1))


def test_what_was_in_one_frame_is_in_the_next_a_step_away():
    scene = Scene((96, 64))
    # The view moves by two pixels in x and one in y, so the picture does the other way.
    assert np.array_equal(scene.picture(11)[:-1, :-2], scene.picture(10)[1:, 2:])


def test_the_view_stays_inside_its_field_and_comes_back_only_after_minutes():
    scene = Scene((48, 32))
    windows = [scene._window(number) for number in range(7102)]
    assert len({(rows.start, columns.start) for rows, columns in windows}) > 1000
    assert {scene.picture(number).shape for number in range(0, 7102, 13)} == {(32, 48, 3)}
    assert scene._window(7102) == scene._window(0)


def test_nuclei_are_purple_on_bright_ground_where_the_truth_says():
    scene = Scene((160, 120))
    picture, truth = scene.picture(5), scene.truth(5)
    assert truth.shape == (120, 160)
    assert 0.02 < truth.mean() < 0.9
    blue, green, red = picture[truth == 1].mean(axis=0)
    assert blue > red > green
    assert picture[truth == 0].mean() > green + 60


def test_frames_come_at_their_rate_with_their_numbers(clock):
    source = SceneSource(size_wh=(64, 48), rate_fps=20, clock=clock, wait=clock.wait)
    frames = [source.read() for _ in range(5)]
    assert [frame.media_time_s for frame in frames] == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])
    scene = Scene((64, 48))
    for frame in frames:
        assert np.array_equal(frame.image_bgr, scene.picture(frame.number))


def test_who_reads_late_gets_the_next_frame_late_and_none_in_a_hurry(clock):
    source = SceneSource(size_wh=(64, 48), rate_fps=20, clock=clock, wait=clock.wait)
    source.read()
    clock.now += 10
    times = [source.read().begun_at for _ in range(3)]
    assert np.diff(times) == pytest.approx([0.0, 0.05], abs=0.051)
    assert times[2] - times[0] == pytest.approx(0.05, abs=0.001)


def test_it_is_live_at_640x480_and_30_frames_a_second_or_as_wished():
    found = [open_source(config).info for config in (SourceConfig("test"), SourceConfig("test", width=320, fps=15))]
    assert [(info.name, info.kind, info.live) for info in found] == [("test", "scene", True)] * 2
    assert [(info.size_wh, info.rate_fps) for info in found] == [((640, 480), 30.0), ((320, 240), 15.0)]


def test_it_draws_into_spare_memory_and_never_hands_out_its_field():
    source = open_source(SourceConfig("test", width=64, height=48, fps=500))
    spare = np.empty((48, 64, 3), np.uint8)
    assert source.read(spare).image_bgr is spare
    first = source.read().image_bgr
    first[...] = 0
    assert source.read().image_bgr.any()


def test_an_interrupt_ends_it_at_once():
    source = open_source(SourceConfig("test", width=64, height=48, fps=0.01))
    source.read()
    threading.Timer(0.05, source.interrupt).start()
    began = time.monotonic()
    assert source.read() is None
    assert time.monotonic() - began < 1
