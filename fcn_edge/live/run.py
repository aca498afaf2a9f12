"""Running a camera from a configuration to a report."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import Any, TextIO

from fcn_edge.errors import OutputError
from fcn_edge.live.config import CameraConfig, check_config
from fcn_edge.live.frame import OpenCapture, Source
from fcn_edge.live.output.frame_log import FrameLog
from fcn_edge.live.output.recording import Recorder
from fcn_edge.live.painter import Painter
from fcn_edge.live.pipeline import Pipeline
from fcn_edge.live.result import Sink
from fcn_edge.live.source import open_unless_stopped
from fcn_edge.live.source.capture import open_capture
from fcn_edge.live.stats import CameraStats, OutputStats, write_stats
from fcn_edge.live.status_line import StatusLine
from fcn_edge.live.window import Window, WindowFeed, why_no_window
from fcn_edge.machine.environment import find_environment
from fcn_edge.model_file import fingerprint, parse_name
from fcn_edge.runtime.segmenter import Segmenter

_TURN_S = 0.05


def run_camera(
    config: CameraConfig,
    *,
    stop: threading.Event | None = None,
    opener: OpenCapture = open_capture,
    quiet: bool = True,
    stream: TextIO | None = None,
) -> CameraStats:
    """Segment a camera, stream, film or folder until it ends or *stop* is set.

    A window needs this to be called in the main thread. The report is written also when an error ends the run after it
    began.

    Args:
        config: What to run.
        stop: Set it from a signal handler or another thread to end the run well.
        opener: Opens devices, streams and films; a :class:`fcn_edge.live.fake.FakeCapture` is one for tests.
        quiet: Show no status line and no notes.
        stream: Where status and notes go; standard error by default.

    Raises:
        UsageError: A wrong option or a path that does not exist.
        ModelFileError: The model cannot be used.
        SourceError: The source cannot be opened or was lost.
        OutputError: The recording, log, report or window failed.
    """
    stop = stop or threading.Event()
    stream = stream or sys.stderr
    check_config(config)
    no_window = None if config.view == "none" else why_no_window()
    if no_window and config.view == "window":
        hint = "use --view none, and --record film.mkv to see the result"
        raise OutputError(f"--view window: no window can be opened: {no_window}", hint=hint)
    feed = None if no_window or config.view == "none" else WindowFeed()
    with Segmenter.open(
        config.model,
        backend=config.backend,
        threads=config.threads,
        classes=config.classes,
        preprocessing=config.preprocessing,
        activation=config.activation,
    ) as segmenter:
        source = open_unless_stopped(config.source, opener, stop)
        try:
            sinks = _open_sinks(config, source, segmenter, feed)
        except BaseException:
            source.close()
            raise
        if no_window and not quiet:
            print(f"no window: {no_window}; Ctrl-C ends", file=stream, flush=True)
        painter = Painter(segmenter.classes, opacity=config.opacity)
        pipeline = Pipeline(source, segmenter, sinks, painter, fast=config.fast, max_frames=config.max_frames)
        status = StatusLine(pipeline.tally, stream=stream, quiet=quiet)
        window = Window(feed, f"fcn-edge: {segmenter.path.name}") if feed else None
        began_at = time.monotonic()
        error, stopped = _drive(pipeline, window, status, stop)
        duration_s = time.monotonic() - began_at
        ended_by = _ended_by(config, pipeline, error, stopped=stopped)
        stats = _sum_up(config, source, segmenter, pipeline, duration_s, (ended_by, error))
    if config.report is not None:
        write_stats(config.report, stats)
    if error is not None:
        raise error
    return stats


def _open_sinks(
    config: CameraConfig, source: Source, segmenter: Segmenter, feed: WindowFeed | None
) -> tuple[Sink, ...]:
    """Open the outputs; the window first, so that it waits for no disk."""
    with contextlib.ExitStack() as opened:
        sinks: list[Sink] = [] if feed is None else [feed]
        if config.frame_log is not None:
            sinks.append(FrameLog(config.frame_log, [spec.name for spec in segmenter.classes]))
            opened.callback(sinks[-1].close)
        if config.record is not None:
            sinks.append(Recorder(config.record, rate_fps=0.0 if source.info.live else source.info.rate_fps))
            opened.callback(sinks[-1].close)
        opened.pop_all()
    return tuple(sinks)


def _drive(
    pipeline: Pipeline, window: Window | None, status: StatusLine, stop: threading.Event
) -> tuple[BaseException | None, bool]:
    """Run the pipeline from the main thread, where the window lives; give the error and whether the user ended it."""
    failed: BaseException | None = None
    stopped = False
    pipeline.start()
    try:
        while not pipeline.finished.is_set():
            if stop.is_set() and not stopped:
                stopped = True
                pipeline.cancel()
            if window is None or stopped or failed:
                pipeline.finished.wait(_TURN_S)
            else:
                try:
                    if not window.turn():
                        stop.set()
                except OutputError as error:
                    failed = error
                    pipeline.cancel()
            status.update()
    except BaseException:
        pipeline.cancel()
        pipeline.finished.wait()
        raise
    finally:
        status.close()
        if window is not None:
            window.close()
    return failed or pipeline.join(), stopped


def _ended_by(config: CameraConfig, pipeline: Pipeline, error: BaseException | None, *, stopped: bool) -> str:
    if error is not None:
        return "error"
    if stopped:
        return "stopped"
    return "max_frames" if pipeline.tally.processed == config.max_frames else "end_of_source"


def _sum_up(
    config: CameraConfig,
    source: Source,
    segmenter: Segmenter,
    pipeline: Pipeline,
    duration_s: float,
    end: tuple[str, BaseException | None],
) -> CameraStats:
    tally, info = pipeline.tally, segmenter.backend.info
    shares = zip(segmenter.classes, tally.shares_mean(), strict=True)
    ended_by, error = end
    return CameraStats(
        model=_describe_model(segmenter),
        source=source.info,
        backend={"runtime": info.runtime, "version": info.version, "device": info.device},
        threads=info.threads,
        duration_s=round(duration_s, 3),
        ended_by=ended_by,
        error=None if error is None else getattr(error, "message", str(error)),
        frames=tally.frames(),
        fps=tally.rates(),
        stages_ms=tally.stages(),
        capture_to_result_ms=tally.capture_to_result(),
        outputs=OutputStats(
            written=tally.results_written,
            dropped=tally.results_dropped,
            record=None if config.record is None else str(config.record),
            frame_log=None if config.frame_log is None else str(config.frame_log),
        ),
        class_share_mean={spec.name: round(float(share), 5) for spec, share in shares},
        env=find_environment(),
    )


def _describe_model(segmenter: Segmenter) -> dict[str, Any]:
    name = parse_name(segmenter.path)
    return {
        "path": str(segmenter.path),
        "name": segmenter.card.name if segmenter.card else name.name,
        "precision": segmenter.card.precision if segmenter.card else name.precision,
        "fingerprint": fingerprint(segmenter.path),
    }
