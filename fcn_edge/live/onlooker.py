"""Taking one look at a run for whoever asks: the page, a broker, a monitoring system."""

from __future__ import annotations

import dataclasses
import time

from fcn_edge.live.frame import Clock, Source
from fcn_edge.live.pipeline import Pipeline
from fcn_edge.live.status import LiveStatus
from fcn_edge.live.watch import MachineWatch
from fcn_edge.runtime.backend import BackendInfo
from fcn_edge.runtime.segmenter import Segmenter


class Onlooker:
    """Answers with the state of a run. Made before the pipeline, which its outputs need; :meth:`attach` completes it.

    Args:
        segmenter: Runs the model.
        source: Gives the frames.
        watch: Looks at the machine.
        clock: Monotonic seconds.
    """

    def __init__(
        self, segmenter: Segmenter, source: Source, watch: MachineWatch, *, clock: Clock = time.monotonic
    ) -> None:
        self._model = segmenter.path.name
        self._runtime = describe_runtime(segmenter.backend.info)
        self._class_names = [spec.name for spec in segmenter.classes]
        self._source = source
        self._watch = watch
        self._clock = clock
        self._began_at = clock()
        self._pipeline: Pipeline | None = None

    def attach(self, pipeline: Pipeline) -> None:
        """Look at *pipeline* from now on."""
        self._pipeline = pipeline

    def __call__(self) -> LiveStatus:
        """Take one look; may be called from any thread."""
        info, machine = self._source.info, self._watch.newest
        status = LiveStatus(
            running_s=round(self._clock() - self._began_at, 1),
            model=self._model,
            runtime=self._runtime,
            source=info.name,
            live=info.live,
            health=self._source.health,
            temperature_c=machine.temperature_c,
            throttled=machine.throttled_now,
            undervoltage=machine.undervoltage_now,
            clock_mhz=machine.clock_mhz,
            memory_mb=None if self._watch.memory_mb is None else round(self._watch.memory_mb, 1),
        )
        return status if self._pipeline is None else self._with_counts(status, self._pipeline)

    def _with_counts(self, status: LiveStatus, pipeline: Pipeline) -> LiveStatus:
        tally, now = pipeline.tally, self._clock()
        newest = tally.newest
        shares = {} if newest is None else dict(zip(self._class_names, newest[2].round(5).tolist(), strict=True))
        return dataclasses.replace(
            status,
            camera_fps=round(tally.recent_camera_fps(now), 2),
            processed_fps=round(tally.recent_fps(now), 2),
            age_ms=None if newest is None else round(newest[0], 2),
            inference_ms=None if newest is None else round(newest[1], 2),
            captured=tally.captured,
            processed=tally.processed,
            dropped_by_cause=tally.dropped_by_cause,
            class_share=shares,
            outputs={outlet.name: outlet.status for outlet in pipeline.outlets},
        )


def describe_runtime(info: BackendInfo) -> str:
    """Say what runs a model: ``litert 2.3.0, 1 thread``."""
    place = "" if info.device == "cpu" else f" on {info.device}"
    if info.threads is None:
        return f"{info.runtime} {info.version}{place}"
    return f"{info.runtime} {info.version}{place}, {info.threads} thread{'' if info.threads == 1 else 's'}"
