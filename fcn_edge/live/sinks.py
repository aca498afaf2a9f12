"""Opening the outputs that a configuration asks for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from fcn_edge.live.config import CameraConfig
from fcn_edge.live.frame import Source
from fcn_edge.live.output.frame_log import FrameLog
from fcn_edge.live.output.mask_files import MaskFiles
from fcn_edge.live.output.mqtt import Mqtt
from fcn_edge.live.output.prometheus import Metrics
from fcn_edge.live.output.recording import Recorder
from fcn_edge.live.result import Sink
from fcn_edge.live.status import AskStatus
from fcn_edge.live.view import open_view
from fcn_edge.runtime.segmenter import Segmenter


def open_sinks(
    config: CameraConfig, source: Source, segmenter: Segmenter, ask: AskStatus, tell: Callable[[str], None]
) -> tuple[Sink, ...]:
    """Open the outputs, the view last: it tells people where to look.

    Args:
        config: What is asked for.
        source: Open; its rate and kind decide how a film is written.
        segmenter: Its classes are named.
        ask: Takes a look at the run.
        tell: Told where there is something to see.

    Raises:
        UsageError: A wrong option.
        OutputError: One cannot be opened; those before it are closed.
        MissingPackageError: One needs a package that is not installed.
    """
    names = [spec.name for spec in segmenter.classes]
    with contextlib.ExitStack() as opened:
        sinks: list[Sink] = []

        def add(sink: Sink) -> None:
            sinks.append(sink)
            opened.callback(sink.close)

        if config.frame_log is not None:
            add(FrameLog(config.frame_log, names, largest_mb=config.frame_log_mb))
        if config.masks is not None:
            add(MaskFiles(config.masks, per_second=config.masks_per_second, most=config.keep_masks))
        if config.record is not None:
            live = source.info.live
            rate_fps = 0.0 if live else source.info.rate_fps
            add(Recorder(config.record, rate_fps=rate_fps, limits=config.record_limits, live=live))
        if config.metrics is not None:
            metrics = Metrics(config.metrics, ask)
            add(metrics)
            tell(f"metrics at http://{config.metrics.host}:{metrics.port}/metrics")
        if config.mqtt is not None:
            add(Mqtt(config.mqtt, names, ask))
        view = open_view(config, segmenter, ask, tell)
        if view is not None:
            sinks.append(view)
        opened.pop_all()
    return tuple(sinks)
