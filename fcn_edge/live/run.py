"""Running a camera from a configuration to a report."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

from fcn_edge.errors import UsageError
from fcn_edge.live.config import CameraConfig, check_config
from fcn_edge.live.drive import Driver
from fcn_edge.live.frame import OpenCapture
from fcn_edge.live.onlooker import Onlooker
from fcn_edge.live.painter import Painter
from fcn_edge.live.pipeline import Pipeline
from fcn_edge.live.result import Sink
from fcn_edge.live.scheduling import Seating, scheduled_for_live
from fcn_edge.live.sinks import open_sinks
from fcn_edge.live.smoothing import Smoother
from fcn_edge.live.source import open_unless_stopped
from fcn_edge.live.source.capture import open_capture
from fcn_edge.live.stats import CameraStats, write_stats
from fcn_edge.live.status_line import StatusLine
from fcn_edge.live.summary import RunEnd, RunParts, sum_up
from fcn_edge.live.watch import MachineWatch
from fcn_edge.live.window import Window, WindowFeed
from fcn_edge.machine.service import ServiceNotifier
from fcn_edge.model_file import find_choice, resolve
from fcn_edge.runtime.segmenter import Segmenter


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
        SourceError: The source cannot be opened, or was lost and is not to be opened again.
        OutputError: An output cannot be opened, or the report, the window, or an output of a film or folder failed.
    """
    check_config(config)
    note = _Note(stream or sys.stderr, quiet=quiet)
    with contextlib.ExitStack() as stack:
        stack.enter_context(scheduled_for_live())
        segmenter = stack.enter_context(_open_model(config, note))
        smoother = _smoother(config, segmenter)
        stop = stop or threading.Event()
        seating = Seating(alone=segmenter.backend.info.threads == 1 and segmenter.backend.info.device == "cpu")
        source = open_unless_stopped(config.source, seating.seated(opener), stop)
        watch = MachineWatch()
        onlooker = Onlooker(segmenter, source, watch)
        try:
            sinks = open_sinks(config, source, segmenter, onlooker, note)
        except BaseException:
            source.close()
            raise
        pipeline = Pipeline(
            source,
            segmenter,
            sinks,
            Painter(segmenter.classes, opacity=config.opacity),
            fast=config.fast,
            max_frames=config.max_frames,
            smoother=smoother,
            seating=seating,
            on_trouble=note.trouble,
        )
        onlooker.attach(pipeline)
        stack.callback(watch.close)
        watch.start()
        parts = RunParts(config, source, segmenter, pipeline, watch, smoother)
        stats, error = _run(parts, sinks, stop, note, onlooker)
    if config.report is not None:
        write_stats(config.report, stats)
    if error is not None:
        raise error
    return stats


def _run(
    parts: RunParts, sinks: tuple[Sink, ...], stop: threading.Event, note: _Note, onlooker: Onlooker
) -> tuple[CameraStats, BaseException | None]:
    feed = next((sink for sink in sinks if isinstance(sink, WindowFeed)), None)
    window = None if feed is None else Window(feed, f"fcn-edge: {parts.segmenter.path.name}")
    status = StatusLine(parts.pipeline.tally, stream=note.stream, quiet=note.quiet)
    driver = Driver(
        parts.pipeline,
        window,
        status,
        stop,
        minutes=parts.config.minutes,
        service=ServiceNotifier(),
        look=onlooker,
    )
    began_at = time.monotonic()
    error = driver.run()
    stats = sum_up(parts, RunEnd(began_at, time.monotonic(), error, stopped=driver.stopped))
    return stats, error


class _Note:
    """What people are told while it runs, a line each."""

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self.stream = stream
        self.quiet = quiet

    def __call__(self, text: str) -> None:
        if not self.quiet:
            self._say(text)

    def trouble(self, name: str, error: str) -> None:
        """Tell that an output failed, also where nothing else is told, or that it works again."""
        text = f"warning: {error}; the camera goes on" if error else f"{name.replace('_', ' ')}: works again"
        self._say(text)

    def _say(self, text: str) -> None:
        # The terminal may be gone, or its log's disk full, which is just what this may be about.
        with contextlib.suppress(OSError, ValueError):
            print(text, file=self.stream, flush=True)


def _open_model(config: CameraConfig, tell: Callable[[str], None]) -> Segmenter:
    model, backend, threads, delegate = config.model, config.backend, config.threads, config.delegate
    if (backend, threads, delegate) == (None, None, None):
        choice = find_choice(model)
        # A name means the file that was chosen; a path means that file, whatever lies beside it.
        if choice is not None and choice.path.resolve() == resolve(model).resolve():
            model, backend, threads, delegate = str(choice.path), choice.backend, choice.threads, choice.delegate
            tell(f"tuned for this device: {choice.why}")
    return Segmenter.open(
        model,
        backend=backend,
        threads=threads or 1,
        delegate=delegate,
        classes=config.classes,
        preprocessing=config.preprocessing,
        activation=config.activation,
    )


def _smoother(config: CameraConfig, segmenter: Segmenter) -> Smoother | None:
    if config.smooth_s is None:
        return None
    if segmenter.gives_labels:
        message = f"--smooth: {segmenter.path.name} gives class ids, which have no mean"
        raise UsageError(message, hint="use the file exported with --output logits, or leave --smooth out")
    return Smoother(config.smooth_s)
