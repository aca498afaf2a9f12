"""A camera for the browser view: frames with a moving square, and masks made from it as a perfect model would."""

from __future__ import annotations

import threading
import time

import numpy as np

from fcn_edge.card import ClassSpec
from fcn_edge.live.fake import moving_square
from fcn_edge.live.frame import WELL, Frame
from fcn_edge.live.result import Result
from fcn_edge.live.status import LiveStatus, OutputStatus
from fcn_edge.live.web.view import WebView

CLASSES = (
    ClassSpec("background", (0, 0, 0)),
    ClassSpec("square", (230, 97, 1)),
    ClassSpec("corner", (31, 120, 180)),
    ClassSpec("never_seen", (51, 160, 44)),
)
_SQUARE_BLUE = 60


def make_result(number=0, size_wh=(160, 120), fps=30.0, now=None):
    """Give one result; the square is class 1, the upper left corner class 2."""
    image = moving_square(number, size_wh)
    labels = (image[..., 0] == _SQUARE_BLUE).astype(np.uint8)
    labels[: size_wh[1] // 6, : size_wh[0] // 6] = 2
    shares = np.bincount(labels.reshape(-1), minlength=len(CLASSES)) / labels.size
    now = time.monotonic() if now is None else now
    return Result(
        Frame(image, number, now - 0.021, now - 0.02, 0.0), labels, (0.001, 0.002, 0.003, 0.012, 0.003), shares, fps
    )


class WebCamera:
    """Writes results to a browser view at a fixed rate, from a thread of its own as the run does.

    Attributes:
        health: Of the source; set another one to have the page say so.
        outputs: Of the run, likewise.
        running: False stops the frames but not the server.
        slowest_write_s: What the longest call of the sink took.
    """

    def __init__(self, config, *, size_wh=(160, 120), fps=30.0, draw=make_result):
        self.health = WELL
        self.outputs = {"web": OutputStatus(0)}
        self.running = True
        self.slowest_write_s = 0.0
        self.written = 0
        self._draw = draw
        self._size_wh = size_wh
        self._fps = fps
        self._began_at = time.monotonic()
        self._end = threading.Event()
        self.error = None
        self.view = WebView(CLASSES, self.status, config, title="squares.int8.tflite")
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.view.start()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()
        self.view.close()
        if self.error is not None:
            raise self.error

    def status(self):
        return LiveStatus(
            running_s=time.monotonic() - self._began_at,
            model="squares.int8.tflite",
            runtime="litert 2.3.0, 2 threads",
            source="/dev/video0",
            live=True,
            health=self.health,
            camera_fps=self._fps,
            processed_fps=self._fps,
            age_ms=21.0,
            inference_ms=12.3,
            captured=self.written + 7,
            processed=self.written,
            dropped_by_cause={"newer_frame": 7, "undecodable": 0},
            outputs=self.outputs,
            temperature_c=61.3,
            throttled=False,
            undervoltage=False,
            clock_mhz=1800.0,
            memory_mb=142.0,
        )

    def _run(self):
        results = [self._draw(number, self._size_wh, self._fps) for number in range(40)]
        while not self._end.wait(1 / self._fps):
            if not self.running:
                continue
            now = time.monotonic()
            kept = results[self.written % len(results)]
            frame = Frame(kept.frame.image_bgr, self.written, now - 0.021, now - 0.02, 0.0)
            result = Result(frame, kept.labels, kept.times_s, kept.shares, self._fps)
            try:
                begun_at = time.perf_counter()
                self.view.write(result, frame.image_bgr)
                self.slowest_write_s = max(self.slowest_write_s, time.perf_counter() - begun_at)
            except Exception as error:  # noqa: BLE001 - raised at the end, in the test's thread
                self.error = error
                return
            self.written += 1
