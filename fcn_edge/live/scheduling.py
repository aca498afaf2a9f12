"""Settings of the process and its threads while the camera runs: who computes where, and who first."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping

import cv2

from fcn_edge.live.frame import Capture, OpenCapture
from fcn_edge.machine.processor import allowed_cpus, fastest

# Python lets a thread that computes in Python keep the interpreter for 5 ms by default: as long as a whole frame takes
# in a small model, which would wait for it.
_SWITCH_INTERVAL_S = 0.0001
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


class Seating:
    """Gives the model's thread a processor of its own, and all others the rest.

    Left to the system, threads that wake for a moment push the model from its processor, whose caches it then fills
    anew: on two processors a model of 5 ms kept 0.80 to 0.90 of its pace with everything on, and 0.97 with a seat.
    Where a model computes in several threads, or there is one processor, there are no seats; then the others stand
    behind in priority, on Linux.

    Args:
        alone: The model computes in the one thread that calls it.
    """

    def __init__(self, *, alone: bool) -> None:
        allowed = allowed_cpus()
        self._model: int | None = None
        if alone and len(allowed) > 1 and hasattr(os, "sched_setaffinity"):
            self._model = fastest(allowed)
        self._others = allowed - {self._model}

    def sit_model(self) -> None:
        """Take the model's place, for the calling thread."""
        if self._model is not None:
            _bind({self._model})

    def sit_elsewhere(self) -> None:
        """Take a place beside, for the calling thread."""
        if self._model is not None:
            _bind(self._others)
        elif sys.platform.startswith("linux"):
            with contextlib.suppress(OSError):
                thread = threading.get_native_id()
                # From where the run was started at, which may be behind others already.
                os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _BEHIND)

    def seated(self, opener: OpenCapture) -> OpenCapture:
        """Give *opener* so that the threads of what it opens, such as decoders, stay away from the model too."""

        def opened(target: int | str, wishes: Mapping[int, float]) -> Capture:
            # Threads begin where the thread was that started them.
            self.sit_elsewhere()
            return opener(target, wishes)

        return opened


def _bind(cpus: set[int] | frozenset[int]) -> None:
    # A container may forbid it, or take a processor away in between.
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, cpus)
