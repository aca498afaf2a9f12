"""The three threads of a run: capture, inference, output; each hands over to the next."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import ClassSpec
from fcn_edge.geometry import Placement
from fcn_edge.live.frame import Clock, Frame, Source
from fcn_edge.live.handover import Handover
from fcn_edge.live.result import Result, Sink
from fcn_edge.live.tally import Tally
from fcn_edge.scoring import class_shares

# Enough to ride out a disk that pauses for a tenth of a second, little enough that a window is not late.
RESULTS_WAITING = 4
# OpenCV may be inside a driver call that nothing can interrupt; its thread is then left behind.
JOIN_TIMEOUT_S = 2.0


class SegmenterLike(Protocol):
    """The part of :class:`fcn_edge.runtime.segmenter.Segmenter` that runs for every frame."""

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """All classes in id order."""
        ...

    def preprocess(self, image_bgr: NDArray[np.uint8]) -> tuple[NDArray[np.generic], Placement]:
        """Fit an image to the model's input."""
        ...

    def infer(self, pixels: NDArray[np.generic]) -> NDArray[np.generic]:
        """Run the model."""
        ...

    def postprocess(self, raw: NDArray[np.generic], place: Placement) -> NDArray[np.uint8]:
        """Turn raw output into class ids at the image's size."""
        ...


Painter = Callable[[Result], NDArray[np.uint8]]
"""Draws a result; returns the picture, ``(H, W, 3)`` uint8 BGR."""


class Pipeline:
    """Runs frames through a segmenter to sinks, each step in a thread of its own.

    A live source never waits: its newest frame replaces one that still waits, and results that find the outputs busy
    are dropped. Of a film or folder every frame is processed and written.

    Args:
        source: Open; closed here at the end of :meth:`start`'s threads.
        segmenter: Used by one thread only.
        sinks: Closed here.
        paint: Draws a result where a sink needs it.
        fast: Do not keep a film to its own rate.
        max_frames: End after so many processed frames.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        source: Source,
        segmenter: SegmenterLike,
        sinks: Sequence[Sink],
        paint: Painter,
        *,
        fast: bool = False,
        max_frames: int | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.tally = Tally(len(segmenter.classes))
        self.finished = threading.Event()
        self._source = source
        self._segmenter = segmenter
        self._sinks = tuple(sinks)
        self._paint = paint
        self._max_frames = max_frames
        self._stop = threading.Event()
        self._clock = clock
        live, rate = source.info.live, source.info.rate_fps
        self._interval_s = 0.0 if live or fast or not rate else 1 / rate
        self._frames = Handover[Frame](1, drop_oldest=live)
        self._results = Handover[Result](RESULTS_WAITING, drop_oldest=live)
        self._errors: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._guard, args=(work, end), name=f"fcn-edge-{name}", daemon=True)
            for name, work, end in (
                ("capture", self._capture, self._end_capture),
                ("inference", self._infer, self._end_inference),
                ("output", self._output, self._end_output),
            )
        ]

    def start(self) -> None:
        """Begin. Returns at once; :attr:`finished` is set when everything is written."""
        for thread in self._threads:
            thread.start()

    def cancel(self) -> None:
        """End soon: the frame in work becomes a mask, its result is still written."""
        self._stop.set()
        self._frames.close(discard=True)

    def join(self) -> BaseException | None:
        """Wait for the threads; give the first error that ended the run, or None."""
        for thread in self._threads:
            thread.join(JOIN_TIMEOUT_S)
        return self._errors[0] if self._errors else None

    def _guard(self, work: Callable[[], None], end: Callable[[], None]) -> None:
        """Run one thread: an error ends the run, and whatever happens the next thread learns that no more comes."""
        try:
            try:
                work()
            finally:
                end()
        except BaseException as error:  # noqa: BLE001 - kept for join(), which hands it to the main thread
            self._errors.append(error)
            self._stop.set()

    def _capture(self) -> None:
        due = self._clock()
        live = self._source.info.live
        # Of a film nothing is read that is not wanted, so that no frame of it counts as dropped.
        while not self._stop.is_set() and (live or self.tally.captured != self._max_frames):
            if self._interval_s:
                self._stop.wait(max(0.0, due - self._clock()))
                # Behind its rate the film runs slower; it does not hurry afterwards.
                due = max(due, self._clock() - self._interval_s) + self._interval_s
            frame = self._source.read()
            if frame is None:
                return
            self.tally.frame_captured(frame)
            lost = self._frames.put(frame)
            if not self._stop.is_set():
                self.tally.frames_replaced(lost)

    def _end_capture(self) -> None:
        self._frames.close(discard=self._stop.is_set())
        self._source.close()

    def _infer(self) -> None:
        while (frame := self._frames.get()) is not None:
            self.tally.results_dropped += self._results.put(self._segment(frame))
            if self.tally.processed == self._max_frames:
                return

    def _segment(self, frame: Frame) -> Result:
        taken_at = self._clock()
        pixels, place = self._segmenter.preprocess(frame.image_bgr)
        fitted_at = self._clock()
        raw = self._segmenter.infer(pixels)
        inferred_at = self._clock()
        labels = self._segmenter.postprocess(raw, place)
        done_at = self._clock()
        times_s = (
            frame.ready_at - frame.begun_at,
            taken_at - frame.ready_at,
            fitted_at - taken_at,
            inferred_at - fitted_at,
            done_at - inferred_at,
        )
        shares = class_shares(labels, len(self._segmenter.classes))
        self.tally.frame_processed(done_at, times_s, shares)
        return Result(frame, labels, times_s, shares, self.tally.recent_fps())

    def _end_inference(self) -> None:
        self._stop.set()
        self._frames.close(discard=True)
        self._results.close()

    def _output(self) -> None:
        needs_picture = any(sink.needs_picture for sink in self._sinks)
        while (result := self._results.get()) is not None:
            begun_at = self._clock()
            picture = self._paint(result) if needs_picture else result.frame.image_bgr
            drawn_at = self._clock()
            for sink in self._sinks:
                sink.write(result, picture)
            self.tally.result_written(drawn_at - begun_at if needs_picture else 0.0, self._clock() - drawn_at)

    def _end_output(self) -> None:
        self._stop.set()
        self._results.close(discard=True)
        with contextlib.ExitStack() as stack:
            stack.callback(self.finished.set)
            for sink in self._sinks:
                stack.callback(sink.close)
