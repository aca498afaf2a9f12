"""The films of a long recording: their names, and which of them are old enough to go."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from fcn_edge.live.frame import Clock
from fcn_edge.live.output.growing_file import GrowingFile, is_being_written

_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Film:
    """A film of a recording.

    Attributes:
        path: Where it is.
        begun: When it was begun, by its name.
        size_bytes: Of the file.
    """

    path: Path
    begun: datetime
    size_bytes: int


class Shelf:
    """Names films by the time they begin, ``people-20261126T141502Z.mkv``, and takes the oldest away.

    Universal time, so that the hour that comes twice in autumn is not two films of one name. Only files whose names
    this shelf would give are ever touched.

    Args:
        folder: Where the films are.
        stem: How their names begin.
        suffix: ``.mkv`` or ``.avi``.
        now: The time of day.
        free_bytes: Room left where a path is.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        folder: Path,
        stem: str,
        suffix: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
        clock: Clock = time.monotonic,
    ) -> None:
        self._clock = clock
        self._folder = folder
        self._stem = stem
        self._suffix = suffix
        self._now = now
        self._free_bytes = free_bytes
        # When this shelf's own films began, on a clock that nobody sets.
        self._begun: dict[Path, float] = {}
        self._pattern = re.compile(rf"{re.escape(stem)}-(\d{{8}}T\d{{6}}Z)(?:-\d+)?{re.escape(suffix)}")

    def next_path(self) -> Path:
        """Name a film that begins now; of two within a second the later one gets a number."""
        stem = f"{self._stem}-{self._now():%Y%m%dT%H%M%SZ}"
        path, number = self._folder / f"{stem}{self._suffix}", 1
        while path.exists():
            number += 1
            path = self._folder / f"{stem}-{number:03}{self._suffix}"
        return path

    def open_next(self) -> GrowingFile:
        """Begin a film under a name that nobody has, also where two cameras use one folder.

        Raises:
            OutputError: It cannot be created.
        """
        while True:
            path = self.next_path()
            try:
                file = GrowingFile(path, new=True)
            except FileExistsError:
                continue
            self._begun[path] = self._clock()
            return file

    def films(self) -> list[Film]:
        """List the films there are, oldest first."""
        found = []
        for path in self._folder.glob(f"{_escaped(self._stem)}-*{self._suffix}"):
            named = self._pattern.fullmatch(path.name)
            # Taken away by somebody else in between, or no date at all.
            with contextlib.suppress(OSError, ValueError):
                if named is not None:
                    begun = datetime.strptime(named.group(1), "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
                    found.append(Film(path, begun, path.stat().st_size))
        return sorted(found, key=lambda film: (film.begun, film.path.stem))

    def clear(
        self, *, keep_bytes: float | None, keep_s: float | None, min_free_bytes: float, but: Path | None = None
    ) -> list[Path]:
        """Take the oldest films away until the rest is small, young, and leaves room enough.

        Args:
            keep_bytes: They may take so much; None for any.
            keep_s: They may have begun so long ago; None for any time.
            min_free_bytes: So much has to be free where they are.
            but: The film that is being written, which stays.

        Returns:
            What was taken away.
        """
        now = self._now()
        # Films from the future are from before the clock was set right: older than all others.
        films = sorted(self.films(), key=lambda film: film.begun <= now)
        total = sum(film.size_bytes for film in films)
        # Where others fill the disk, taking every film away would not make room.
        helps = self.free_bytes() + total >= min_free_bytes
        gone = []
        # The newest stays whatever is asked for: it is what somebody will want to see.
        for film in films[:-1]:
            old = keep_s is not None and self._age_s(film, now) > keep_s
            large = keep_bytes is not None and total > keep_bytes
            full = helps and self.free_bytes() < min_free_bytes
            if film.path == but or not (old or large or full) or is_being_written(film.path):
                continue
            with contextlib.suppress(OSError):
                film.path.unlink()
                total -= film.size_bytes
                gone.append(film.path)
                self._begun.pop(film.path, None)
        return gone

    def _age_s(self, film: Film, now: datetime) -> float:
        begun = self._begun.get(film.path)
        return (now - film.begun).total_seconds() if begun is None else self._clock() - begun

    def free_bytes(self) -> int:
        """Tell how much room is left."""
        folder = self._folder
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return self._free_bytes(folder)


def _escaped(stem: str) -> str:
    return re.sub(r"([\[*?])", r"[\1]", stem)
