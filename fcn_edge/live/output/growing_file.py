"""A file that grows while it can already be read: a recording, a log."""

from __future__ import annotations

import os
from pathlib import Path

from fcn_edge.atomic import output_error


class GrowingFile:
    """Appends whole pieces to a new file, unbuffered, so that a kill loses nothing that was written.

    Not written beside its name and renamed like every other result: what is there after a power cut is the point.

    Args:
        path: Replaced if it exists; missing folders are made.

    Raises:
        OutputError: It cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise output_error(path, error) from error
        self._size_bytes = 0

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path

    @property
    def descriptor(self) -> int:
        """Its number in the operating system."""
        return self._file.fileno()

    @property
    def size_bytes(self) -> int:
        """How much was appended."""
        return self._size_bytes

    def append(self, piece: bytes) -> None:
        """Append *piece* whole; when there is no room for all of it, cut off what was written of it.

        Raises:
            OutputError: The disk is full, or the device is gone.
        """
        rest = memoryview(piece)
        try:
            while rest:
                # A full disk first takes a part of the piece and fails on the next call.
                rest = rest[os.write(self._file.fileno(), rest) :]
        except OSError as error:
            os.ftruncate(self._file.fileno(), self._size_bytes)
            os.lseek(self._file.fileno(), self._size_bytes, os.SEEK_SET)
            raise output_error(self._path, error) from error
        self._size_bytes += len(piece)

    def patch(self, offset: int, piece: bytes) -> None:
        """Overwrite bytes that were appended before; needs no room on the disk.

        Raises:
            OutputError: The device is gone.
        """
        try:
            os.pwrite(self._file.fileno(), piece, offset)
        except OSError as error:
            raise output_error(self._path, error) from error

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()
