"""The run as a whole: live means latest, file means all, and every end is a clean one."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import socket
import threading
import time

import cv2
import pytest
from films import grey_frame, mjpeg_server, read_film, write_film
from threshold_models import make_threshold_model

from fcn_edge.card import class_specs
from fcn_edge.errors import OutputError, SourceError, UsageError
from fcn_edge.geometry import placement
from fcn_edge.live import outlet
from fcn_edge.live.config import CameraConfig
from fcn_edge.live.fake import FakeCapture
from fcn_edge.live.pipeline import Pipeline
from fcn_edge.live.run import run_camera
from fcn_edge.live.source import SourceConfig, open_source
from fcn_edge.live.source.capture import CaptureSource
from fcn_edge.live.source.config import Pauses
from fcn_edge.live.web.config import WebConfig
from fcn_edge.runtime.backend import TensorInfo

KEYS = ("capture", "wait", "preprocess", "inference", "postprocess", "draw", "output")


class SlowSegmenter:
    """Takes *delay_s* for a frame and calls everything background."""

    classes = class_specs(("background", "thing"))
    tensors = (
        TensorInfo("image", (1, 4, 4, 3), "uint8", None, None, "NHWC", "RGB"),
        TensorInfo("scores", (1, 4, 4, 1), "int8", None, None, "NHWC", None),
    )

    def __init__(self, delay_s=0.0):
        self._delay_s = delay_s

    def preprocess(self, image_bgr, *, out):
        return out, placement(image_bgr.shape[:2], (4, 4), "stretch")

    def infer(self, pixels, *, out):
        time.sleep(self._delay_s)
        return out

    def postprocess(self, raw, place, *, out):
        out.fill(0)
        return out


class Collector:
    """Keeps the numbers of the frames it is given; takes *delay_s* or fails from a frame on if told to."""

    def __init__(self, *, delay_s=0.0, fails_at=None, until=10**9):
        self.numbers = []
        self.closed = 0
        self._delay_s = delay_s
        self._fails_at = fails_at
        self._until = until

    name = "collector"
    needs_picture = False
    needs_frame = False

    def write(self, result, picture_bgr):
        # Not just at that frame: of a live source any one may have been dropped.
        if self._fails_at is not None and self._fails_at <= result.frame.number < self._until:
            raise OutputError("the collector is full", hint="empty it")
        time.sleep(self._delay_s)
        self.numbers.append(result.frame.number)

    def close(self):
        self.closed += 1


def _run(source, segmenter, sink, **options):
    pipeline = Pipeline(source, segmenter, [sink], lambda result, out: result.frame.image_bgr, **options)
    pipeline.start()
    assert pipeline.finished.wait(30)
    return pipeline.tally, pipeline.join()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Foreground where a pixel is brighter than 100."""
    return str(make_threshold_model(tmp_path_factory.mktemp("model") / "bright.fp32.onnx", 100.0))


def test_a_live_source_drops_what_is_too_old_and_stays_young():
    camera, sink = FakeCapture(fps=100), Collector()
    tally, error = _run(CaptureSource(0, opener=camera), SlowSegmenter(0.05), sink, max_frames=20)
    frames = tally.frames()
    assert error is None
    assert frames.processed == 20
    assert frames.dropped_by_cause["newer_frame"] >= 20
    assert frames.captured == frames.processed + frames.dropped
    # A queue would let the wait grow to 800 ms; the newest frame waits for 10, and a busy machine needs some room.
    assert tally.stages()["wait"].p50 < 200
    assert camera.released == 1


def test_of_a_film_every_frame_is_processed_however_slow_the_outputs(tmp_path):
    film, sink = write_film(tmp_path / "film.avi", frames=30), Collector(delay_s=0.01)
    tally, error = _run(open_source(SourceConfig(str(film))), SlowSegmenter(), sink, fast=True)
    assert error is None
    assert sink.numbers == list(range(30))
    assert (tally.frames().captured, tally.frames().dropped, tally.results_dropped) == (30, 0, 0)


def test_of_a_film_no_more_is_read_than_asked_for(tmp_path):
    film = write_film(tmp_path / "film.avi", frames=30)
    tally, _ = _run(open_source(SourceConfig(str(film))), SlowSegmenter(), Collector(), fast=True, max_frames=12)
    assert (tally.frames().captured, tally.frames().processed, tally.frames().dropped) == (12, 12, 0)


def test_a_slow_output_does_not_slow_down_the_inference_of_a_live_source():
    sink = Collector(delay_s=0.3)
    tally, _ = _run(CaptureSource(0, opener=FakeCapture(fps=100)), SlowSegmenter(), sink, max_frames=40)
    assert tally.results_dropped + len(sink.numbers) == 40
    assert tally.results_dropped >= 10


def test_a_film_keeps_to_its_own_rate_unless_told_to_be_fast(tmp_path):
    film = str(write_film(tmp_path / "film.avi", frames=11, fps=20))
    paced, _ = _run(open_source(SourceConfig(film)), SlowSegmenter(), Collector())
    fast, _ = _run(open_source(SourceConfig(film)), SlowSegmenter(), Collector(), fast=True)
    assert paced.rates().camera < 21
    assert fast.rates().camera > paced.rates().camera
    assert paced.frames().dropped == 0


def test_a_failed_output_of_a_live_source_is_tried_again_and_the_run_goes_on(monkeypatch):
    monkeypatch.setattr(outlet, "FIRST_PAUSE_S", 0.02)
    troubles, sink = [], Collector(fails_at=5, until=40)
    pipeline = Pipeline(
        CaptureSource(0, opener=FakeCapture(fps=200)),
        SlowSegmenter(),
        [sink],
        lambda result, out: result.frame.image_bgr,
        max_frames=80,
        on_trouble=lambda name, error: troubles.append((name, error)),
    )
    pipeline.start()
    assert pipeline.finished.wait(30)
    assert pipeline.join() is None
    status = pipeline.outlets[0].status
    assert (status.error, status.written) == ("", len(sink.numbers))
    assert max(sink.numbers) >= 40
    assert status.dropped > 0
    assert troubles == [("collector", "the collector is full"), ("collector", "")]


def test_a_hanging_output_is_left_behind_when_a_live_run_ends(monkeypatch):
    monkeypatch.setattr("fcn_edge.live.pipeline.OUTPUT_TIMEOUT_S", 0.1)
    began_at = time.monotonic()
    tally, error = _run(
        CaptureSource(0, opener=FakeCapture(fps=200)), SlowSegmenter(), Collector(delay_s=5), max_frames=5
    )
    assert (tally.processed, error) == (5, None)
    assert time.monotonic() - began_at < 4


def test_a_failed_output_ends_a_film_too(tmp_path):
    film, sink = write_film(tmp_path / "film.avi", frames=50), Collector(fails_at=5)
    _, error = _run(open_source(SourceConfig(str(film))), SlowSegmenter(), sink, fast=True)
    assert isinstance(error, OutputError)
    assert sink.numbers == list(range(5))


def test_a_lost_camera_ends_the_run_with_its_error_after_its_last_frame():
    camera, sink = FakeCapture(fps=50, lost_after=7), Collector()
    tally, error = _run(CaptureSource(0, opener=camera), SlowSegmenter(), sink)
    assert isinstance(error, SourceError)
    assert tally.frames().captured == 7
    assert sink.closed == camera.released == 1


def test_a_film_becomes_a_recording_a_log_and_a_report(model, tmp_path):
    film = write_film(tmp_path / "film.avi", frames=50, fps=20)
    config = CameraConfig(
        model,
        SourceConfig(str(film)),
        view="none",
        fast=True,
        record=tmp_path / "out" / "overlay.mkv",
        report=tmp_path / "report.json",
        frame_log=tmp_path / "frames.jsonl",
    )
    stats = run_camera(config)
    brightness, rate = read_film(config.record)
    report = json.loads(config.report.read_text())
    lines = [json.loads(line) for line in config.frame_log.read_text().splitlines()]
    assert (len(brightness), rate) == (50, pytest.approx(20, abs=0.01))
    assert [line["frame"] for line in lines] == list(range(50))
    # Frames 0..24 are at most 96 bright, 25 is exactly 100, 26..49 are foreground altogether.
    assert [line["class_share"]["nucleus"] for line in lines[:24] + lines[27:]] == [0.0] * 24 + [1.0] * 23
    assert stats.ended_by == "end_of_source"
    assert report["kind"] == "camera"
    assert report["frames"] == {
        "captured": 50,
        "processed": 50,
        "dropped": 0,
        "dropped_by_cause": {"newer_frame": 0, "undecodable": 0, "end_of_run": 0},
    }
    assert tuple(report["stages_ms"]) == KEYS
    assert all(set(stage) >= {"p50", "p90", "p99"} for stage in report["stages_ms"].values())
    assert report["capture_to_result_ms"]["p90"] is None
    assert report["capture_to_result_ms"]["p50"] > 0
    assert set(report["fps"]) == {"camera", "processed"}
    assert sum(report["class_share_mean"].values()) == pytest.approx(1)
    assert report["source"]["starts_at"] == "read_call"
    assert (report["backend"]["runtime"], report["threads"]) == ("onnxruntime", 1)


def test_the_stages_of_a_frame_add_up_to_its_capture_to_result(model, tmp_path):
    film = write_film(tmp_path / "film.avi", frames=5)
    config = CameraConfig(model, SourceConfig(str(film)), view="none", fast=True, frame_log=tmp_path / "f.jsonl")
    run_camera(config)
    for line in map(json.loads, config.frame_log.read_text().splitlines()):
        assert sum(line["stages_ms"].values()) == pytest.approx(line["capture_to_result_ms"], abs=0.01)


def test_the_camera_stops_after_the_frames_asked_for(model, tmp_path):
    config = CameraConfig(model, SourceConfig("0"), view="none", max_frames=5, record=tmp_path / "live.avi")
    camera = FakeCapture(fps=100)
    stats = run_camera(config, opener=camera)
    assert (stats.frames.processed, stats.ended_by) == (5, "max_frames")
    assert len(read_film(config.record)[0]) == stats.outputs.written == 5 - stats.outputs.dropped
    assert camera.released >= 1


def test_a_run_that_is_told_to_stop_ends_well(model, tmp_path):
    stop = threading.Event()

    def draw(number, size_wh):
        if number >= 10:
            stop.set()
        return grey_frame(number, size_wh)

    config = CameraConfig(model, SourceConfig("0"), view="none", record=tmp_path / "live.mkv")
    stats = run_camera(config, opener=FakeCapture(fps=50, draw=draw), stop=stop)
    assert stats.ended_by == "stopped"
    assert len(read_film(config.record)[0]) == stats.outputs.written > 0
    assert stats.outputs.written + stats.outputs.dropped == stats.frames.processed


def test_the_report_is_written_though_the_camera_was_lost(model, tmp_path):
    config = CameraConfig(model, SourceConfig("0", reconnect=False), view="none", report=tmp_path / "report.json")
    with pytest.raises(SourceError, match="was lost after 6 frames"):
        run_camera(config, opener=FakeCapture(fps=50, lost_after=6))
    report = json.loads(config.report.read_text())
    assert (report["ended_by"], report["frames"]["captured"]) == ("error", 6)
    assert "lost after 6 frames" in report["error"]


def test_where_an_output_cannot_be_opened_the_camera_is_given_back_and_nothing_old_is_lost(model, tmp_path):
    camera, log, film = FakeCapture(), tmp_path / "frames.jsonl", tmp_path / "live.mkv"
    log.write_text("of the last run")
    film.write_text("of the last run")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        web = WebConfig(port=taken.getsockname()[1])
        config = CameraConfig(model, SourceConfig("0"), view="web", web=web, frame_log=log, record=film)
        with pytest.raises(OutputError, match="in use"):
            run_camera(config, opener=camera)
    assert camera.released == 1
    assert log.read_text() == film.read_text() == "of the last run"


def test_a_place_that_cannot_be_written_to_is_refused_before_anything_begins(model, tmp_path):
    (tmp_path / "file").write_text("")
    camera = FakeCapture()
    for wrong in (
        {"report": tmp_path},
        {"masks": tmp_path / "file" / "masks"},
        {"record": tmp_path / "file" / "a.mkv"},
    ):
        with pytest.raises(OutputError):
            run_camera(CameraConfig(model, view="none", **wrong), opener=camera)
    assert camera.openings == 0


def test_two_outputs_into_one_file_or_masks_over_the_source_are_wrong_usage(model, tmp_path):
    cv2.imwrite(str(tmp_path / "frame-00000000.png"), grey_frame(3))
    one, folder = tmp_path / "x.json", str(tmp_path)
    with pytest.raises(UsageError, match="one file"):
        run_camera(CameraConfig(model, view="none", report=one, frame_log=one), opener=FakeCapture())
    with pytest.raises(UsageError, match="being read"):
        run_camera(CameraConfig(model, SourceConfig(folder), view="none", masks=tmp_path))


def test_a_terminal_that_was_closed_does_not_end_a_run(model):
    class Gone(io.StringIO):
        def write(self, text):
            raise OSError(5, "Input/output error")

    gone = Gone()
    stats = run_camera(CameraConfig(model, view="none", max_frames=5), opener=FakeCapture(), quiet=False, stream=gone)
    assert stats.frames.processed == 5


def test_a_stream_over_http_is_segmented_and_recorded(model, tmp_path):
    with mjpeg_server(frames=1000, fps=50) as url:
        config = CameraConfig(model, SourceConfig(url), view="none", max_frames=10, record=tmp_path / "stream.mkv")
        stats = run_camera(config)
    assert (stats.source.kind, stats.source.live) == ("stream", True)
    assert stats.frames.processed == 10
    assert len(read_film(config.record)[0]) == stats.outputs.written


def test_a_stream_that_ends_is_a_lost_source(model):
    with mjpeg_server(frames=8) as url, pytest.raises(SourceError, match="the stream was lost"):
        run_camera(CameraConfig(model, SourceConfig(url, reconnect=False), view="none"))


def test_a_lost_camera_comes_back_and_the_report_counts_it(model, tmp_path):
    pauses = Pauses(first_s=0.02, longest_s=0.02)
    config = CameraConfig(
        model, SourceConfig("0", pauses=pauses), view="none", max_frames=20, report=tmp_path / "report.json"
    )
    stats = run_camera(config, opener=FakeCapture(fps=100, lost_after=8, back_after_s=0.01))
    assert (stats.frames.processed, stats.ended_by) == (20, "max_frames")
    # Twice at least for 20 frames of 8; a busy machine leaves frames out, and may end while the next loss is mended.
    losses, reconnects = stats.source_health.losses, stats.source_health.reconnects
    assert 2 <= reconnects <= losses <= reconnects + 1
    report = json.loads(config.report.read_text())
    assert report["source_health"]["reconnects"] == reconnects


def test_a_run_ends_after_the_minutes_asked_for(model):
    stats = run_camera(CameraConfig(model, SourceConfig("test"), view="none", minutes=0.02))
    assert stats.ended_by == "minutes"
    assert 1.0 < stats.duration_s < 4


def test_smoothing_is_in_the_report_with_what_it_cost(model, tmp_path):
    film = write_film(tmp_path / "film.avi", frames=40, fps=20)
    config = CameraConfig(model, SourceConfig(str(film)), view="none", fast=True, smooth_s=0.5)
    stats = run_camera(config)
    plain = run_camera(dataclasses.replace(config, smooth_s=None))
    assert (stats.smoothing.seconds, stats.smoothing.cost_ms.n) == (0.5, 40)
    assert plain.smoothing is None
    # Brighter and brighter: the mean of what was is darker, so it becomes foreground later.
    assert 0 < stats.class_share_mean["nucleus"] < plain.class_share_mean["nucleus"]


def test_a_folder_of_images_of_any_size_becomes_a_recording(model, tmp_path):
    (tmp_path / "images").mkdir()
    for number, size_wh in enumerate([(64, 48), (30, 70), (128, 96)]):
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), grey_frame(40, size_wh))
    config = CameraConfig(model, SourceConfig(str(tmp_path / "images")), view="none", record=tmp_path / "slides.avi")
    stats = run_camera(config)
    assert stats.frames.processed == len(read_film(config.record)[0]) == 3
    assert stats.class_share_mean["nucleus"] == 1


@pytest.mark.parametrize("wrong", [{"max_frames": 0}, {"threads": 0}, {"minutes": 0.0}, {"smooth_s": -1.0}])
def test_a_value_out_of_range_is_wrong_usage(model, wrong):
    with pytest.raises(UsageError, match="expected"):
        run_camera(CameraConfig(model, view="none", **wrong), opener=FakeCapture())


def test_without_a_display_a_page_is_served_and_the_user_is_told_where(model, monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    run_camera(CameraConfig(model, max_frames=2, web=WebConfig(port=0)), opener=FakeCapture(), quiet=False)
    told = capsys.readouterr().err
    assert re.search(r"live at http://127\.0\.0\.1:\d+/ \(no window: there is no display", told)


def test_a_page_nobody_asked_for_takes_another_port_where_the_usual_one_is_taken(model, monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr("fcn_edge.live.view.PORT", port)
        config = CameraConfig(model, max_frames=2, web=WebConfig(port=port))
        run_camera(config, opener=FakeCapture(), quiet=False)
        assert f":{port}/" not in capsys.readouterr().err
        with pytest.raises(OutputError, match="in use"):
            run_camera(dataclasses.replace(config, view="web"), opener=FakeCapture())


@pytest.mark.parametrize("display", [None, ":987"])
def test_a_window_that_was_asked_for_and_cannot_be_is_an_error(model, monkeypatch, display):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", display)
    else:
        monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(OutputError, match="no window can be opened") as caught:
        run_camera(CameraConfig(model, view="window"), opener=FakeCapture())
    assert "--view web" in caught.value.hint
