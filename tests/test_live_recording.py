"""Recordings: what was written can be played, however the run ended."""

from __future__ import annotations

import os

import cv2
import pytest
from films import grey_frame, read_film, write_film

from fcn_edge.errors import OutputError, UsageError
from fcn_edge.live.output.avi import AviFilm
from fcn_edge.live.output.growing_file import GrowingFile
from fcn_edge.live.output.matroska import MatroskaFilm
from fcn_edge.live.output.recording import Recorder, check_recording

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
