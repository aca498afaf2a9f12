"""A file that grows while it can already be read: a recording, a log."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from fcn_edge.atomic import output_error

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment] # Python's own way to say that a module is not there


class GrowingFile:
    """Appends whole pieces to a new file, unbuffered, so that a kill loses nothing that was written.

    Not written beside its name and renamed like every other result: what is there after a power cut is the point.

    What was there before stays until the first piece, so that a run which never begins destroys nothing. While it is
    open it is locked for other programs of this package.

    Args:
        path: Replaced if it exists; missing folders are made.
        new: It must not exist.

    Raises:
        OutputError: It cannot be created.
        FileExistsError: It exists and must not.
    """

    def __init__(self, path: Path, *, new: bool = False) -> None:
        self._path = path
        self._made = not path.exists()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(path, error) from error
        try:
            flags = os.O_CREAT | os.O_WRONLY | getattr(os, "O_CLOEXEC", 0) | (os.O_EXCL if new else 0)
            # Unbuffered: what was written is the system's, whatever becomes of this process.
            self._file = os.fdopen(os.open(path, flags, 0o666), "wb", buffering=0)
        except FileExistsError:
            # Whoever asked for a new one finds another name.
            raise
        except OSError as error:
            raise output_error(path, error) from error
        lock(self._file.fileno())
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
            if not self._size_bytes:
                self._cut()
            while rest:
                # A full disk first takes a part of the piece and fails on the next call.
                rest = rest[os.write(self._file.fileno(), rest) :]
        except OSError as error:
            # A device cannot be cut; what it said first is what counts.
            with contextlib.suppress(OSError):
                self._cut()
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
        """Close the file; one that was made here and is empty goes. May be called twice."""
        if self._file.closed:
            return
        # On some network disks a late error comes here; the pieces before it were told of already.
        with contextlib.suppress(OSError):
            self._file.close()
        if self._made and not self._size_bytes:
            self.remove()

    def remove(self) -> None:
        """Take the file away, where it was made here."""
        if self._made:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _cut(self) -> None:
        # A pipe or a device has no length, and nothing that could be cut.
        if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            os.ftruncate(self._file.fileno(), self._size_bytes)
            os.lseek(self._file.fileno(), self._size_bytes, os.SEEK_SET)


def lock(descriptor: int) -> bool:
    """Mark a file as being written; False if another program of this package does that."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Not every network disk knows of locks.
        return True
    return True


def is_being_written(path: Path) -> bool:
    """Tell whether a program of this package has *path* open for writing."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not lock(descriptor)
    finally:
        os.close(descriptor)
