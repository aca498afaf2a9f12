"""Cameras that only certain boards have, on shipped fakes; not yet run on hardware."""

from __future__ import annotations

import concurrent.futures
import os
import sys
import threading
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from films import grey_frame

from fcn_edge.errors import MissingPackageError, SourceError, UsageError
from fcn_edge.live.fake import FakeCapture, moving_square
from fcn_edge.live.fake_picamera import FakePicamera, FakeRequest, MappedArray
from fcn_edge.live.source import SourceConfig, check_source, open_source, opening
from fcn_edge.live.source.config import Pauses
from fcn_edge.live.source.gstreamer import csi_pipeline, has_gstreamer, knows_timeouts
from fcn_edge.live.source.opener import RTSP_OPTIONS, open_capture
from fcn_edge.live.source.picamera import PicameraSource, open_picamera

OFF_S = 1000.0


class SleptBoard:
    """A board that slept for a while: the clock of libcamera's stamps has gone on, the clock of programs has not."""

    def __init__(self):
        self.now = 50.0

    def __call__(self):
        return self.now

    def boot(self):
        return self.now + OFF_S

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def board():
    return SleptBoard()


def _picamera(board, camera, **options):
    return PicameraSource(0, opener=camera, clock=board, boot_clock=board.boot, **options)


def test_a_pi_camera_gives_its_pictures_without_the_padding_of_their_lines(board):
    camera = FakePicamera(boot_clock=board.boot, sleep=board.sleep)
    source = _picamera(board, camera, size_wh=(102, 76))
    frames = [source.read() for _ in range(3)]
    assert camera.configuration["main"]["stride"] > 3 * 102
    for frame in frames:
        assert frame.image_bgr.shape == (76, 102, 3)
        assert frame.image_bgr.flags.c_contiguous
    assert np.array_equal(frames[0].image_bgr, moving_square(1, (102, 76)))


def test_a_pi_camera_is_set_up_for_its_newest_frame_in_bgr_at_the_rate_wished(board):
    camera = FakePicamera(boot_clock=board.boot, sleep=board.sleep)
    source = _picamera(board, camera, size_wh=(321, 241), rate_fps=25)
    asked = camera.configuration
    assert asked["main"]["format"] == "RGB888"
    assert asked["queue"] is False
    assert asked["controls"] == {"FrameDurationLimits": (40_000, 40_000)}
    assert (source.info.size_wh, source.info.rate_fps) == ((320, 240), 25)
    assert (source.info.kind, source.info.live, source.info.starts_at) == ("device", True, "sensor")


def test_a_pi_cameras_frames_begin_when_the_sensor_exposed_them_on_the_clock_of_all_others(board):
    source = _picamera(board, FakePicamera(boot_clock=board.boot, sleep=board.sleep), rate_fps=20)
    frames = [source.read() for _ in range(5)]
    assert [frame.ready_at - frame.begun_at for frame in frames] == pytest.approx([0.02] * 5, abs=1e-6)
    assert [frame.media_time_s for frame in frames] == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])
    assert frames[0].begun_at < board.now < OFF_S


def test_a_pi_cameras_buffers_all_come_back_and_spare_memory_is_used(board):
    camera = FakePicamera(boot_clock=board.boot, sleep=board.sleep)
    source = _picamera(board, camera, size_wh=(64, 48))
    spare = np.empty((48, 64, 3), np.uint8)
    for _ in range(20):
        assert source.read(spare).image_bgr is spare
    assert source.read(np.empty((4, 4, 3), np.uint8)).image_bgr.shape == (48, 64, 3)
    assert (camera.in_use, camera.jobs) == (0, 0)


def test_a_pi_camera_whose_cable_slips_out_is_lost_after_its_timeout(board):
    camera = FakePicamera(lost_after=3, boot_clock=board.boot, sleep=board.sleep)
    source = _picamera(board, camera, timeout_s=2.0)
    for _ in range(3):
        source.read()
    before = board.now
    with pytest.raises(SourceError, match="picamera: the camera was lost after 3 frames: no frame for 2 s") as caught:
        source.read()
    assert "ribbon cable" in caught.value.hint
    assert 2.0 <= board.now - before < 2.2
    source.close()
    source.close()
    assert (camera.closed, camera.jobs) == (1, 0)


def test_a_lost_pi_camera_is_opened_again_and_counted_through():
    cameras = []

    def opener(number):
        cameras.append(FakePicamera(lost_after=5))
        return cameras[-1](number)

    config = SourceConfig("picamera", width=64, height=48, fps=100, timeout_s=0.1, pauses=Pauses(first_s=0.01))
    source = open_source(config, picamera=opener)
    numbers = [source.read().number for _ in range(12)]
    health = source.health
    source.close()
    assert numbers == list(range(12))
    assert (health.losses, health.reconnects) == (2, 2)
    assert [camera.closed for camera in cameras] == [1, 1, 1]


def test_an_interrupt_wakes_a_reader_from_a_pi_camera_that_gives_nothing():
    source = PicameraSource(0, opener=FakePicamera(lost_after=0))
    threading.Timer(0.1, source.interrupt).start()
    began = time.monotonic()
    assert source.read() is None
    assert time.monotonic() - began < 1


def test_a_pi_camera_that_is_not_there_is_named():
    with pytest.raises(SourceError, match="picamera:1: the camera cannot be opened: Camera __init__") as caught:
        open_source(SourceConfig("picamera:1"), picamera=FakePicamera(cameras=1))
    assert "rpicam-hello" in caught.value.hint


def test_a_camera_that_cannot_give_bgr_is_given_back():
    camera = FakePicamera()
    camera.camera_configuration = lambda: {"main": {"format": "YUYV", "size": (640, 480)}}
    with pytest.raises(SourceError, match="gives YUYV, expected RGB888"):
        PicameraSource(0, opener=camera)
    assert camera.closed == 1


def test_without_picamera2_the_error_says_how_a_virtual_environment_gets_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(MissingPackageError, match="--source picamera needs picamera2") as caught:
        open_source(SourceConfig("picamera"))
    assert "--system-site-packages" in caught.value.hint


def test_picamera2_is_opened_by_number_and_its_pictures_are_mapped(monkeypatch):
    numbers = []
    module = SimpleNamespace(Picamera2=numbers.append, MappedArray=MappedArray)
    monkeypatch.setitem(sys.modules, "picamera2", module)
    assert open_picamera(1) == (None, MappedArray)
    assert numbers == [1]


def test_the_fake_pi_camera_stops_when_its_buffers_are_kept_and_minds_a_second_release(board):
    camera = FakePicamera(boot_clock=board.boot, sleep=board.sleep)
    _picamera(board, camera)
    kept: list[FakeRequest] = [
        camera.wait(camera.capture_request(wait=False), timeout=1.0)
        for _ in range(camera.configuration["buffer_count"])
    ]
    with pytest.raises(concurrent.futures.TimeoutError):
        camera.wait(camera.capture_request(wait=False), timeout=1.0)
    for request in kept:
        request.release()
    with pytest.raises(RuntimeError, match="negative ref_count"):
        kept[0].release()


def test_the_pipeline_of_a_jetsons_camera_is_written_as_nvidia_documents_it():
    assert csi_pipeline(1, size_wh=(1920, 1080), fps=29.97) == (
        "nvarguscamerasrc sensor-id=1 ! "
        "video/x-raw(memory:NVMM),width=1920,height=1080,format=NV12,framerate=2997/100 ! "
        "nvvidconv ! video/x-raw,format=BGRx ! videoconvert ! video/x-raw,format=BGR ! "
        "appsink drop=true max-buffers=1 sync=false"
    )


@pytest.mark.parametrize(
    ("wish", "size"),
    [
        ({}, "width=1280,height=720"),
        ({"width": 640}, "width=640,height=360"),
        ({"height": 480}, "width=853,height=480"),
    ],
)
def test_a_jetsons_camera_is_opened_through_its_pipeline_under_its_short_name(wish, size):
    opened = []
    camera = FakeCapture()

    def opener(target, wishes):
        opened.append((target, wishes))
        return camera(target, wishes)

    source = open_source(SourceConfig("csi:2", timeout_s=4, **wish), opener=opener)
    [(target, wishes)] = opened
    assert target.startswith("gst:nvarguscamerasrc sensor-id=2 !")
    assert size in target
    assert wishes == {cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: 4000, cv2.CAP_PROP_READ_TIMEOUT_MSEC: 4000}
    assert (source.info.name, source.info.kind, source.info.live) == ("csi:2", "device", True)


def test_a_pipeline_that_does_not_start_is_named_with_the_way_to_try_it():
    pipeline = "videotestsrc ! video/x-raw,format=BGR ! appsink"
    with pytest.raises(SourceError, match="pipeline does not start") as caught:
        open_source(SourceConfig(f"gst:{pipeline}"), opener=FakeCapture(opened=False))
    assert "gst-launch-1.0" in caught.value.hint


def test_a_pipeline_that_opencv_would_wait_for_for_ever_is_given_up(monkeypatch):
    monkeypatch.setattr(opening, "OPENING_ITSELF_S", 0.1)
    camera = FakeCapture(opens_in_s=0.4)
    with pytest.raises(SourceError, match=r"csi: the GStreamer pipeline did not start within 0\.1 s"):
        open_source(SourceConfig("csi", timeout_s=0.1), opener=camera)
    [thread] = [t for t in threading.enumerate() if t.name == "fcn-edge-open"]
    thread.join(5)
    assert camera.released == 1


def test_a_pipeline_shows_no_password():
    source = open_source(SourceConfig("gst:rtspsrc location=rtsp://me:secret@cam/1 ! appsink"), opener=FakeCapture())
    assert source.info.name == "gst:rtspsrc location=rtsp://cam/1 ! appsink"
    assert source.info.kind == "stream"


@pytest.mark.skipif(has_gstreamer(), reason="this OpenCV has GStreamer")
@pytest.mark.parametrize("target", ["csi", "gst:videotestsrc ! appsink"])
def test_without_gstreamer_in_opencv_the_error_says_which_opencv_hides_it(target):
    with pytest.raises(SourceError, match="needs an OpenCV with GStreamer") as caught:
        open_source(SourceConfig(target))
    assert cv2.__file__ in caught.value.message
    assert "pip uninstall opencv-python" in caught.value.hint


@pytest.mark.skipif(not has_gstreamer(), reason="this OpenCV has no GStreamer")
def test_a_pipeline_delivers_frames():
    source = open_source(SourceConfig("gst:videotestsrc ! videoconvert ! video/x-raw,format=BGR ! appsink"))
    assert source.read().image_bgr.ndim == 3
    source.close()


def test_timeouts_go_to_a_pipeline_only_where_opencv_takes_them():
    assert [knows_timeouts(version) for version in ("4.5.4", "4.7.0", "4.10.0-dev", "5.0.0")] == [
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize("mine", [None, "rtsp_transport;udp"])
def test_options_for_rtsp_are_set_around_the_opening_only_and_a_users_own_are_kept(monkeypatch, mine):
    seen = []
    name = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    if mine:
        monkeypatch.setenv(name, mine)
    else:
        monkeypatch.delenv(name, raising=False)

    class Spy(FakeCapture):
        def __init__(self, *arguments):
            super().__init__()
            seen.append(os.environ.get(name))

    monkeypatch.setattr(cv2, "VideoCapture", Spy)
    open_capture("rtsp://127.0.0.1/1", {})
    open_capture("http://127.0.0.1/1", {})
    assert seen == [mine or RTSP_OPTIONS, mine]
    assert os.environ.get(name) == mine


def test_what_a_device_is_wished_comes_in_the_order_in_which_v4l2_takes_it():
    camera = FakeCapture(fourcc="YUYV")
    source = open_source(SourceConfig("0", width=640, height=480, fps=29.97, fourcc="MJPG"), opener=camera)
    assert list(camera.wishes) == [
        cv2.CAP_PROP_FOURCC,
        cv2.CAP_PROP_FRAME_WIDTH,
        cv2.CAP_PROP_FRAME_HEIGHT,
        cv2.CAP_PROP_FPS,
        cv2.CAP_PROP_BUFFERSIZE,
    ]
    assert camera.wishes[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    assert camera.wishes[cv2.CAP_PROP_FPS] == 29.97
    # What came, not what was wished.
    assert (source.info.fourcc, source.info.size_wh, source.info.rate_fps) == ("YUYV", (64, 48), 30.0)


@pytest.mark.parametrize("target", ["picamera:", "picamera:front", "csi:-1", "test:2", "gst:videotestsrc ! fakesink"])
def test_a_word_with_a_wrong_ending_is_wrong_usage(target):
    with pytest.raises(UsageError, match="--source") as caught:
        check_source(SourceConfig(target))
    assert caught.value.hint


@pytest.mark.parametrize("fourcc", ["MJP", "MJPEG", "", "\u00e4bcd"])
def test_letters_that_are_not_four_are_wrong_usage(fourcc):
    with pytest.raises(UsageError, match="--fourcc"):
        check_source(SourceConfig("0", fourcc=fourcc))


def test_the_words_win_over_folders_of_the_same_name_which_are_written_with_their_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test").mkdir()
    cv2.imwrite(str(tmp_path / "test" / "1.png"), grey_frame(5))
    kinds = [open_source(SourceConfig(target)).info.kind for target in ("test", "./test")]
    assert kinds == ["scene", "folder"]
