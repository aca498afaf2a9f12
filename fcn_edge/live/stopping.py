"""Ending a run on the signals by which people and systems end programs."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Give an event that SIGINT and SIGTERM set while the block runs; a second signal acts as it would without.

    To be used in the main thread.
    """
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()
        restore()

    try:
        for number in before:
            signal.signal(number, ask_to_stop)
        yield stop
    finally:
        restore()
