"""Live sources that are lost and come back."""

from __future__ import annotations

import re
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from films import StreamProcess

from fcn_edge.errors import SourceError
from fcn_edge.live.fake import FakeCapture
from fcn_edge.live.frame import Frame
from fcn_edge.live.source import SourceConfig, open_source
from fcn_edge.live.source.capture import CaptureSource
from fcn_edge.live.source.config import Pauses
from fcn_edge.live.source.gaps import FrameTimes
from fcn_edge.live.source.reconnect import LiveSource

AT_ONCE = Pauses(first_s=0.005, longest_s=0.02)


def _wait_until(condition, *, seconds=5.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.005)


def _threads():
    """Python's and all that libraries have started."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def _open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class Reader:
    """Reads a source in a thread and keeps what came."""

    def __init__(self, source):
        self.source = source
        self.frames: list[Frame] = []
        self.error = None
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            while (frame := self.source.read()) is not None:
                self.frames.append(frame)
        except SourceError as error:
            self.error = error

    def stop(self):
        self.source.interrupt()
        self.thread.join(5)
        assert not self.thread.is_alive()
        self.source.close()


def _losing(camera, **options):
    """A live source on a fake device, with small pauses."""
    config = SourceConfig("0", pauses=options.pop("pauses", AT_ONCE), **options)
    return open_source(config, opener=camera)


def test_a_stream_whose_server_is_killed_and_started_ten_times_goes_on_and_nothing_leaks():
    with StreamProcess(fps=200) as server:
        reader = Reader(open_source(SourceConfig(server.url, pauses=AT_ONCE, timeout_s=5.0)))
        for outage in range(10):
            seen = len(reader.frames)
            _wait_until(lambda seen=seen: len(reader.frames) > seen + 5)
            if outage == 1:
                files, threads = _open_files(), _threads()
            server.kill()
            _wait_until(lambda: reader.source.health.waiting)
            assert reader.source.health.note
            server.start()
            _wait_until(lambda: not reader.source.health.waiting)
            health = reader.source.health
            assert (health.losses, health.reconnects) == (outage + 1, outage + 1)
        seen = len(reader.frames)
        _wait_until(lambda: len(reader.frames) > seen + 5)
        # The thread that opened it may not have ended yet.
        _wait_until(lambda: _open_files() <= files and _threads() <= threads)
        reader.stop()
    assert reader.error is None
    numbers = [frame.number for frame in reader.frames]
    assert numbers == list(range(len(numbers)))
    times = [frame.media_time_s for frame in reader.frames]
    assert times == sorted(times)
    assert 0 < reader.source.health.gap_s < times[-1]


def test_a_stream_that_comes_back_with_another_size_goes_on_in_it():
    with StreamProcess() as server:
        reader = Reader(open_source(SourceConfig(server.url, pauses=AT_ONCE, timeout_s=5.0)))
        _wait_until(lambda: reader.frames)
        server.kill()
        server.start((96, 80))
        _wait_until(lambda: reader.frames[-1].image_bgr.shape == (80, 96, 3))
        reader.stop()
    assert reader.frames[0].image_bgr.shape == (48, 64, 3)
    assert reader.source.info.size_wh == (96, 80)


def test_a_stream_that_keeps_the_line_but_sends_nothing_counts_as_lost_after_its_timeout():
    with StreamProcess(silent_after=12) as server:
        reader = Reader(open_source(SourceConfig(server.url, pauses=AT_ONCE, timeout_s=0.3)))
        _wait_until(lambda: reader.source.health.reconnects == 2)
        reader.stop()
    assert reader.source.health.gap_s > 0.5


def test_a_camera_that_is_pulled_out_and_plugged_in_again_goes_on():
    camera = FakeCapture(fps=500)
    reader = Reader(_losing(camera))
    for outage in range(10):
        seen = len(reader.frames)
        _wait_until(lambda seen=seen: len(reader.frames) > seen + 3)
        camera.pull_out()
        _wait_until(lambda outage=outage: reader.source.health.losses == outage + 1)
        camera.plug_in()
    _wait_until(lambda: reader.source.health.reconnects == 10)
    reader.stop()
    assert camera.openings >= 11
    # Each opening was given back, also those that found no camera.
    assert camera.released == camera.openings
    assert [frame.number for frame in reader.frames] == list(range(len(reader.frames)))


def test_a_lost_camera_tells_why_and_when_it_is_tried_again():
    source = _losing(FakeCapture(fps=500, lost_after=3), pauses=Pauses(first_s=60, longest_s=60, jitter=0))
    reader = Reader(source)
    _wait_until(lambda: source.health.next_try_s is not None)
    health = source.health
    assert health.waiting
    assert health.note == "0: the device was lost after 3 frames"
    assert 55 < health.next_try_s <= 60
    assert (health.losses, health.reconnects) == (1, 0)
    time.sleep(0.02)
    assert source.health.gap_s > health.gap_s
    reader.stop()


def test_an_interrupt_wakes_a_reader_from_a_long_pause_at_once():
    reader = Reader(_losing(FakeCapture(fps=500, lost_after=3), pauses=Pauses(first_s=60, longest_s=60)))
    _wait_until(lambda: reader.source.health.waiting)
    began = time.monotonic()
    reader.stop()
    assert time.monotonic() - began < 0.5
    assert reader.source.read() is None


def test_an_interrupt_wakes_a_reader_from_an_opening_that_hangs_and_what_opens_later_is_given_back():
    camera, may_open = FakeCapture(fps=500, lost_after=3, back_after_s=0), threading.Event()

    def opener(target, wishes):
        if camera.openings:
            assert may_open.wait(5)
        return camera(target, wishes)

    reader = Reader(_losing(opener))
    _wait_until(lambda: reader.source.health.waiting and reader.source.health.next_try_s is None)
    began = time.monotonic()
    reader.stop()
    assert time.monotonic() - began < 0.5
    may_open.set()
    _wait_until(lambda: camera.released == 2)


def test_a_driver_that_hangs_holds_neither_health_nor_interrupt():
    camera = FakeCapture(fps=500, hangs_after=4)
    reader = Reader(_losing(camera))
    _wait_until(lambda: len(reader.frames) == 4)
    _wait_until(lambda: reader.source.health.note)
    assert re.fullmatch(r"0: no frame for \d s", reader.source.health.note)
    assert not reader.source.health.waiting
    began = time.monotonic()
    reader.source.interrupt()
    assert time.monotonic() - began < 0.5
    camera.let_go()
    reader.stop()


def test_without_reconnecting_a_lost_camera_is_an_error():
    source = _losing(FakeCapture(fps=500, lost_after=3), reconnect=False)
    reader = Reader(source)
    reader.thread.join(5)
    assert reader.error.message == "0: the device was lost after 3 frames"
    assert len(reader.frames) == 3
    source.close()


def test_a_live_source_that_is_not_there_at_first_is_an_error_though_it_would_be_opened_again():
    with pytest.raises(SourceError, match="cannot be opened"):
        _losing(FakeCapture(opened=False))


class Replay:
    """A clock that only its camera moves, and pauses that are noted instead of waited for.

    The camera gives ten frames a second and is lost after *frames* of them; to open it again fails *refusals* times.
    """

    def __init__(self, *, refusals=0, frames=1):
        self.now, self.refusals, self.frames = 0.0, refusals, frames
        self.pause_s, self.late_s = 2.0, 0.0
        self.pauses = []

    def __call__(self):
        return self.now

    def camera(self):
        camera = FakeCapture(fps=10, lost_after=self.frames, clock=self, sleep=self._sleep)
        return CaptureSource(0, opener=camera, clock=self)

    def open_again(self):
        if self.refusals:
            self.refusals -= 1
            message = "camera 0: cannot be opened"
            raise SourceError(message, hint="plug it in")
        return self.camera()

    def wait(self, seconds):
        self.pauses.append(seconds)
        self.now += self.pause_s
        return False

    def stand_still(self, seconds):
        """Let the next frame come so much later."""
        self.late_s = seconds

    def _sleep(self, seconds):
        self.now += seconds + self.late_s
        self.late_s = 0.0


def test_pauses_grow_to_their_limit_and_start_again_only_after_it_ran_well():
    replay = Replay(refusals=8)
    pauses = Pauses(first_s=0.5, longest_s=30, jitter=0, reset_after_s=10)
    source = LiveSource(replay.camera(), replay.open_again, pauses=pauses, clock=replay, wait=replay.wait)
    source.read()
    source.read()
    assert replay.pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    # It had come back for one frame only, which does not count as well.
    replay.frames = 110
    source.read()
    assert replay.pauses[9:] == [30]
    for _ in range(110):
        source.read()
    assert replay.pauses[10:] == [0.5]


def test_pauses_are_drawn_apart():
    replay = Replay()
    source = LiveSource(replay.camera(), replay.open_again, clock=replay, wait=replay.wait, chance=lambda: 1.0)
    source.read()
    source.read()
    assert replay.pauses == [pytest.approx(0.6)]


def test_a_frame_more_than_three_frame_times_late_is_a_gap_and_nothing_less_is():
    times = FrameTimes(rate_fps=10)
    now, late = 0.0, []
    for step in [0.1] * 10 + [0.41] + [0.1] * 40 + [0.39] + [0.1] * 40 + [5.0, 0.1]:
        now += step
        late.append(times.late_s(now))
    assert {n: late_s for n, late_s in enumerate(late) if late_s} == {
        10: pytest.approx(0.31),
        92: pytest.approx(4.9),
    }


def test_a_burst_or_a_rate_that_was_told_wrong_makes_no_gap():
    for rate, steps in ((25.0, [0.001] * 20 + [0.04] * 20), (25.0, [0.2] * 40), (0.0, [0.03] * 40)):
        times, now = FrameTimes(rate), 0.0
        for step in steps:
            now += step
            assert times.late_s(now) == 0


def test_media_time_goes_on_by_the_clock_over_a_loss():
    replay = Replay(frames=10)
    source = LiveSource(replay.camera(), replay.open_again, clock=replay, wait=replay.wait)
    frames = [source.read() for _ in range(30)]
    # A tenth of a second after each opening, the pause before it and a tenth between frames.
    steps = np.diff([frame.media_time_s for frame in frames])
    assert [n for n, step in enumerate(steps) if step == pytest.approx(0.1 + replay.pause_s, abs=1e-3)] == [9, 19]
    assert [n for n, step in enumerate(steps) if step == pytest.approx(0.1, abs=1e-3)] == [
        *range(9),
        *range(10, 19),
        *range(20, 29),
    ]
    assert source.health.gap_s == pytest.approx(2 * (0.1 + replay.pause_s), abs=1e-3)
    assert source.health.gaps == 0


def test_a_camera_that_pauses_has_a_gap_and_is_not_lost():
    replay = Replay(frames=100)
    source = LiveSource(replay.camera(), replay.open_again, clock=replay, wait=replay.wait)
    for number in range(60):
        source.read()
        if number == 40:
            replay.stand_still(0.5)
    health = source.health
    assert (health.gaps, health.losses) == (1, 0)
    assert health.gap_s == pytest.approx(0.5)


def test_reading_into_spare_memory_allocates_no_pictures():
    size_wh = (320, 240)
    spare = np.empty((240, 320, 3), np.uint8)
    with StreamProcess(fps=500, size_wh=size_wh) as server:
        source = open_source(SourceConfig(server.url, timeout_s=5.0))
        for _ in range(5):
            assert source.read(spare).image_bgr is spare
        tracemalloc.start()
        for _ in range(30):
            assert source.read(spare).image_bgr is spare
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        source.close()
    assert peak < spare.nbytes / 4


def test_a_spare_of_another_size_or_in_pieces_is_not_used():
    with StreamProcess() as server:
        source = open_source(SourceConfig(server.url, timeout_s=5.0))
        for spare in (np.empty((40, 64, 3), np.uint8), np.empty((48, 128, 3), np.uint8)[:, ::2]):
            image = source.read(spare).image_bgr
            assert image.shape == (48, 64, 3)
            assert not np.shares_memory(image, spare)
        source.close()
