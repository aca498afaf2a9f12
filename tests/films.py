"""Films and streams for the tests of the camera, their frames told apart by brightness."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
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


# A server in a process of its own, so that it can be killed as a camera's power is cut. It imports next to nothing and
# is there again within some hundredths of a second. Arguments: port, frames a second, frames after which it falls
# silent (0: never), length of a JPEG. The JPEGs lie one after the other in its input; the last is sent for ever.
_STREAM_SERVER = """
import socket, sys, threading, time
port, fps, silent_after, length = (int(text) for text in sys.argv[1:])
data = sys.stdin.buffer.read()
jpegs = [data[at : at + length].rstrip(b"\\0") for at in range(0, len(data), length)]
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", port))
server.listen()
print("ready", flush=True)

def serve(client):
    client.recv(65536)
    head = b"HTTP/1.0 200 OK\\r\\nContent-Type: multipart/x-mixed-replace; boundary=frame\\r\\n\\r\\n"
    client.sendall(head)
    number = 0
    while True:
        jpeg = jpegs[min(number, len(jpegs) - 1)]
        part = b"--frame\\r\\nContent-Type: image/jpeg\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(jpeg)
        client.sendall(part + jpeg + b"\\r\\n")
        number += 1
        while number == silent_after:
            time.sleep(1)
        time.sleep(1 / fps)

while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""


class StreamProcess:
    """A Motion JPEG server in a process that can be killed and started again on the same port.

    Frames are :func:`grey_frame` of 0 to 9, then 9 for ever.

    Args:
        fps: Frames a second.
        silent_after: After so many frames it keeps the connection and sends nothing more; 0: never.
    """

    def __init__(self, *, fps: int = 100, silent_after: int = 0, size_wh: tuple[int, int] = (64, 48)):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/stream"
        self._fps, self._silent_after = fps, silent_after
        self._process = None
        self._set_size(size_wh)

    def start(self, size_wh: tuple[int, int] | None = None) -> None:
        """Start serving, if wished with another size."""
        if size_wh is not None:
            self._set_size(size_wh)
        numbers = [str(number) for number in (self.port, self._fps, self._silent_after, self._length)]
        command = [sys.executable, "-I", "-S", "-c", _STREAM_SERVER, *numbers]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._process.stdin.write(self._jpegs)
        self._process.stdin.close()
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        """End it without a word (SIGKILL)."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def _set_size(self, size_wh: tuple[int, int]) -> None:
        jpegs = [cv2.imencode(".jpg", grey_frame(number, size_wh))[1].tobytes() for number in range(10)]
        self._length = max(map(len, jpegs))
        self._jpegs = b"".join(jpeg.ljust(self._length, b"\0") for jpeg in jpegs)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self.kill()
