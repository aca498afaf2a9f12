"""Films and streams for the tests of the camera, their frames told apart by brightness."""

from __future__ import annotations

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np


def grey_frame(number: int, size_wh: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A frame as bright as ``4 * number`` modulo 256."""
    return np.full((size_wh[1], size_wh[0], 3), 4 * number % 256, np.uint8)


def write_film(path: Path, *, frames: int, fps: float = 25.0, size_wh: tuple[int, int] = (64, 48)) -> Path:
    """Write a film of :func:`grey_frame` with OpenCV's own writer."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, size_wh)
    for number in range(frames):
        writer.write(grey_frame(number, size_wh))
    writer.release()
    return path


def read_film(path: Path) -> tuple[list[float], float]:
    """Mean brightness of every frame that OpenCV reads, and the frame rate it finds."""
    capture = cv2.VideoCapture(str(path))
    brightness = []
    while capture.grab():
        brightness.append(float(capture.retrieve()[1].mean()))
    rate = capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    return brightness, rate


class _Mjpeg(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(OSError):
            for number in range(self.server.frames):
                jpeg = cv2.imencode(".jpg", grey_frame(number))[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")
                time.sleep(1 / self.server.fps)

    def log_message(self, *args: object) -> None:
        pass


class _SilentServer(ThreadingHTTPServer):
    daemon_threads = True
    # A handler that sleeps until its client is gone must not keep the test waiting.
    block_on_close = False


@contextlib.contextmanager
def mjpeg_server(*, frames: int, fps: float = 100.0):
    """Serve a Motion JPEG stream of *frames* frames on a free port; give its address."""
    server = _SilentServer(("127.0.0.1", 0), _Mjpeg)
    server.frames, server.fps = frames, fps
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/stream"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
