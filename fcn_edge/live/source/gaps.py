"""How regularly a live source delivers, and which of its frames came late."""

from __future__ import annotations

from collections import deque

# A frame that comes so many frame times after it was due is late enough to be counted.
LATE_FRAMES = 3
# Frames over which the frame time is a mean, and from which on it is believed. A camera begins with a few fast or slow
# ones while it sets its exposure, and a stream with those that the server had kept.
WINDOW = 30
BELIEVED_FROM = 8


class FrameTimes:
    """Learns the time between two frames and finds those that are late.

    What a source says of its own rate is often wrong (a Motion JPEG stream has none, and FFmpeg says 25), so the mean
    of the last frames counts. The longer of both is taken: a burst after a pause makes no frame late.

    Args:
        rate_fps: By the source's own account; 0 where it does not say.
    """

    def __init__(self, rate_fps: float = 0.0) -> None:
        self._said_s = 1 / rate_fps if rate_fps > 0 else 0.0
        self._intervals: deque[float] = deque(maxlen=WINDOW)
        self._last_at: float | None = None

    def late_s(self, begun_at: float) -> float:
        """Count a frame in; tell how many seconds after its time it came, 0 unless that is a gap."""
        last_at, self._last_at = self._last_at, begun_at
        if last_at is None:
            return 0.0
        interval_s = max(0.0, begun_at - last_at)
        usual_s, longest_s = self._usual_s(), self.longest_s()
        late_s = interval_s - usual_s if longest_s and interval_s > longest_s else 0.0
        # A gap of minutes must not pass for the new frame time.
        self._intervals.append(min(interval_s, longest_s) if longest_s else interval_s)
        return late_s

    def longest_s(self) -> float:
        """Tell the longest time between two frames that is no gap; 0 while the frame time is not known."""
        return (1 + LATE_FRAMES) * self._usual_s()

    def _usual_s(self) -> float:
        if len(self._intervals) < BELIEVED_FROM:
            return 0.0
        return max(self._said_s, sum(self._intervals) / len(self._intervals))
