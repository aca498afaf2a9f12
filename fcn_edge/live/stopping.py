"""Ending a run on the signals by which people and systems end programs."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Give an event that SIGINT, SIGTERM and SIGHUP set while the block runs; a second signal acts as it would without.

    To be used in the main thread.
    """
    stop = threading.Event()
    # A terminal that is closed sends SIGHUP; where it is ignored (nohup), it stays so.
    hang_up = getattr(signal, "SIGHUP", None)
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hang_up is not None and signal.getsignal(hang_up) != signal.SIG_IGN:
        numbers.append(hang_up)
    before = {number: signal.getsignal(number) for number in numbers}

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
