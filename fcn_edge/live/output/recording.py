"""Recording what the window would show."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import UsageError
from fcn_edge.geometry import fit_image
from fcn_edge.live.output.avi import AviFilm
from fcn_edge.live.output.growing_file import GrowingFile
from fcn_edge.live.output.matroska import MatroskaFilm
from fcn_edge.live.result import Result

JPEG_QUALITY = 88


class _Film(Protocol):
    def add(self, jpeg: bytes, media_time_s: float) -> None: ...

    def close(self) -> None: ...


FORMATS = {".avi": AviFilm, ".mkv": MatroskaFilm}


def check_recording(path: Path, source: str) -> None:
    """See that *path* can be a recording of *source*.

    Raises:
        UsageError: Another format than .avi or .mkv, or the file that is being read.
    """
    if path.suffix.lower() not in FORMATS:
        message = f"--record {path}: a recording is Motion JPEG in .mkv or .avi, which survive a power cut"
        other = path.with_suffix(".mkv").name
        raise UsageError(message, hint=f"record to {other}; convert it later: ffmpeg -i {other} {path.stem}.mp4")
    if path.exists() and Path(source).exists() and path.samefile(source):
        raise UsageError(f"--record {path}: this is the film that is being read", hint="choose another name")


class Recorder:
    """Writes the pictures of a run to a film that can be played whenever and however it ends.

    Args:
        path: ``.mkv`` (each frame at its true time) or ``.avi`` (mean rate).
        rate_fps: Frames a second where they are constant; 0 for a live source.

    Raises:
        UsageError: Another format.
        OutputError: The file cannot be created.
    """

    name = "recording"
    needs_picture = True

    def __init__(self, path: Path, *, rate_fps: float) -> None:
        check_recording(path, "")
        self._file = GrowingFile(path)
        self._format = FORMATS[path.suffix.lower()]
        self._rate_fps = rate_fps
        self._film: _Film | None = None
        self._first_s = 0.0
        self._size_hw = (0, 0)

    def write(self, result: Result, picture_bgr: NDArray[np.uint8]) -> None:
        """Append a picture; one of another size than the first is letterboxed to it.

        Raises:
            OutputError: The disk is full; what is there can be played.
        """
        media_time = result.frame.media_time_s
        if self._film is None:
            self._size_hw = (picture_bgr.shape[0], picture_bgr.shape[1])
            self._film = self._format(self._file, self._size_hw[::-1], self._rate_fps)
            self._first_s = media_time
        picture = fit_image(picture_bgr, self._size_hw, "letterbox")
        _, jpeg = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
        self._film.add(jpeg.tobytes(), media_time - self._first_s)

    def close(self) -> None:
        """Finish the film. May be called twice.

        Raises:
            OutputError: The disk is full; what is there can be played.
        """
        film, self._film = self._film, None
        try:
            if film is not None:
                film.close()
        finally:
            self._file.close()
            if not self._file.size_bytes:
                # No frame came: an empty file would only look like a film.
                self._file.path.unlink(missing_ok=True)
