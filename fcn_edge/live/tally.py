"""Counting while the camera runs. Each counter is written by one thread only and may be read by any."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from fcn_edge.live.frame import Frame
from fcn_edge.live.result import OUTPUT_STAGES, STAGES
from fcn_edge.live.stats import FrameCounts, FrameRates
from fcn_edge.live.sustained import SustainedStats, SustainedTimes
from fcn_edge.live.timing import Rate, RecentRate, StageTimes, TimeStats

_INFERENCE = STAGES.index("inference")


class Tally:
    """What a run has done so far, in memory that does not grow.

    Args:
        classes: How many classes the model has.
    """

    def __init__(self, classes: int) -> None:
        self._captured = Rate()
        self._processed = Rate()
        self._recent_captured = RecentRate()
        self._recent = RecentRate()
        self._stages = StageTimes(STAGES)
        self._outputs = StageTimes(OUTPUT_STAGES)
        self._share_sum = np.zeros(classes)
        self._sustained = SustainedTimes()
        self._replaced = self._undecodable = self._results_lost = 0
        # Of the newest frame; a new tuple each time, so that a reader never sees half of one.
        self.newest: tuple[float, float, NDArray[np.float64]] | None = None
        self.first_mask_at: float | None = None
        # Results are finished by whichever output is the last.
        self._outputs_lock = threading.Lock()

    def frame_captured(self, frame: Frame) -> None:
        """Count a frame, and those before it that could not be decoded."""
        self._captured.add(frame.ready_at)
        self._recent_captured.add(frame.ready_at)
        self._undecodable += frame.lost_before

    def frames_replaced(self, count: int) -> None:
        """Count frames that a newer one pushed out."""
        self._replaced += count

    def frame_processed(self, at: float, times_s: tuple[float, ...], shares: NDArray[np.float64]) -> None:
        """Count a frame that became a mask at *at*, with the seconds of each stage and the share of each class."""
        if self.first_mask_at is None:
            self.first_mask_at = at
        self._processed.add(at)
        self._recent.add(at)
        self._stages.add(times_s)
        self._share_sum += shares
        total_s, inference_s = sum(times_s), times_s[_INFERENCE]
        self._sustained.add(at, inference_s, total_s)
        self.newest = 1000 * total_s, 1000 * inference_s, shares

    def result_written(self, draw_s: float, output_s: float) -> None:
        """Count a result that no output needs any more, with the seconds to draw it and until the last one was done."""
        with self._outputs_lock:
            self._outputs.add((draw_s, output_s))

    def result_lost(self) -> None:
        """Count a result that at least one output did not take."""
        with self._outputs_lock:
            self._results_lost += 1

    @property
    def results_dropped(self) -> int:
        """Results that at least one output did not take."""
        return self._results_lost

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

    @property
    def dropped_by_cause(self) -> dict[str, int]:
        """Why frames did not become a mask, so far."""
        return {"newer_frame": self._replaced, "undecodable": self._undecodable}

    def recent_fps(self, now: float | None = None) -> float:
        """Frames processed a second, lately; as of *now* where it is given."""
        return self._recent.per_second(now)

    def recent_camera_fps(self, now: float | None = None) -> float:
        """Frames captured a second, lately; as of *now* where it is given."""
        return self._recent_captured.per_second(now)

    def frames(self) -> FrameCounts:
        """Sum up where the frames went; to be asked when the run is over."""
        captured = self._captured.count + self._undecodable
        dropped = captured - self.processed
        causes = {**self.dropped_by_cause, "end_of_run": dropped - self.dropped}
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

    def sustained(self) -> SustainedStats | None:
        """Compare the first minute with the last; None below two minutes."""
        return self._sustained.stats()

    def shares_mean(self) -> NDArray[np.float64]:
        """Mean share of each class, ``(K,)``."""
        return self._share_sum / max(1, self.processed)
