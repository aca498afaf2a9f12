"""A camera in the network: Motion JPEG over HTTP at 30 frames a second, in a process that can be killed.

python -m camera_proof.server PORT FILM
"""

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

FPS = 30.0
_OPENS_WITHIN_S = 15.0
_FRAMES = 300
_TOOLS = Path(__file__).resolve().parent.parent


class StreamServer:
    """Starts and kills the process."""

    def __init__(self, film: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = int(found.getsockname()[1])
        self._film = film
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of the stream."""
        return f"http://127.0.0.1:{self.port}/stream"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "camera_proof.server", str(self.port), str(self._film)]
        self._process = subprocess.Popen(command, cwd=_TOOLS)
        ends_at = time.monotonic() + _OPENS_WITHIN_S
        while time.monotonic() < ends_at:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.05)
        raise TimeoutError("the stream server did not start")

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def serve(port: int, film: Path) -> None:
    """Serve the frames of *film* round and round until killed."""
    capture = cv2.VideoCapture(str(film))
    jpegs: list[bytes] = []
    # What is turned round begins again after ten seconds; more would only make it start late.
    while len(jpegs) < _FRAMES and capture.grab():
        jpegs.append(cv2.imencode(".jpg", capture.retrieve()[1], (cv2.IMWRITE_JPEG_QUALITY, 85))[1].tobytes())
    capture.release()

    class Stream(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            began_at, number = time.monotonic(), 0
            with contextlib.suppress(OSError):
                while True:
                    jpeg = jpegs[number % len(jpegs)]
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                    number += 1
                    time.sleep(max(0.0, began_at + number / FPS - time.monotonic()))

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Stream)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
