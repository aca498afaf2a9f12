"""Counting while the camera runs. Each counter is written by one thread only and may be read by any."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fcn_edge.live.frame import Frame
from fcn_edge.live.result import OUTPUT_STAGES, STAGES
from fcn_edge.live.stats import FrameCounts, FrameRates
from fcn_edge.live.timing import Rate, RecentRate, StageTimes, TimeStats


class Tally:
    """What a run has done so far, in memory that does not grow.

    Args:
        classes: How many classes the model has.
    """

    def __init__(self, classes: int) -> None:
        self._captured = Rate()
        self._processed = Rate()
        self._recent = RecentRate()
        self._stages = StageTimes(STAGES)
        self._outputs = StageTimes(OUTPUT_STAGES)
        self._share_sum = np.zeros(classes)
        self._replaced = self._undecodable = 0
        self.results_dropped = 0
        self.age_ms = 0.0

    def frame_captured(self, frame: Frame) -> None:
        """Count a frame, and those before it that could not be decoded."""
        self._captured.add(frame.ready_at)
        self._undecodable += frame.lost_before

    def frames_replaced(self, count: int) -> None:
        """Count frames that a newer one pushed out."""
        self._replaced += count

    def frame_processed(self, at: float, times_s: tuple[float, ...], shares: NDArray[np.float64]) -> None:
        """Count a frame that became a mask at *at*, with the seconds of each stage and the share of each class."""
        self._processed.add(at)
        self._recent.add(at)
        self._stages.add(times_s)
        self._share_sum += shares
        self.age_ms = 1000 * sum(times_s)

    def result_written(self, draw_s: float, output_s: float) -> None:
        """Count a result that went through all outputs."""
        self._outputs.add((draw_s, output_s))

    @property
    def captured(self) -> int:
        """Frames that were read and decoded."""
        return self._captured.count

    @property
    def processed(self) -> int:
        """Frames that became a mask."""
        return self._processed.count

    @property
    def results_written(self) -> int:
        """Results that went through all outputs."""
        return self._outputs.seen

    @property
    def dropped(self) -> int:
        """Frames that certainly will not become a mask."""
        return self._replaced + self._undecodable

    def recent_fps(self) -> float:
        """Frames processed a second, lately."""
        return self._recent.per_second()

    def frames(self) -> FrameCounts:
        """Sum up where the frames went; to be asked when the run is over."""
        captured = self._captured.count + self._undecodable
        dropped = captured - self.processed
        causes = {
            "newer_frame": self._replaced,
            "undecodable": self._undecodable,
            "end_of_run": dropped - self.dropped,
        }
        return FrameCounts(captured, self.processed, dropped, causes)

    def rates(self) -> FrameRates:
        """Sum up frames a second over the whole run."""
        return FrameRates(self._captured.per_second(), self._processed.per_second())

    def stages(self) -> dict[str, TimeStats]:
        """Sum up the times of all stages."""
        return self._stages.stats() | self._outputs.stats()

    def capture_to_result(self) -> TimeStats:
        """Sum up the time from capture to mask."""
        return self._stages.total()

    def shares_mean(self) -> NDArray[np.float64]:
        """Mean share of each class, ``(K,)``."""
        return self._share_sum / max(1, self.processed)
