"""What a run of the camera measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fcn_edge import atomic
from fcn_edge.live.frame import WELL, SourceHealth, SourceInfo
from fcn_edge.live.status import OutputStatus
from fcn_edge.live.sustained import SustainedStats
from fcn_edge.live.timing import TimeStats
from fcn_edge.live.watch import WatchStats
from fcn_edge.machine.environment import EnvironmentInfo

KIND = "camera"


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Where the frames went: ``captured = processed + dropped``.

    Attributes:
        captured: Frames the source delivered during the run.
        processed: Frames that became a mask.
        dropped: Frames that did not.
        dropped_by_cause: ``newer_frame`` (replaced while waiting), ``undecodable``, ``end_of_run`` (still
            waiting then).
    """

    captured: int
    processed: int
    dropped: int
    dropped_by_cause: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FrameRates:
    """Frames a second over the run; None where fewer than two frames came."""

    camera: float | None
    processed: float | None


@dataclass(frozen=True, slots=True)
class OutputStats:
    """What became of the results.

    Attributes:
        written: Results that every output took.
        dropped: Results of a live source that an output did not take, because it was busy or had failed.
        record: Path of the recording.
        frame_log: Path of the log with one line a frame.
        each: Name of each output to what became of the results there.
    """

    written: int
    dropped: int
    record: str | None
    frame_log: str | None
    each: Mapping[str, OutputStatus] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SmoothingStats:
    """What averaging over time cost.

    Attributes:
        seconds: Time constant.
        cost_ms: For each frame; a part of the postprocess stage.
    """

    seconds: float
    cost_ms: TimeStats


@dataclass(frozen=True, slots=True)
class CameraStats:
    """Result of :func:`fcn_edge.live.run.run_camera`; the report file has the same names.

    Attributes:
        model: ``path``, ``name``, ``precision`` and ``fingerprint`` of the model.
        source: What the frames came from.
        backend: ``runtime``, ``version`` and ``device``.
        threads: Of the backend; None for its own choice.
        duration_s: From the first wait for a frame to the end.
        ended_by: ``end_of_source``, ``max_frames``, ``minutes``, ``stopped`` or ``error``.
        error: The message of the error that ended the run, else None.
        frames: Counts.
        fps: Rates.
        stages_ms: capture, wait, preprocess, inference, postprocess, draw, output.
        capture_to_result_ms: Sum of the stages from capture to postprocess, frame by frame; begins at
            ``source.starts_at``.
        outputs: What became of the results.
        class_share_mean: Class name to its mean share of the picture, 0..1.
        env: What the run was measured on.
        source_health: What became of the source: losses, reconnects, gaps.
        first_mask_s: Seconds from the first wait for a frame to the first mask.
        sustained: First minute against last; None below two minutes.
        smoothing: What ``--smooth`` cost; None without.
        machine: What was seen of the machine; None in reports of older versions.
    """

    model: Mapping[str, Any]
    source: SourceInfo
    backend: Mapping[str, Any]
    threads: int | None
    duration_s: float
    ended_by: str
    error: str | None
    frames: FrameCounts
    fps: FrameRates
    stages_ms: Mapping[str, TimeStats]
    capture_to_result_ms: TimeStats
    outputs: OutputStats
    class_share_mean: Mapping[str, float]
    env: EnvironmentInfo
    source_health: SourceHealth = WELL
    first_mask_s: float | None = None
    sustained: SustainedStats | None = None
    smoothing: SmoothingStats | None = None
    machine: WatchStats | None = None


def write_stats(path: Path | str, stats: CameraStats) -> None:
    """Write *stats* as JSON; ``-`` is standard output.

    Raises:
        OutputError: The file cannot be written.
    """
    atomic.write_report(path, KIND, dataclasses.asdict(stats))
