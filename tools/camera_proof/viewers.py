"""Viewers of every kind: none, one that never reads, fifty, and a thousand requests of junk."""

from __future__ import annotations

import contextlib
import json
import random
import re
import selectors
import socket
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from camera_proof.model_files import film
from camera_proof.process import CameraProcess
from camera_proof.report import Bar
from camera_proof.server import StreamServer

Found = tuple[tuple[Bar, ...], Mapping[str, Any]]

VIEWERS = 50
# As many as the page has for a camera started on the command line.
SEATS = 16
JUNK = 1000
PHASE_S = 20.0
# By then the page has taken leave of viewers that are gone and of halves of requests.
_GONE_S = 15.0
_BETWEEN_JUNK_S = 0.01
_SEED = 0
_REQUEST = b"GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def viewers(work: Path, model: Path) -> Found:
    """Watch a live camera's pace while others do what they like to its page."""
    counts: dict[str, int] = {}
    junk: dict[str, int] = {}
    with _camera(work, model) as (camera, port, log):
        phases = {"nobody": _phase(log)}
        before = camera.holds()
        with _never_reading(port):
            phases["one that never reads"] = _phase(log)
        with _watching(port, VIEWERS, counts):
            phases[f"{VIEWERS} viewers"] = _phase(log)
        with _junk(port, junk):
            phases[f"{JUNK} requests of junk"] = _phase(log)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status.json", timeout=5) as answer:
            status = json.loads(answer.read())
        time.sleep(_GONE_S)
        after = camera.holds()
    bars = [
        *_pace(phases),
        Bar("viewers served of fifty (16 seats)", counts["served"], SEATS, at_least=True),
        Bar("viewers served beyond the seats", counts["served"] - SEATS, 0),
        Bar("answers of 503 to those without a seat", counts["refused"], VIEWERS - SEATS, at_least=True),
        Bar("requests of junk sent", junk["sent"], JUNK, at_least=True),
        Bar("still answering after the junk", int(status["processed"] > 0), 1, at_least=True),
        *_left_behind(before, after),
    ]
    figures = {"phases": phases, "viewers": counts, "junk": junk, "before": before, "after": after, "seed": _SEED}
    return tuple(bars), figures


def seats(work: Path, model: Path) -> Found:
    """Watch with fifty viewers where there is a seat for each."""
    counts: dict[str, int] = {}
    with _camera(work, model, fifty_seats=True) as (camera, port, log):
        phases = {"nobody": _phase(log)}
        before = camera.holds()
        with _watching(port, VIEWERS, counts):
            phases[f"{VIEWERS} viewers with seats"] = _phase(log)
        time.sleep(_GONE_S)
        after = camera.holds()
    bars = (
        *_pace(phases),
        Bar("viewers served of fifty (50 seats)", counts["served"], VIEWERS, at_least=True),
        *_left_behind(before, after),
    )
    return bars, {"phases": phases, "viewers": counts, "before": before, "after": after}


@contextlib.contextmanager
def _camera(work: Path, model: Path, *, fifty_seats: bool = False) -> Iterator[tuple[CameraProcess, int, Path]]:
    """Run a live camera with its page; give it, the page's port and the frame log."""
    server = StreamServer(film(work))
    server.start()
    with contextlib.ExitStack() as stack:
        stack.callback(server.kill)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        log = folder / "frames.jsonl"
        if fifty_seats:
            camera = CameraProcess([str(model), server.url, str(log)], folder, ("camera_proof.fifty_seats",))
        else:
            arguments = ["--source", server.url, "--view", "web", "--port", "0", "--jsonl", str(log)]
            camera = CameraProcess([str(model), *arguments], folder)
        stack.enter_context(camera)
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", camera.told("live at"))
        if found is None:
            raise RuntimeError("the camera did not tell the address of its page")
        time.sleep(5.0)
        yield camera, int(found[1]), log
        camera.end()


def _pace(phases: Mapping[str, Mapping[str, float]]) -> list[Bar]:
    """Hold every phase against the first, in which nobody watched."""
    base, *_ = phases.values()
    bars = []
    for name, phase in list(phases.items())[1:]:
        share = round(phase["fps"] / base["fps"], 4)
        bars.append(Bar(f"{name}: frames a second, of those with nobody", share, 0.97, at_least=True))
        limit = round(1.5 * base["inference_ms_p50"] + 10, 3)
        bars.append(Bar(f"{name}: capture to result, p90", phase["capture_to_result_ms_p90"], limit, unit="ms"))
    return bars


def _left_behind(before: tuple[int, int, float], after: tuple[int, int, float]) -> list[Bar]:
    return [
        Bar("descriptors more than before", after[0] - before[0], 2),
        Bar("threads more than before", after[1] - before[1], 1),
        Bar("growth of resident memory", round(after[2] - before[2], 2), 20.0, unit="MB"),
    ]


def _phase(log: Path) -> dict[str, float]:
    """Read from the frame log how the camera did in the next seconds."""
    # The last phase's crowd is gone, the next one's is there.
    time.sleep(2.0)
    first = log.stat().st_size
    time.sleep(PHASE_S)
    lines = log.read_bytes()[first:].split(b"\n")[1:-1]
    frames = [json.loads(line) for line in lines]
    times = sorted(frame["capture_to_result_ms"] for frame in frames)
    inference = sorted(frame["stages_ms"]["inference"] for frame in frames)
    span = frames[-1]["media_time_s"] - frames[0]["media_time_s"]
    return {
        "fps": round((len(frames) - 1) / span, 3),
        "inference_ms_p50": round(inference[len(inference) // 2], 3),
        "capture_to_result_ms_p90": round(times[int(0.9 * len(times))], 3),
    }


@contextlib.contextmanager
def _never_reading(port: int) -> Iterator[None]:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as viewer:
        viewer.sendall(_REQUEST)
        yield


@contextlib.contextmanager
def _watching(port: int, count: int, counts: dict[str, int]) -> Iterator[None]:
    """Watch with so many viewers that read as fast as they can; count in *counts* how they are answered."""
    counts.update(served=0, refused=0, otherwise=0, bytes=0)
    stop = threading.Event()
    selector = selectors.DefaultSelector()
    for _ in range(count):
        viewer = socket.create_connection(("127.0.0.1", port), timeout=5)
        viewer.sendall(_REQUEST)
        viewer.setblocking(False)  # noqa: FBT003 - the library's own
        selector.register(viewer, selectors.EVENT_READ, data=[b""])

    def read() -> None:
        while not stop.is_set():
            for key, _ in selector.select(0.1):
                _take(selector, key, counts)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr] # they are sockets, all of them
        selector.close()


def _take(selector: selectors.BaseSelector, key: selectors.SelectorKey, counts: dict[str, int]) -> None:
    viewer: Any = key.fileobj
    try:
        piece = viewer.recv(1 << 16)
    except OSError:
        piece = b""
    if piece and not key.data[0]:
        key.data[0] = piece[:12]
        answers = {b"200": "served", b"503": "refused"}
        counts[answers.get(piece[9:12], "otherwise")] += 1
    counts["bytes"] += len(piece)
    if not piece:
        selector.unregister(viewer)
        viewer.close()


@contextlib.contextmanager
def _junk(port: int, counts: dict[str, int]) -> Iterator[None]:
    """Send junk from another thread; at the end wait until all of it is sent."""
    thread = threading.Thread(target=_send_junk, args=(port, counts), daemon=True)
    thread.start()
    yield
    thread.join(60)


def _send_junk(port: int, counts: dict[str, int]) -> None:
    """Send requests that nobody should: bytes drawn at random, huge headers, other methods, paths that climb."""
    chance = random.Random(_SEED)  # noqa: S311 - junk, not a secret
    kinds = (
        lambda: chance.randbytes(chance.randrange(1, 4000)),
        lambda: b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        lambda: b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000\r\n\r\n" + b"b" * 10_000,
        lambda: b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        lambda: b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        lambda: b"DELETE /snapshot.jpg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        lambda: (
            b"GET /live HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\nUpgrade: websocket\r\n\r\n"
        ),
        lambda: b"GET / HT",
    )
    open_halves: list[socket.socket] = []
    began_at = time.monotonic()
    counts.update(sent=0, hung_up=0)
    for number in range(JUNK):
        time.sleep(_BETWEEN_JUNK_S)
        counts["sent"] += 1
        try:
            client = socket.create_connection(("127.0.0.1", port), timeout=2)
        except OSError:
            counts["hung_up"] += 1
            continue
        with contextlib.suppress(OSError):
            client.sendall(kinds[number % len(kinds)]())
        if number % len(kinds) == len(kinds) - 1:
            # A half of a request, left open.
            open_halves.append(client)
            continue
        client.settimeout(0.05)
        with contextlib.suppress(OSError):
            client.recv(4096)
        client.close()
    for client in open_halves:
        client.close()
    counts["seconds"] = round(time.monotonic() - began_at)
