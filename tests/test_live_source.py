"""Sources: what ``--source`` may be, and what each does at its end."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest
from films import grey_frame, mjpeg_server, write_film

from fcn_edge.errors import ImageError, SourceError, UsageError
from fcn_edge.live.fake import FakeCapture
from fcn_edge.live.source import SourceConfig, check_source, open_source, open_unless_stopped
from fcn_edge.live.source.capture import CaptureSource, display_name


class HandClock:
    """A clock that only ``sleep`` moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def _read_all(source):
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    source.close()
    return frames


@pytest.fixture
def clock():
    return HandClock()


def test_a_fake_camera_gives_old_frames_to_a_slow_reader_as_a_real_one_does(clock):
    camera = FakeCapture(fps=10, buffered=4, clock=clock, sleep=clock.sleep)
    clock.sleep(2.05)
    for _ in range(5):
        assert camera.grab()
    assert list(camera.delivered) == [0, 1, 2, 3, 20]


def test_a_fake_camera_keeps_its_rate(clock):
    camera = FakeCapture(fps=10, clock=clock, sleep=clock.sleep)
    began = clock()
    for _ in range(20):
        camera.grab()
    assert clock() - began == pytest.approx(2.0, abs=0.01)


def test_a_camera_gives_frames_stamped_when_the_device_handed_them_over(clock):
    camera = FakeCapture(fps=10, clock=clock, sleep=clock.sleep)
    source = CaptureSource(0, opener=camera, clock=clock)
    frames = [source.read() for _ in range(3)]
    assert [frame.number for frame in frames] == [0, 1, 2]
    assert [frame.media_time_s for frame in frames] == pytest.approx([0, 0.1, 0.2], abs=0.001)
    assert source.info.starts_at == "read_return"
    assert source.info.live
    assert source.info.kind == "device"


def test_a_camera_that_is_not_there_is_named():
    camera = FakeCapture(opened=False)
    with pytest.raises(SourceError, match="camera 0: cannot be opened"):
        open_source(SourceConfig("0"), opener=camera)
    assert camera.released == 1


def test_a_camera_that_is_pulled_out_is_an_error_that_says_after_how_many_frames(clock):
    source = CaptureSource(0, opener=FakeCapture(lost_after=3, clock=clock, sleep=clock.sleep), clock=clock)
    for _ in range(3):
        source.read()
    with pytest.raises(SourceError, match="the device was lost after 3 frames"):
        source.read()


def test_frames_that_cannot_be_decoded_are_counted_and_skipped(clock):
    camera = FakeCapture(broken=frozenset({1, 2}), clock=clock, sleep=clock.sleep)
    source = CaptureSource(0, opener=camera, clock=clock)
    frames = [source.read(), source.read()]
    assert [frame.lost_before for frame in frames] == [0, 2]


def test_a_camera_that_gives_nothing_but_broken_frames_is_an_error(clock):
    camera = FakeCapture(broken=frozenset(range(1000)), clock=clock, sleep=clock.sleep)
    with pytest.raises(SourceError, match="300 frames in a row could not be decoded"):
        CaptureSource(0, opener=camera, clock=clock).read()


def test_wishes_go_to_a_device_and_to_nothing_else(tmp_path):
    asked = {}

    def opener(target, wishes):
        asked[target] = dict(wishes)
        return FakeCapture()

    film = str(write_film(tmp_path / "film.avi", frames=1))
    for target in ("2", "/dev/video7", film):
        open_source(SourceConfig(target, width=640, height=480, fps=15), opener=opener)
    wished = {
        cv2.CAP_PROP_FRAME_WIDTH: 640,
        cv2.CAP_PROP_FRAME_HEIGHT: 480,
        cv2.CAP_PROP_FPS: 15,
        cv2.CAP_PROP_BUFFERSIZE: 1,
    }
    assert asked == {2: wished, "/dev/video7": wished, film: {}}


@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
def test_a_film_gives_every_frame_at_the_time_of_its_rate(tmp_path, suffix):
    source = open_source(SourceConfig(str(write_film(tmp_path / f"clip07{suffix}", frames=10, fps=20))))
    frames = _read_all(source)
    assert [float(frame.image_bgr.mean()) for frame in frames] == pytest.approx([4 * n for n in range(10)], abs=2)
    assert [frame.media_time_s for frame in frames] == pytest.approx([n / 20 for n in range(10)])
    assert (source.info.kind, source.info.live, source.info.rate_fps) == ("film", False, 20)


def test_a_film_in_a_loop_begins_again_and_its_time_goes_on(tmp_path):
    source = open_source(SourceConfig(str(write_film(tmp_path / "film.avi", frames=3, fps=10)), loop=True))
    frames = [source.read() for _ in range(7)]
    source.close()
    assert [round(float(f.image_bgr.mean()) / 4) for f in frames] == [0, 1, 2, 0, 1, 2, 0]
    assert frames[-1].media_time_s == pytest.approx(0.6)


def test_a_file_that_is_no_film_is_a_source_error(tmp_path):
    text = tmp_path / "film.mp4"
    text.write_text("not a film")
    with pytest.raises(SourceError, match=r"film\.mp4: not a film that OpenCV can read"):
        open_source(SourceConfig(str(text)))


def test_a_film_cut_off_in_its_header_is_a_source_error(tmp_path):
    film = write_film(tmp_path / "film.mkv", frames=3)
    film.write_bytes(film.read_bytes()[:450])
    with pytest.raises(SourceError):
        _read_all(open_source(SourceConfig(str(film))))


def test_a_folder_gives_its_images_in_the_order_of_their_names(tmp_path):
    for name, number in (("b.png", 2), ("a.jpg", 1), ("c.png", 3)):
        cv2.imwrite(str(tmp_path / name), grey_frame(number))
    (tmp_path / "notes.txt").write_text("not an image")
    source = open_source(SourceConfig(str(tmp_path), fps=5))
    frames = _read_all(source)
    assert [round(float(frame.image_bgr.mean()) / 4) for frame in frames] == [1, 2, 3]
    assert [frame.media_time_s for frame in frames] == pytest.approx([0, 0.2, 0.4])
    assert source.info.kind == "folder"


def test_a_folder_in_a_loop_begins_again(tmp_path):
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), grey_frame(number))
    source = open_source(SourceConfig(str(tmp_path), loop=True))
    assert [round(float(source.read().image_bgr.mean()) / 4) for _ in range(5)] == [0, 1, 0, 1, 0]


def test_a_folder_without_images_is_a_source_error(tmp_path):
    with pytest.raises(SourceError, match="has no images"):
        open_source(SourceConfig(str(tmp_path)))


def test_an_image_that_cannot_be_decoded_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"broken\.png"):
        open_source(SourceConfig(str(tmp_path))).read()


def test_a_stream_over_http_is_live():
    with mjpeg_server(frames=1000) as url:
        source = open_source(SourceConfig(url))
        frame = source.read()
        source.close()
    assert source.info.live
    assert source.info.kind == "stream"
    assert frame.image_bgr.shape == (48, 64, 3)
    assert frame.image_bgr.dtype == np.uint8


def test_an_address_that_nobody_answers_is_a_source_error():
    with pytest.raises(SourceError, match="the stream cannot be opened"):
        open_source(SourceConfig("http://127.0.0.1:9/stream"))


@pytest.mark.parametrize("target", ["missing.mp4", "missing/folder", "gopher://127.0.0.1/x"])
def test_what_cannot_be_a_source_is_wrong_usage(target):
    with pytest.raises(UsageError, match="--source"):
        check_source(SourceConfig(target))


def test_the_password_of_a_stream_is_neither_shown_nor_stored():
    shown = display_name("rtsp://admin:secret@10.0.0.5:554/stream1?channel=1")
    assert shown == "rtsp://10.0.0.5:554/stream1?channel=1"


@pytest.mark.parametrize("wish", [{"fps": -1.0}, {"fps": float("nan")}, {"width": 0}, {"height": -480}])
def test_a_wish_that_is_not_above_zero_is_wrong_usage(wish):
    with pytest.raises(UsageError, match=f"--{next(iter(wish))}"):
        check_source(SourceConfig("0", **wish))


def test_a_device_that_opens_after_the_user_gave_up_is_given_back():
    camera, stop, may_open = FakeCapture(), threading.Event(), threading.Event()

    def opener(target, wishes):
        assert may_open.wait(5)
        return camera(target, wishes)

    stop.set()
    source = open_unless_stopped(SourceConfig("0"), opener, stop)
    may_open.set()
    [thread] = [t for t in threading.enumerate() if t.name == "fcn-edge-open"]
    thread.join(5)
    assert source.read() is None
    assert camera.released == 1


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 1), (48, 64, 4)])
def test_frames_without_colours_or_with_a_fourth_channel_become_colour_pictures(shape):
    camera = FakeCapture(fps=200, draw=lambda number, size_wh: np.full(shape, 77, np.uint8))
    frame = CaptureSource(0, opener=camera).read()
    assert frame.image_bgr.shape == (48, 64, 3)
    assert (frame.image_bgr == 77).all()


def test_a_driver_that_raises_counts_as_lost():
    class Raising(FakeCapture):
        def grab(self):
            raise cv2.error("select() timeout")

    with pytest.raises(SourceError, match="was lost"):
        CaptureSource(0, opener=Raising()).read()


@pytest.mark.parametrize("target", ["", "  ", "f\udcff.mp4", "http://[bad"])
def test_what_names_no_source_is_wrong_usage(target):
    with pytest.raises(UsageError, match="--source"):
        check_source(SourceConfig(target))


@pytest.mark.parametrize("options", [{"fps": 1e-300}, {"fps": 5e6}, {"target": "test", "width": 8}])
def test_a_wish_out_of_reach_is_wrong_usage(options):
    with pytest.raises(UsageError):
        check_source(SourceConfig(**options))
