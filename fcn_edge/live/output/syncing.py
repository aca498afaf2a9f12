"""Putting what was written onto the disk every few seconds, so that a power cut loses little."""

from __future__ import annotations

import contextlib
import os
import threading

from fcn_edge.live.output.growing_file import GrowingFile

EVERY_S = 5.0
# Without what the file system notes of times; macOS has only the whole.
_SYNC = getattr(os, "fdatasync", os.fsync)


class Syncing:
    """Calls ``fdatasync`` in a thread of its own: on an SD card it can take a second, for which no frame should wait.

    Args:
        every_s: Seconds between two calls.
    """

    def __init__(self, *, every_s: float = EVERY_S) -> None:
        self.done = 0
        self._every_s = every_s
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="fcn-edge-syncing", daemon=True)
        self._thread.start()

    def follow(self, file: GrowingFile | None) -> None:
        """Look after *file* from now on; None: after none."""
        # A descriptor of its own: the file may be closed while a call is under way.
        descriptor = None if file is None else os.dup(file.descriptor)
        with self._lock:
            before, self._descriptor = self._descriptor, descriptor
        if before is not None:
            os.close(before)

    def close(self) -> None:
        """End, with a last call left to the system. May be called twice."""
        self._stop.set()
        self.follow(None)

    def _work(self) -> None:
        while not self._stop.wait(self._every_s):
            with self._lock:
                descriptor = None if self._descriptor is None else os.dup(self._descriptor)
            if descriptor is None:
                continue
            # A disk that cannot take it says so at the next write too, which is where it is told.
            with contextlib.suppress(OSError):
                _SYNC(descriptor)
                self.done += 1
            os.close(descriptor)
