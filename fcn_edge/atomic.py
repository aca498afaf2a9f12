"""Writing files so that nobody ever sees half of one: to a temporary name beside it, then renamed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fcn_edge.errors import OutputError

REPORT_SCHEMA_VERSION = 1


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside *path*; rename it to *path* when the block ends well, remove it otherwise.

    The temporary name keeps the suffix of *path*, because libraries choose a format by it. Missing parent folders are
    made.

    Raises:
        OutputError: The folder cannot be made or the file cannot be written (a full disk, no permission).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=f".part{path.suffix}", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise output_error(path, error) from error
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes 0600; a result is for everyone the umask allows.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside *path*; its files move into *path* when the block ends well, else it is removed.

    Files of *path* that the block did not write stay. Each file is renamed, so none is ever seen half-written. Where
    *path* was not there before and the block fails, it is not there afterwards.

    Raises:
        OutputError: The folder cannot be made or written.
    """
    try:
        made = not path.exists()
        path.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".part.", dir=path))
    except OSError as error:
        raise output_error(path, error) from error
    try:
        yield temporary
        for file in sorted(p for p in temporary.rglob("*") if p.is_file()):
            target = path / file.relative_to(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if made:
            with contextlib.suppress(OSError):  # there is something in it: the block ended well
                path.rmdir()


def check_writable(path: Path, *, folder: bool = False) -> None:
    """Refuse a place for a result before time is spent on what should go there; makes and changes nothing.

    A disk may still fill up, so writing may fail nevertheless.

    Args:
        path: Of a file that is to be written, missing parents included; one that is there would be replaced.
        folder: It is a folder that files are to be written into.

    Raises:
        OutputError: There is a folder where a file should go or the other way round, or no permission.
    """
    if path.is_dir() and not folder:
        raise _unfit(path, "is a folder; a file was expected", "name a file in it")
    # As with rename: what counts is the folder that gets the new name, not whether an older file may be changed.
    place = path if folder else path.parent
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise _unfit(path, f"{place} is a file; a folder was expected", "choose another place for the output")
    if not os.access(place, os.W_OK | os.X_OK):
        hint = "choose another folder for the output, or ask for the permission to write there"
        raise _unfit(path, f"no permission to write to {place}", hint)


def _unfit(path: Path, reason: str, hint: str) -> OutputError:
    return OutputError(f"{path}: cannot be written: {reason}", hint=hint)


def write_bytes(path: Path, data: bytes) -> None:
    """Write *data* to *path* whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write *text* to *path* as UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_report(path: Path | str, kind: str, content: Mapping[str, Any]) -> None:
    """Write a result as JSON with ``schema_version`` and ``kind`` in front; ``-`` is standard output.

    Keys keep their order; a NaN or infinity is an error in the caller and raises ``ValueError``.
    """
    whole = {"schema_version": REPORT_SCHEMA_VERSION, "kind": kind, **content}
    text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
    else:
        write_text(Path(path), text)


def output_error(path: Path, error: OSError) -> OutputError:
    """Turn the operating system's *error* on writing *path* into one of ours."""
    reason = error.strerror or str(error)
    return OutputError(
        f"{path}: cannot be written: {reason}", hint="free some space, or choose another folder for the output"
    )
