"""Settings of the whole process while the camera runs."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

import cv2

# Python lets a thread that computes in Python keep the interpreter for 5 ms by default: as long as a whole frame takes
# in a small model, which would wait for it.
_SWITCH_INTERVAL_S = 0.0005
# About a third of the processor time that a thread of ordinary priority gets where there is not enough for both.
_BEHIND = 5


@contextlib.contextmanager
def scheduled_for_live() -> Iterator[None]:
    """Let threads take turns quickly, and keep OpenCV to the threads that call it.

    OpenCV splits even small resizes over all processors, whose threads then wait in a loop for more: they would take
    the processor from the model.
    """
    interval, threads = sys.getswitchinterval(), cv2.getNumThreads()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        cv2.setNumThreads(threads)


def stand_behind() -> None:
    """Let this thread stand behind others where processors are short, so that it does not push the model from its own.

    Linux has priorities for single threads; elsewhere nothing is done.
    """
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _BEHIND)
