"""From a run that is over to its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fcn_edge.live.config import CameraConfig
from fcn_edge.live.frame import Source
from fcn_edge.live.pipeline import Pipeline
from fcn_edge.live.smoothing import Smoother
from fcn_edge.live.stats import CameraStats, OutputStats, SmoothingStats
from fcn_edge.live.watch import MachineWatch
from fcn_edge.machine.environment import find_environment
from fcn_edge.model_file import fingerprint, parse_name
from fcn_edge.runtime.segmenter import Segmenter


@dataclass(frozen=True, slots=True)
class RunParts:
    """What a run was made of."""

    config: CameraConfig
    source: Source
    segmenter: Segmenter
    pipeline: Pipeline
    watch: MachineWatch
    smoother: Smoother | None


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended.

    Attributes:
        began_at: Monotonic seconds of the first wait for a frame.
        ended_at: Monotonic seconds of the end.
        error: What ended it, else None.
        stopped: The user ended it.
    """

    began_at: float
    ended_at: float
    error: BaseException | None
    stopped: bool


def sum_up(parts: RunParts, end: RunEnd) -> CameraStats:
    """Make the report of a run."""
    config, segmenter, pipeline = parts.config, parts.segmenter, parts.pipeline
    tally, info = pipeline.tally, segmenter.backend.info
    shares = zip(segmenter.classes, tally.shares_mean(), strict=True)
    return CameraStats(
        model=_describe_model(segmenter),
        source=parts.source.info,
        backend={"runtime": info.runtime, "version": info.version, "device": info.device},
        threads=info.threads,
        duration_s=round(end.ended_at - end.began_at, 3),
        ended_by=_ended_by(config, pipeline, end),
        error=None if end.error is None else getattr(end.error, "message", str(end.error)),
        frames=tally.frames(),
        fps=tally.rates(),
        stages_ms=tally.stages(),
        capture_to_result_ms=tally.capture_to_result(),
        outputs=OutputStats(
            written=tally.results_written,
            dropped=tally.results_dropped,
            record=None if config.record is None else str(config.record),
            frame_log=None if config.frame_log is None else str(config.frame_log),
            each={outlet.name: outlet.status for outlet in pipeline.outlets},
        ),
        class_share_mean={spec.name: round(float(share), 5) for spec, share in shares},
        env=find_environment(),
        source_health=parts.source.health,
        first_mask_s=None if tally.first_mask_at is None else round(tally.first_mask_at - end.began_at, 4),
        sustained=tally.sustained(),
        smoothing=_smoothing(config, parts.smoother),
        machine=parts.watch.stats(),
    )


def _smoothing(config: CameraConfig, smoother: Smoother | None) -> SmoothingStats | None:
    if smoother is None or config.smooth_s is None:
        return None
    return SmoothingStats(config.smooth_s, smoother.cost_ms())


def _ended_by(config: CameraConfig, pipeline: Pipeline, end: RunEnd) -> str:
    if end.error is not None:
        return "error"
    if end.stopped:
        return "stopped"
    if config.minutes is not None and end.ended_at - end.began_at >= 60 * config.minutes:
        return "minutes"
    return "max_frames" if pipeline.tally.processed == config.max_frames else "end_of_source"


def _describe_model(segmenter: Segmenter) -> dict[str, Any]:
    name = parse_name(segmenter.path)
    return {
        "path": str(segmenter.path),
        "name": segmenter.card.name if segmenter.card else name.name,
        "precision": segmenter.card.precision if segmenter.card else name.precision,
        "fingerprint": fingerprint(segmenter.path),
    }
