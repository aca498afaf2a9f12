"""A small RTSP camera: Motion JPEG over RTP (RFC 2435), interleaved in its RTSP connection (RFC 2326, 10.12)."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time

import cv2
from films import grey_frame

_SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n"


def _take_apart(jpeg: bytes) -> tuple[bytes, bytes]:
    """Quantisation tables and entropy-coded data of a baseline JPEG with the standard Huffman tables."""
    tables, at = b"", 2
    while True:
        marker, length = struct.unpack(">xBH", jpeg[at : at + 4])
        body = jpeg[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xDB:
            tables += b"".join(body[start + 1 : start + 65] for start in range(0, len(body), 65))
        if marker == 0xDA:
            return tables, jpeg[at:-2]


class RtspCamera:
    """Serves :func:`grey_frame` of 0, 1, 2, … to each client that plays, and may be switched off and on.

    Attributes:
        transports: What clients asked for in SETUP.
    """

    def __init__(self, *, fps: float = 50.0, size_wh: tuple[int, int] = (64, 48)):
        self.transports: list[str] = []
        self._fps, self._size_wh = fps, size_wh
        self._server = None
        self._clients: list[socket.socket] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/stream"

    def switch_on(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def switch_off(self) -> None:
        for one in (self._server, *self._clients):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._clients.clear()

    def __enter__(self):
        self.switch_on()
        return self

    def __exit__(self, *error: object) -> None:
        self.switch_off()

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = server.accept()[0]
                self._clients.append(client)
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while request := client.recv(8192).decode(errors="replace"):
                sequence = re.search(r"CSeq: *(\d+)", request)
                if sequence is None:
                    continue
                method, answer, body = request.split(" ", 1)[0], f"CSeq: {sequence[1]}\r\nSession: 1\r\n", ""
                if method == "OPTIONS":
                    answer += "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
                if method == "DESCRIBE":
                    body = _SDP
                    answer += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
                if method == "SETUP":
                    self.transports.append(re.search(r"Transport: *(\S+)", request)[1])
                    answer += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                client.sendall(f"RTSP/1.0 200 OK\r\n{answer}\r\n{body}".encode())
                if method == "PLAY":
                    threading.Thread(target=self._play, args=(client,), daemon=True).start()

    def _play(self, client: socket.socket) -> None:
        width, height = self._size_wh
        with contextlib.suppress(OSError):
            for number in range(1_000_000):
                jpeg = cv2.imencode(".jpg", grey_frame(number, self._size_wh))[1].tobytes()
                tables, data = _take_apart(jpeg)
                stamp = int(90_000 * number / self._fps)
                # Marker set: every frame fits into one packet. Type 1 is 4:2:0, Q 255 brings its own tables.
                rtp = struct.pack(">BBHII", 0x80, 0x80 | 26, number & 0xFFFF, stamp, 1)
                head = struct.pack(">IBBBB", 0, 1, 255, width // 8, height // 8) + struct.pack(
                    ">BBH", 0, 0, len(tables)
                )
                packet = rtp + head + tables + data
                client.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
                time.sleep(1 / self._fps)
