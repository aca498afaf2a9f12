"""Recordings: what was written can be played, however the run ended."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
from films import grey_frame, read_film, write_film

from fcn_edge.errors import OutputError, UsageError
from fcn_edge.live.frame import Frame
from fcn_edge.live.output import recording
from fcn_edge.live.output.avi import AviFilm
from fcn_edge.live.output.growing_file import GrowingFile
from fcn_edge.live.output.matroska import MatroskaFilm
from fcn_edge.live.output.recording import Recorder, RecordLimits, check_recording
from fcn_edge.live.output.segment import Shelf
from fcn_edge.live.output.syncing import Syncing
from fcn_edge.live.result import Result

FILMS = pytest.mark.parametrize(("kind", "suffix"), [(MatroskaFilm, ".mkv"), (AviFilm, ".avi")])


def _jpeg(number):
    return cv2.imencode(".jpg", grey_frame(number))[1].tobytes()


@FILMS
@pytest.mark.parametrize("closed", [True, False])
def test_a_film_plays_with_every_frame_whether_or_not_it_was_closed(tmp_path, kind, suffix, closed):
    file = GrowingFile(tmp_path / f"film{suffix}")
    film = kind(file, (64, 48), 29.97)
    for number in range(20):
        film.add(_jpeg(number), number / 29.97)
    if closed:
        film.close()
    file.close()
    brightness, rate = read_film(file.path)
    assert brightness == pytest.approx([4 * n for n in range(20)], abs=1)
    assert rate == pytest.approx(29.97, abs=0.01)


def test_an_avi_without_a_rate_gets_the_mean_rate_of_its_times(tmp_path):
    file = GrowingFile(tmp_path / "film.avi")
    film = AviFilm(file, (64, 48), 0.0)
    for number, at in enumerate((10.0, 10.05, 10.3, 10.4)):
        film.add(_jpeg(number), at)
    film.close()
    file.close()
    assert read_film(file.path)[1] == pytest.approx(3 / 0.4, abs=0.001)


def test_a_matroska_film_keeps_the_time_of_every_frame(tmp_path):
    times = [0.0, 0.05, 0.3, 0.4123, 2.0]
    file = GrowingFile(tmp_path / "film.mkv")
    film = MatroskaFilm(file, (64, 48), 0.0)
    for number, at in enumerate(times):
        film.add(_jpeg(number), at)
    file.close()
    capture = cv2.VideoCapture(str(file.path))
    found = []
    while capture.grab():
        found.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    assert found == pytest.approx(times, abs=0.001)


def test_an_avi_can_be_searched_by_its_index(tmp_path):
    file = GrowingFile(tmp_path / "film.avi")
    film = AviFilm(file, (64, 48), 25.0)
    for number in range(30):
        film.add(_jpeg(number), number / 25)
    film.close()
    file.close()
    capture = cv2.VideoCapture(str(file.path))
    capture.set(cv2.CAP_PROP_POS_FRAMES, 21)
    assert capture.read()[1].mean() == pytest.approx(84, abs=1)


def test_an_avi_ends_before_it_outgrows_the_format(tmp_path):
    file = GrowingFile(tmp_path / "film.avi")
    film = AviFilm(file, (64, 48), 25.0, largest_bytes=5000)

    def add_all():
        for number in range(30):
            film.add(_jpeg(number), number / 25)

    with pytest.raises(OutputError, match="5000 bytes") as caught:
        add_all()
    film.close()
    file.close()
    assert ".mkv" in caught.value.hint
    assert len(read_film(file.path)[0]) >= 2
    assert file.path.stat().st_size <= 5000


def test_a_piece_that_cannot_be_written_whole_leaves_no_part_of_it(tmp_path, monkeypatch):
    file = GrowingFile(tmp_path / "log")
    file.append(b"whole")
    really_write = os.write

    def full_after_two_bytes(handle, piece):
        if len(piece) < 6:
            raise OSError(28, "No space left on device")
        return really_write(handle, piece[:2])

    monkeypatch.setattr(os, "write", full_after_two_bytes)
    with pytest.raises(OutputError, match="No space left"):
        file.append(b"partial")
    monkeypatch.undo()
    file.append(b" again")
    file.close()
    assert file.path.read_bytes() == b"whole again"


def test_a_recording_in_a_folder_that_cannot_be_made_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"film\.mkv: cannot be written"):
        Recorder(tmp_path / "file" / "film.mkv", rate_fps=25)


def test_a_recorder_that_got_no_frame_leaves_no_file(tmp_path):
    recorder = Recorder(tmp_path / "film.mkv", rate_fps=25)
    recorder.close()
    recorder.close()
    assert not (tmp_path / "film.mkv").exists()


def test_a_format_that_a_kill_would_ruin_is_refused_with_a_way_out(tmp_path):
    with pytest.raises(UsageError, match=r"Motion JPEG in \.mkv or \.avi") as caught:
        check_recording(tmp_path / "film.mp4", "0")
    assert "ffmpeg -i film.mkv film.mp4" in caught.value.hint


def test_the_film_that_is_read_is_not_overwritten(tmp_path):
    film = write_film(tmp_path / "film.avi", frames=2)
    with pytest.raises(UsageError, match="is being read"):
        check_recording(film, str(film))


class Times:
    """A clock and a calendar that go on as told."""

    def __init__(self):
        self.now_s = 0.0

    def clock(self):
        return self.now_s

    def calendar(self):
        return datetime(2026, 11, 26, 14, 15, 2, tzinfo=timezone.utc) + timedelta(seconds=self.now_s)


def _shelf(folder, times, free=10**12):
    return Shelf(folder, "film", ".mkv", now=times.calendar, free_bytes=lambda path: free)


def _result(number, size_wh=(64, 48)):
    frame = Frame(grey_frame(number, size_wh), number, number / 10, number / 10, number / 10)
    return Result(frame, np.zeros(size_wh[::-1], np.uint8), (0.0,) * 5, np.array([1.0]), 10.0)


def _record(recorder, times, numbers):
    for number in numbers:
        times.now_s = number / 10
        result = _result(number)
        recorder.write(result, result.frame.image_bgr)


def test_a_recording_with_a_limit_on_minutes_becomes_films_named_by_their_time(tmp_path):
    times = Times()
    recorder = Recorder(
        tmp_path / "film.mkv",
        rate_fps=0.0,
        limits=RecordLimits(segment_minutes=1 / 60),
        shelf=_shelf(tmp_path, times),
        clock=times.clock,
    )
    _record(recorder, times, range(25))
    recorder.close()
    names = ["film-20261126T141502Z.mkv", "film-20261126T141503Z.mkv", "film-20261126T141504Z.mkv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    brightness = [read_film(tmp_path / name)[0] for name in names]
    assert [len(film) for film in brightness] == [10, 10, 5]
    assert [value for film in brightness for value in film] == pytest.approx(
        [4 * number for number in range(25)], abs=1
    )


def test_only_the_oldest_films_of_its_own_go_when_all_together_are_too_large(tmp_path):
    foreign = ["film.mkv", "film-2026.mkv", "filmed-20261126T141502Z.mkv", "film-20261126T141502Z.avi", "notes.txt"]
    for name in foreign:
        (tmp_path / name).write_bytes(b"x" * 5000)
    times = Times()
    # A frame is some 700 bytes, so a film holds one or two of them.
    limits = RecordLimits(keep_mb=0.012, min_free_mb=1)
    recorder = Recorder(
        tmp_path / "film.mkv", rate_fps=0.0, limits=limits, shelf=_shelf(tmp_path, times), clock=times.clock
    )
    _record(recorder, times, range(0, 2000, 20))
    recorder.close()
    mine = [film.path for film in _shelf(tmp_path, times).films()]
    assert sum(path.stat().st_size for path in mine) < 16_000
    assert 3 <= len(mine) < 30
    assert read_film(mine[-1])[0][-1] == pytest.approx(4 * 1980 % 256, abs=1)
    assert all((tmp_path / name).exists() for name in foreign)


def test_films_older_than_asked_for_go(tmp_path):
    times = Times()
    for hour in range(5):
        times.now_s = 3600.0 * hour
        _shelf(tmp_path, times).next_path().write_bytes(b"film")
    gone = _shelf(tmp_path, times).clear(keep_bytes=None, keep_s=2.5 * 3600, min_free_bytes=0)
    assert [path.name for path in gone] == ["film-20261126T141502Z.mkv", "film-20261126T151502Z.mkv"]


def test_two_films_within_a_second_have_two_names_in_order(tmp_path):
    shelf = _shelf(tmp_path, Times())
    for _ in range(12):
        shelf.next_path().write_bytes(b"")
    films = shelf.films()
    assert len({film.path for film in films}) == 12
    assert films[0].path.name == "film-20261126T141502Z.mkv"
    assert [film.path.name[-7:-4] for film in films[1:]] == [f"{number:03}" for number in range(2, 13)]


def test_where_too_little_room_is_left_the_recording_stops_before_the_disk_is_full(tmp_path):
    times, limits = Times(), RecordLimits(segment_minutes=1, min_free_mb=100)
    shelf = _shelf(tmp_path, times, free=99_000_000)
    recorder = Recorder(tmp_path / "film.mkv", rate_fps=0.0, limits=limits, shelf=shelf, clock=times.clock)
    with pytest.raises(OutputError, match="less than 100 MB are free") as caught:
        _record(recorder, times, range(2))
    assert "--keep-mb" in caught.value.hint
    recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_room_to_leave_counts_for_a_single_film_too(tmp_path):
    times = Times()
    limits = RecordLimits(min_free_mb=100)
    shelf = _shelf(tmp_path, times, free=99_000_000)
    recorder = Recorder(tmp_path / "film.mkv", rate_fps=0.0, limits=limits, shelf=shelf, clock=times.clock)
    with pytest.raises(OutputError, match="less than 100 MB are free"):
        _record(recorder, times, [0])
    recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_an_avi_that_is_full_goes_on_in_another_film(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "LARGEST_BYTES", 6000)
    times = Times()
    shelf = Shelf(tmp_path, "film", ".avi", now=times.calendar)
    recorder = Recorder(tmp_path / "film.avi", rate_fps=10.0, shelf=shelf, clock=times.clock)
    _record(recorder, times, range(20))
    recorder.close()
    paths = [tmp_path / "film.avi", *(film.path for film in shelf.films())]
    assert len(paths) > 2
    brightness = [value for path in paths for value in read_film(path)[0]]
    assert brightness == pytest.approx([4 * number for number in range(20)], abs=1)


_KILLED = """
import sys
from pathlib import Path
from test_live_recording import Recorder, Times, _record
recorder, times = Recorder(Path(sys.argv[1]), rate_fps=0.0), Times()
for number in range(100_000):
    _record(recorder, times, [number])
    print(number, flush=True)
"""


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_a_film_of_a_run_that_was_killed_plays_up_to_its_last_frames(tmp_path, suffix):
    path = tmp_path / f"film{suffix}"
    places = os.pathsep.join((str(Path(__file__).parent), *sys.path))
    command = [sys.executable, "-c", _KILLED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": places}) as running:
        for _ in range(30):
            assert running.stdout.readline()
        running.kill()
        told = [int(line) for line in running.stdout.read().splitlines()]
    frames = len(read_film(path)[0])
    # What was told of was written; one more may have been, which it did not come to tell.
    assert (told[-1] if told else 29) + 1 <= frames <= (told[-1] if told else 29) + 2


def test_after_a_failure_the_next_picture_begins_another_film_and_the_first_plays(tmp_path, monkeypatch):
    times = Times()
    recorder = Recorder(tmp_path / "film.mkv", rate_fps=0.0, shelf=_shelf(tmp_path, times), clock=times.clock)
    _record(recorder, times, range(5))
    append = GrowingFile.append

    def refuse(file, piece):
        raise OutputError("no space left", hint="free some")

    monkeypatch.setattr(GrowingFile, "append", refuse)
    with pytest.raises(OutputError):
        _record(recorder, times, [5])
    monkeypatch.setattr(GrowingFile, "append", append)
    _record(recorder, times, range(6, 9))
    recorder.close()
    assert len(read_film(tmp_path / "film.mkv")[0]) == 5
    (second,) = [path for path in tmp_path.iterdir() if path.name != "film.mkv"]
    assert read_film(second)[0] == pytest.approx([24, 28, 32], abs=1)


def test_a_folder_takes_films_of_ten_minutes(tmp_path):
    recorder = Recorder(tmp_path / "films", rate_fps=0.0)
    _record(recorder, Times(), range(3))
    recorder.close()
    (film,) = (tmp_path / "films").iterdir()
    assert re.fullmatch(r"camera-\d{8}T\d{6}Z\.mkv", film.name)


@pytest.mark.parametrize("name", ["segment_minutes", "segment_mb", "keep_mb", "keep_hours", "min_free_mb"])
def test_a_limit_that_is_not_above_zero_is_wrong_usage(tmp_path, name):
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} 0"):
        check_recording(tmp_path / "film.mkv", "", RecordLimits(**{name: 0}))


def test_what_was_written_is_put_onto_the_disk_now_and_then(tmp_path):
    syncing = Syncing(every_s=0.01)
    file = GrowingFile(tmp_path / "film.mkv")
    syncing.follow(file)
    file.append(b"frame")
    ends_at = time.monotonic() + 10
    while syncing.done < 2 and time.monotonic() < ends_at:
        time.sleep(0.01)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    syncing.follow(None)
    file.close()
    syncing.close()
    assert syncing.done >= 2
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors - 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_on_a_full_disk_rotation_records_on(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], check=True)
    try:
        times = Times()
        limits = RecordLimits(segment_mb=0.03, keep_hours=1000, min_free_mb=0.1)
        shelf = Shelf(disk, "film", ".mkv", now=times.calendar)
        recorder = Recorder(disk / "film.mkv", rate_fps=0.0, limits=limits, shelf=shelf, clock=times.clock)
        _record(recorder, times, range(0, 40_000, 40))
        recorder.close()
        films = shelf.films()
        assert read_film(films[-1].path)[0][-1] == pytest.approx(4 * 39_960 % 256, abs=1)
        assert shelf.free_bytes() >= 50_000
    finally:
        subprocess.run(["/bin/umount", disk], check=True)


def test_where_others_fill_the_disk_no_film_is_given_up_for_nothing(tmp_path):
    times = Times()
    for number in range(4):
        times.now_s = 60.0 * number
        _shelf(tmp_path, times).next_path().write_bytes(b"x" * 1000)
    gone = _shelf(tmp_path, times, free=0).clear(keep_bytes=None, keep_s=None, min_free_bytes=10**9)
    assert gone == []


def test_films_from_a_clock_that_was_wrong_go_first_and_the_newest_stays(tmp_path):
    times = Times()
    times.now_s = 70 * 365 * 86400.0
    wrong = _shelf(tmp_path, times).next_path()
    wrong.write_bytes(b"x" * 1000)
    right = []
    for number in range(3):
        times.now_s = 60.0 * number
        right.append(_shelf(tmp_path, times).next_path())
        right[-1].write_bytes(b"x" * 1000)
    gone = _shelf(tmp_path, times).clear(keep_bytes=2000, keep_s=None, min_free_bytes=0)
    assert gone == [wrong, right[0]]


def test_a_clock_that_jumps_ahead_takes_no_film_that_was_begun_just_now(tmp_path):
    times, ticks = Times(), [0.0]
    shelf = Shelf(tmp_path, "film", ".mkv", now=times.calendar, clock=lambda: ticks[0])
    for _ in range(3):
        file = shelf.open_next()
        file.append(b"film")
        file.close()
        times.now_s += 100 * 86400.0
        ticks[0] += 60.0
    assert shelf.clear(keep_bytes=None, keep_s=86400.0, min_free_bytes=0) == []


def test_the_film_that_another_camera_writes_is_not_taken_away(tmp_path):
    times = Times()
    other = _shelf(tmp_path, times).open_next()
    other.append(b"x" * 1000)
    for number in range(1, 4):
        times.now_s = 60.0 * number
        _shelf(tmp_path, times).next_path().write_bytes(b"x" * 1000)
    assert other.path not in _shelf(tmp_path, times).clear(keep_bytes=500, keep_s=None, min_free_bytes=0)
    other.close()
    assert other.path in _shelf(tmp_path, times).clear(keep_bytes=500, keep_s=None, min_free_bytes=0)


def test_a_film_without_a_frame_does_not_stay(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path / "film.mkv", rate_fps=0.0)

    def refuse(film, jpeg, media_time_s):
        raise OutputError("no space left", hint="free some")

    monkeypatch.setattr(MatroskaFilm, "add", refuse)
    for _ in range(3):
        with pytest.raises(OutputError):
            _record(recorder, Times(), [0])
    recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_an_avi_of_a_camera_that_was_away_for_hours_plays(tmp_path):
    recorder = Recorder(tmp_path / "film.avi", rate_fps=0.0)
    _record(recorder, Times(), [0, 50_000])
    recorder.close()
    assert len(read_film(tmp_path / "film.avi")[0]) == 2


def test_a_device_that_takes_nothing_is_an_output_error_and_names_itself():
    file = GrowingFile(Path("/dev/full"))
    with pytest.raises(OutputError, match="/dev/full"):
        file.append(b"line")
    file.close()
