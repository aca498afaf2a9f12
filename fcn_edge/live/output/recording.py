"""Recording what the window would show, for a minute or for months."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import OutputError, UsageError
from fcn_edge.geometry import fit_image
from fcn_edge.live.frame import Clock
from fcn_edge.live.output.avi import LARGEST_BYTES, AviFilm
from fcn_edge.live.output.growing_file import GrowingFile
from fcn_edge.live.output.matroska import MatroskaFilm
from fcn_edge.live.output.segment import Shelf
from fcn_edge.live.output.syncing import Syncing
from fcn_edge.live.result import Result

JPEG_QUALITY = 88
STEM = "camera"
SEGMENT_MINUTES = 10.0
# Of a disk that a recording with limits leaves to everything else.
MIN_FREE_MB = 200.0
_MB = 1_000_000
# A limit on all films keeps whole films, so each has to be much smaller than it.
_FEWEST_FILMS = 8
# Room is looked at so often, which costs some microseconds.
_LOOK_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class RecordLimits:
    """How large a recording may become. With any limit it is many films, each named by its time.

    Attributes:
        segment_minutes: A film is as long as this at most; None for ten where there are several.
        segment_mb: A film is as large as this at most, in MB of 1,000,000 bytes.
        keep_mb: All films together; the oldest go first.
        keep_hours: Films that began earlier than this go.
        min_free_mb: Room to leave on the disk; None for 200 MB where there are several films, else none.
    """

    segment_minutes: float | None = None
    segment_mb: float | None = None
    keep_mb: float | None = None
    keep_hours: float | None = None
    min_free_mb: float | None = None

    @property
    def any(self) -> bool:
        """Whether there is one that makes several films of it."""
        limits = (self.segment_minutes, self.segment_mb, self.keep_mb, self.keep_hours)
        return any(limit is not None for limit in limits)


NO_LIMITS = RecordLimits()


class _Film(Protocol):
    def add(self, jpeg: bytes, media_time_s: float) -> None: ...

    def close(self) -> None: ...


FORMATS = {".avi": AviFilm, ".mkv": MatroskaFilm}


def check_recording(path: Path, source: str, limits: RecordLimits = NO_LIMITS) -> None:
    """See that *path* can be a recording of *source*.

    Raises:
        UsageError: Another format than .avi or .mkv, the file that is being read, or a limit that is not above 0.
    """
    for name in ("segment_minutes", "segment_mb", "keep_mb", "keep_hours", "min_free_mb"):
        value = getattr(limits, name)
        if value is not None and not 0 < value < float("inf"):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} {value}: expected above 0", hint=f"leave {option} out for no such limit")
    if _is_folder(path):
        return
    if path.suffix.lower() not in FORMATS:
        message = f"--record {path}: a recording is Motion JPEG in .mkv or .avi, which survive a power cut"
        other = path.with_suffix(".mkv").name
        raise UsageError(message, hint=f"record to {other}; convert it later: ffmpeg -i {other} {path.stem}.mp4")
    if path.exists() and Path(source).exists() and path.samefile(source):
        raise UsageError(f"--record {path}: this is the film that is being read", hint="choose another name")


class Recorder:
    """Writes the pictures of a run to films that can be played whenever and however it ends.

    Args:
        path: ``.mkv`` (each frame at its true time) or ``.avi`` (mean rate; goes on in a further film, named by its
            time, where the format's 2 GiB are reached); or a folder, into which films of ten minutes go.
        rate_fps: Frames a second where they are constant; 0 for a live source.
        limits: How large it may become.
        live: Whether what was written is put onto the disk every few seconds, for power cuts.
        shelf: Names and removes films; by default those at *path*.
        clock: Monotonic seconds.

    Raises:
        UsageError: Another format, or a limit that is not above 0.
        OutputError: The file cannot be created.
    """

    name = "recording"
    needs_picture = True
    needs_frame = False

    def __init__(
        self,
        path: Path,
        *,
        rate_fps: float,
        limits: RecordLimits = NO_LIMITS,
        live: bool = False,
        shelf: Shelf | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        check_recording(path, "", limits)
        is_folder = _is_folder(path)
        stem, suffix = (STEM, ".mkv") if is_folder else (path.stem, path.suffix.lower())
        self._path = path
        self._limits = limits
        self._several = is_folder or limits.any
        self._rate_fps = rate_fps
        self._clock = clock
        self._shelf = shelf or Shelf(path if is_folder else path.parent, stem, suffix)
        self._format = FORMATS[suffix]
        self._largest_bytes = _largest_bytes(limits, suffix)
        self._syncing = Syncing() if live else None
        self._film: _Film | None = None
        self._first_s = self._begun_at = self._looked_at = 0.0
        self._size_hw = (0, 0)
        self._frames = 0
        # Opened at once, so that a place that cannot be written to is told before the camera starts.
        self._file: GrowingFile | None = self._open(first=True)

    def write(self, result: Result, picture_bgr: NDArray[np.uint8]) -> None:
        """Append a picture; one of another size than the film's first is letterboxed to it.

        Raises:
            OutputError: The disk is full; what is there can be played, and the next call begins another film.
        """
        media_time = result.frame.media_time_s
        try:
            if self._film is not None and self._is_full():
                self._finish()
            self._look_for_room()
            film = self._film or self._begin(picture_bgr, media_time)
            picture = fit_image(picture_bgr, self._size_hw, "letterbox")
            _, jpeg = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
            film.add(jpeg.tobytes(), media_time - self._first_s)
            self._frames += 1
        except OutputError:
            with contextlib.suppress(OutputError):
                self._finish()
            raise

    def close(self) -> None:
        """Finish the film. May be called twice.

        Raises:
            OutputError: The disk is full; what is there can be played.
        """
        try:
            self._finish()
        finally:
            if self._syncing is not None:
                self._syncing.close()

    def _open(self, *, first: bool = False) -> GrowingFile:
        alone = first and not self._several
        file = GrowingFile(self._path) if alone else self._shelf.open_next()
        if self._syncing is not None:
            self._syncing.follow(file)
        return file

    def _begin(self, picture_bgr: NDArray[np.uint8], media_time_s: float) -> _Film:
        if self._file is None:
            self._file = self._open()
        self._size_hw = (picture_bgr.shape[0], picture_bgr.shape[1])
        self._film = self._format(self._file, self._size_hw[::-1], self._rate_fps)
        self._first_s, self._begun_at, self._frames = media_time_s, self._clock(), 0
        return self._film

    def _is_full(self) -> bool:
        if self._file is None:
            return False
        minutes = self._limits.segment_minutes or (SEGMENT_MINUTES if self._several else None)
        late = minutes is not None and self._clock() - self._begun_at >= 60 * minutes
        return late or self._file.size_bytes >= self._largest_bytes

    def _look_for_room(self) -> None:
        """Take old films away; too little room is an error before the disk is full."""
        now = self._clock()
        limits = self._limits
        wanted = self._several or limits.min_free_mb is not None
        if not wanted or (self._film is not None and now - self._looked_at < _LOOK_EVERY_S):
            return
        self._looked_at = now
        min_free = _MB * (MIN_FREE_MB if limits.min_free_mb is None else limits.min_free_mb)
        self._shelf.clear(
            keep_bytes=None if limits.keep_mb is None else _MB * limits.keep_mb,
            keep_s=None if limits.keep_hours is None else 3600 * limits.keep_hours,
            min_free_bytes=min_free if limits.keep_mb is not None or limits.keep_hours is not None else 0,
            but=None if self._file is None else self._file.path,
        )
        if self._shelf.free_bytes() < min_free:
            message = f"{self._path}: less than {min_free / _MB:.0f} MB are free on its disk"
            raise OutputError(message, hint="free some space, or let the oldest films go: --keep-mb 5000")

    def _finish(self) -> None:
        film, self._film = self._film, None
        file, self._file = self._file, None
        if file is None:
            return
        try:
            if film is not None:
                film.close()
        finally:
            if self._syncing is not None:
                self._syncing.follow(None)
            file.close()
            if film is not None and not self._frames:
                # A film without a frame would only look like one.
                file.remove()


def _is_folder(path: Path) -> bool:
    return path.is_dir() or not (path.suffix or path.exists())


def _largest_bytes(limits: RecordLimits, suffix: str) -> float:
    sizes = [_MB * limits.segment_mb] if limits.segment_mb is not None else []
    if limits.keep_mb is not None:
        sizes.append(_MB * limits.keep_mb / _FEWEST_FILMS)
    if suffix == ".avi":
        # Its index and the last frame have to go into it as well.
        sizes.append(0.95 * LARGEST_BYTES)
    return min(sizes, default=float("inf"))
