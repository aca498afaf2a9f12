"""Masks as files, as a data folder has them: 8-bit grey PNG of class ids."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge import atomic
from fcn_edge.errors import UsageError
from fcn_edge.image_file import encode_png
from fcn_edge.live.result import Result

_PREFIX = "frame-"


def check_masks(folder: Path, per_second: float | None, most: int | None) -> None:
    """See that masks can be asked for like that.

    Raises:
        UsageError: A rate or a number that is not above 0, or a file where the folder should be.
    """
    if per_second is not None and not 0 < per_second < float("inf"):
        raise UsageError(f"--masks-per-second {per_second}: expected above 0", hint="leave it out for every frame")
    if most is not None and most < 1:
        raise UsageError(f"--keep-masks {most}: expected 1 or more", hint="leave it out to keep all")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--masks {folder}: this is a file; a folder was expected", hint="choose another name")


class MaskFiles:
    """Writes the mask of each frame, or of some a second, to ``frame-00001203.png``.

    Args:
        folder: Made where it is missing.
        per_second: At most so many a second, by the frames' times; None for all.
        most: Only the newest so many are kept, of those this run writes; None for all.

    Raises:
        UsageError: See :func:`check_masks`.
    """

    name = "masks"
    needs_picture = False
    needs_frame = False

    def __init__(self, folder: Path, *, per_second: float | None = None, most: int | None = None) -> None:
        check_masks(folder, per_second, most)
        self._folder = folder
        self._interval_s = 0.0 if per_second is None else 1 / per_second
        self._most = most
        self._written: list[Path] = []
        self._next_s: float | None = None

    def write(self, result: Result, picture_bgr: NDArray[np.uint8]) -> None:
        """Write a mask whole or not at all.

        Raises:
            OutputError: The disk is full, or the folder cannot be made.
        """
        del picture_bgr
        at = result.frame.media_time_s
        # Half a millisecond of grace: frame times are rounded.
        if self._next_s is not None and at < self._next_s - 0.0005:
            return
        self._next_s = at + self._interval_s
        path = self._folder / f"{_PREFIX}{result.frame.number:08}.png"
        atomic.write_bytes(path, encode_png(result.labels))
        if self._most is not None:
            self._written.append(path)
            while len(self._written) > self._most:
                # Somebody may have taken it away.
                with contextlib.suppress(OSError):
                    self._written.pop(0).unlink()

    def close(self) -> None:
        """Nothing is held open."""
