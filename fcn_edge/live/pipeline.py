"""The stages of a run, each in a thread of its own: capture, inference, masks, drawing, and one for each output."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcn_edge.geometry import Placement
from fcn_edge.live.buffers import BufferPool, FrameBuffers, picture_room, room
from fcn_edge.live.frame import Clock, Frame, Source
from fcn_edge.live.handover import Handover
from fcn_edge.live.need import Painter, SegmenterLike
from fcn_edge.live.outlet import Delivery, Outlet
from fcn_edge.live.result import Result, Sink
from fcn_edge.live.scheduling import Seating
from fcn_edge.live.smoothing import Smoother
from fcn_edge.live.tally import Tally
from fcn_edge.scoring import class_shares

# OpenCV may be in a driver call that nothing can interrupt, an output on a disk that hangs: left behind after so long.
JOIN_TIMEOUT_S = 2.0
OUTPUT_TIMEOUT_S = 5.0
# Of a film so many frames may wait between two stages, so that none waits for the other's slow frames. Of a live source
# it is one, the newest.
FILM_WAITING = 3


@dataclass(slots=True)
class _Work:
    """A frame between capture and mask, with the moments at which its stages ended."""

    frame: Frame
    buffers: FrameBuffers
    pixels: NDArray[np.generic]
    place: Placement
    fitted_at: float
    taken_at: float = 0.0
    inferred_at: float = 0.0
    raw: NDArray[np.generic] | None = None


class Pipeline:
    """Runs frames through a segmenter to sinks. While one is in the model, the next is read and the last is drawn.

    A live source never waits: its newest frame replaces one that still waits, and results that find an output busy are
    dropped for that output. Of a film or folder every frame is processed and written.

    Args:
        source: Open; closed here at the end of :meth:`start`'s threads.
        segmenter: Each of its three steps is called by one thread only.
        sinks: Closed here.
        paint: Draws a result where a sink needs it.
        fast: Do not keep a film to its own rate.
        max_frames: End after so many processed frames.
        smoother: Averages scores over time; None for each frame by itself.
        seating: Who computes on which processor; None for wherever the system puts them.
        on_trouble: Told the name of a live output and why it fails; an empty text when it works again.
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
        smoother: Smoother | None = None,
        seating: Seating | None = None,
        on_trouble: Callable[[str, str], None] | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.tally = Tally(len(segmenter.classes))
        self.finished = threading.Event()
        self.pool = BufferPool()
        self._source = source
        self._segmenter = segmenter
        self._input, self._output = segmenter.tensors
        self._paint = paint
        self._max_frames = max_frames
        self._smoother = smoother
        self._stop = threading.Event()
        self._clock = clock
        live, rate = source.info.live, source.info.rate_fps
        self._live = live
        self._seating = seating or Seating(alone=False)
        self._interval_s = 0.0 if live or fast or not rate else 1 / rate
        self.outlets = tuple(
            Outlet(
                sink,
                live=live,
                on_error=self._fail,
                on_trouble=on_trouble,
                seat=self._seating.sit_elsewhere,
                clock=clock,
            )
            for sink in sinks
        )
        waiting = 1 if live else FILM_WAITING
        self._frames = Handover[_Work](waiting, drop_oldest=live)
        # Masks are made faster than scores, so this never keeps inference waiting where the source is live.
        self._scores = Handover[_Work](waiting, drop_oldest=False)
        self._results = Handover[tuple[Result, FrameBuffers]](waiting, drop_oldest=live)
        self._errors: list[BaseException] = []
        self._cancelled = False
        self._threads = [
            threading.Thread(target=self._guard, args=(work, end), name=f"fcn-edge-{name}", daemon=True)
            for name, work, end in (
                ("capture", self._capture, self._end_capture),
                ("inference", self._infer, self._end_inference),
                ("masks", self._make_masks, self._end_masks),
                ("drawing", self._draw, self._end_drawing),
            )
        ]

    def start(self) -> None:
        """Begin. Returns at once; :attr:`finished` is set when everything is written."""
        for outlet in self.outlets:
            outlet.start()
        for thread in self._threads:
            thread.start()

    def cancel(self) -> None:
        """End soon: the frame in work becomes a mask, its result is still written."""
        self._cancelled = True
        self._stop.set()
        self._source.interrupt()
        self._drop(self._frames.close(discard=True))

    def join(self) -> BaseException | None:
        """Wait for the threads; give the first error that ended the run, or None."""
        for thread in self._threads:
            thread.join(JOIN_TIMEOUT_S)
        return self._errors[0] if self._errors else None

    def _fail(self, error: BaseException) -> None:
        self._errors.append(error)
        self.cancel()

    def _guard(self, work: Callable[[], None], end: Callable[[], None]) -> None:
        """Run one thread: an error ends the run, and whatever happens the next thread learns that no more comes."""
        try:
            try:
                work()
            finally:
                end()
        except BaseException as error:  # noqa: BLE001 - kept for join(), which hands it to the main thread
            self._fail(error)

    @staticmethod
    def _drop(works: Sequence[_Work]) -> None:
        for work in works:
            work.buffers.release()

    def _capture(self) -> None:
        self._seating.sit_elsewhere()
        due = self._clock()
        # Of a film nothing is read that is not wanted, so that no frame of it counts as dropped.
        while not self._stop.is_set() and (self._live or self.tally.captured != self._max_frames):
            if self._interval_s:
                self._stop.wait(max(0.0, due - self._clock()))
                # Behind its rate the film runs slower; it does not hurry afterwards.
                due = max(due, self._clock() - self._interval_s) + self._interval_s
            buffers = self.pool.take()
            frame = self._source.read(buffers.image)
            if frame is None:
                buffers.release()
                return
            buffers.image = frame.image_bgr
            self.tally.frame_captured(frame)
            lost = self._frames.put(self._prepare(frame, buffers))
            if lost is not None:
                lost.buffers.release()
                if not self._stop.is_set():
                    self.tally.frames_replaced(1)

    def _prepare(self, frame: Frame, buffers: FrameBuffers) -> _Work:
        # In the capture thread, so that the model goes on with the next frame at once.
        buffers.pixels = room(buffers.pixels, self._input.shape, self._input.dtype)
        pixels, place = self._segmenter.preprocess(frame.image_bgr, out=buffers.pixels)
        return _Work(frame, buffers, pixels, place, self._clock())

    def _end_capture(self) -> None:
        self._drop(self._frames.close(discard=self._stop.is_set()))
        self._source.close()

    def _infer(self) -> None:
        self._seating.sit_model()
        inferred = 0
        while inferred != self._max_frames and (work := self._frames.get()) is not None:
            work.taken_at = self._clock()
            work.buffers.raw = room(work.buffers.raw, self._output.shape, self._output.dtype)
            work.raw = self._segmenter.infer(work.pixels, out=work.buffers.raw)
            work.inferred_at = self._clock()
            inferred += 1
            self._scores.put(work)

    def _end_inference(self) -> None:
        self._stop.set()
        self._source.interrupt()
        self._drop(self._frames.close(discard=True))
        self._scores.close()

    def _make_masks(self) -> None:
        self._seating.sit_elsewhere()
        while (work := self._scores.get()) is not None:
            result = self._finish(work)
            lost = self._results.put((result, work.buffers))
            if lost is not None:
                self._lose(lost[1])

    def _finish(self, work: _Work) -> Result:
        begun_at = self._clock()
        frame, buffers, raw = work.frame, work.buffers, work.raw
        if raw is None:
            raise RuntimeError("a frame came to its mask without scores")
        if self._smoother is not None:
            raw = self._smoother(raw, frame.begun_at if self._live else frame.media_time_s)
        buffers.labels = picture_room(buffers.labels, work.place.source_hw)
        labels = self._segmenter.postprocess(raw, work.place, out=buffers.labels)
        done_at = self._clock()
        times_s = (
            frame.ready_at - frame.begun_at,
            (work.taken_at - work.fitted_at) + (begun_at - work.inferred_at),
            work.fitted_at - frame.ready_at,
            work.inferred_at - work.taken_at,
            done_at - begun_at,
        )
        shares = class_shares(labels, len(self._segmenter.classes))
        self.tally.frame_processed(done_at, times_s, shares)
        return Result(frame, labels, times_s, shares, self.tally.recent_fps())

    def _end_masks(self) -> None:
        self._stop.set()
        # Where masks failed, inference may be waiting to hand over.
        self._drop(self._scores.close(discard=True))
        self._results.close()

    def _draw(self) -> None:
        self._seating.sit_elsewhere()
        draws = any(outlet.needs_picture for outlet in self.outlets)
        copies = any(outlet.needs_frame for outlet in self.outlets)
        while (item := self._results.get()) is not None:
            result, buffers = item
            begun_at = self._clock()
            picture = result.frame.image_bgr
            if draws and copies:
                buffers.picture = picture_room(buffers.picture, picture.shape)
                picture = self._paint(result, buffers.picture)
            elif draws:
                picture = self._paint(result, picture)
            self._hand_out(result, picture, buffers, begun_at if draws else None)

    def _hand_out(
        self, result: Result, picture: NDArray[np.uint8], buffers: FrameBuffers, begun_at: float | None
    ) -> None:
        drawn_at = self._clock()
        draw_s = 0.0 if begun_at is None else drawn_at - begun_at
        lost = False

        def done(written: bool) -> None:
            nonlocal lost
            lost = lost or not written
            if not buffers.release():
                return
            if lost:
                self.tally.result_lost()
            else:
                self.tally.result_written(draw_s, self._clock() - drawn_at)

        buffers.hold(len(self.outlets))
        for outlet in self.outlets:
            outlet.put(Delivery(result, picture, done))
        done(True)  # noqa: FBT003 - nothing of it was lost here

    def _end_drawing(self) -> None:
        self._stop.set()
        for _, buffers in self._results.close(discard=True):
            self._lose(buffers)
        with contextlib.ExitStack() as stack:
            stack.callback(self.finished.set)
            for outlet in self.outlets:
                hurried = self._live or self._errors or self._cancelled
                stack.callback(outlet.finish, OUTPUT_TIMEOUT_S if hurried else None)

    def _lose(self, buffers: FrameBuffers) -> None:
        """Count a result that was made but not drawn."""
        self.tally.result_lost()
        for outlet in self.outlets:
            outlet.count_lost()
        buffers.release()
