"""Keeping two trainings from writing one run folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from fcn_edge.errors import OutputError, UsageError


@contextlib.contextmanager
def writing_alone(folder: Path) -> Iterator[None]:
    """Hold *folder*, which is made where it is missing, against other trainings; on Windows it is only made.

    Raises:
        UsageError: Another training holds it.
        OutputError: It cannot be made.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror}", hint="give another --out") from error
    try:
        with _locked(folder):
            yield
    finally:
        if made:
            # Where nothing was written, because the data have faults, nothing stays.
            with contextlib.suppress(OSError):
                folder.rmdir()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(held)
        raise UsageError(
            f"{folder}: another training is writing there", hint="wait for it, end it, or give another --out"
        ) from error
    except OSError:
        # Some network file systems have no locks; that is no reason not to train.
        pass
    try:
        yield
    finally:
        os.close(held)
