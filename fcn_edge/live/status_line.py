"""A line that says how the camera is doing."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TextIO

from fcn_edge.live.frame import Clock
from fcn_edge.live.tally import Tally
from fcn_edge.progress import PLAIN_LINE_EVERY_S

TERMINAL_LINE_EVERY_S = 1.0
_WIDTH = 78


class StatusLine:
    """Shows frames a second, age and drops: each second in place on a terminal, else as a line every ten seconds.

    Args:
        tally: What is shown.
        stream: Standard error by default.
        quiet: Show nothing.
        clock: Monotonic seconds.
    """

    def __init__(
        self, tally: Tally, *, stream: TextIO | None = None, quiet: bool = False, clock: Clock = time.monotonic
    ) -> None:
        self._tally = tally
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._clock = clock
        self._in_place = self._stream.isatty()
        self._every_s = TERMINAL_LINE_EVERY_S if self._in_place else PLAIN_LINE_EVERY_S
        self._shown_at = clock()
        self._on_screen = False

    def update(self) -> None:
        """Show the line if it is time."""
        now = self._clock()
        if self._quiet or now - self._shown_at < self._every_s:
            return
        self._shown_at = now
        tally = self._tally
        age_ms = tally.newest[0] if tally.newest else 0.0
        line = (
            f"{tally.processed} frames, {tally.recent_fps(now):.1f} FPS, age {age_ms:.0f} ms, {tally.dropped} dropped"
        )
        if self._in_place:
            self._write("\r" + line.ljust(_WIDTH)[:_WIDTH])
            self._on_screen = True
        else:
            self._write(line + "\n")

    def close(self) -> None:
        """Clear a line that is drawn in place."""
        if self._on_screen:
            self._write("\r" + " " * _WIDTH + "\r")
            self._on_screen = False

    def _write(self, text: str) -> None:
        # A terminal that was closed, or a log on a full disk, is no reason to end a camera.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
