"""What viewers can do to a run: nothing. Slow ones, many, rude ones, and the end of the server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import random
import socket
import threading
import time
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from web_camera import WebCamera, make_result

from fcn_edge.errors import OutputError
from fcn_edge.live.web.config import WebConfig
from fcn_edge.live.web.message import decode_message
from fcn_edge.live.web.view import WebView

# A copy of a picture takes a fraction of a millisecond; the rest is for a machine that does something else meanwhile.
LONGEST_WRITE_S = 0.2


def noisy(number, size_wh, fps):
    """Give a result that compresses badly, so that one picture does not fit into a socket's buffers many times."""
    result = make_result(number, size_wh, fps)
    result.frame.image_bgr[:] = np.random.default_rng(number).integers(0, 256, result.frame.image_bgr.shape)
    return result


def connect(camera):
    return socket.create_connection(("127.0.0.1", camera.view.port), timeout=3)


def upgrade(camera):
    """Open the page's WebSocket by hand, with a small window, and read nothing."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(3)
    connection.connect(("127.0.0.1", camera.view.port))
    host = f"127.0.0.1:{camera.view.port}"
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET /live HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    return connection


def wait_until(condition, timeout_s=5.0):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.02)


async def take_pictures(session, camera, for_s):
    """Watch as the page does; give when pictures came and how old they were."""
    url = f"http://127.0.0.1:{camera.view.port}"
    ages_s = []
    end = time.monotonic() + for_s
    async with session.ws_connect(f"{url}/live", origin=url) as connection:
        while time.monotonic() < end:
            message = await asyncio.wait_for(connection.receive(), 5)
            if message.type is aiohttp.WSMsgType.BINARY:
                ages_s.append(time.monotonic() - decode_message(message.data).header["begun_ms"] / 1000)
                await connection.send_str("drawn")
            else:
                assert message.type is aiohttp.WSMsgType.TEXT, message
    return ages_s


def watch(camera, viewers=1, for_s=1.0):
    async def together():
        async with aiohttp.ClientSession() as session:
            return await asyncio.gather(*(take_pictures(session, camera, for_s) for _ in range(viewers)))

    return asyncio.run(together())


def resident_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_viewers_that_never_read_slow_nobody_and_fill_no_memory():
    with WebCamera(WebConfig(port=0), size_wh=(320, 240), draw=noisy) as camera:
        stuck = [upgrade(camera) for _ in range(4)]
        stream = connect(camera)
        stream.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: camera.view.viewers == 5)
        (before,) = watch(camera, for_s=1.0)
        used_mb = resident_mb()
        (ages_s,) = watch(camera, for_s=2.0)
        assert resident_mb() - used_mb < 8
        assert len(before) > 15
        assert len(ages_s) > 30
        assert np.median(ages_s) < 0.15
        assert camera.slowest_write_s < LONGEST_WRITE_S
        for connection in (*stuck, stream):
            connection.close()


def test_a_viewer_that_takes_no_picture_for_too_long_loses_its_seat():
    with (
        WebCamera(WebConfig(port=0, viewer_s=0.5), size_wh=(320, 240), draw=noisy) as camera,
        upgrade(camera),
        connect(camera) as stream,
    ):
        stream.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: camera.view.viewers == 2)
        wait_until(lambda: camera.view.viewers == 0)


def test_a_slow_viewer_sees_fewer_pictures_and_none_that_waited_for_it():
    async def slowly(camera):
        url = f"http://127.0.0.1:{camera.view.port}"
        ages_s = []
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/live", origin=url) as connection:
            while len(ages_s) < 5:
                message = await connection.receive()
                if message.type is aiohttp.WSMsgType.BINARY:
                    ages_s.append(time.monotonic() - decode_message(message.data).header["begun_ms"] / 1000)
                    await asyncio.sleep(0.25)
                    await connection.send_str("drawn")
        return ages_s

    with WebCamera(WebConfig(port=0)) as camera:
        ages_s = asyncio.run(slowly(camera))
    # 21 ms from capture to result, at most one frame of waiting for the next, and the way here.
    assert max(ages_s) < 0.15


def test_fifty_viewers_all_see_it_move():
    with WebCamera(WebConfig(port=0, max_viewers=50)) as camera:
        seen = watch(camera, viewers=50, for_s=2.0)
        assert min(len(ages_s) for ages_s in seen) > 5
        assert camera.slowest_write_s < LONGEST_WRITE_S


def test_one_viewer_more_than_there_are_seats_is_told_so_and_gets_in_once_one_is_free():
    async def knock(camera):
        url = f"http://127.0.0.1:{camera.view.port}"
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/live", origin=url):
            wait_until(lambda: camera.view.viewers == 1)
            async with session.ws_connect(f"{url}/live", origin=url) as late:
                while (message := await late.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass
                code = late.close_code
            pages = []
            for path in ("/", "/stream.mjpg", "/snapshot.jpg"):
                async with session.get(url + path) as response:
                    pages.append((response.status, "limit" in await response.text()))
        return message.type, code, pages

    with WebCamera(WebConfig(port=0, max_viewers=1)) as camera:
        assert asyncio.run(knock(camera)) == (aiohttp.WSMsgType.CLOSE, 1013, [(503, True)] * 3)
        wait_until(lambda: camera.view.viewers == 0)
        assert len(watch(camera, for_s=0.5)[0]) > 3


def test_half_open_connections_keep_nobody_out_and_are_closed_in_time():
    with WebCamera(WebConfig(port=0, max_connections=8, request_s=0.8)) as camera:
        idle = [connect(camera) for _ in range(40)]
        for connection in idle[::2]:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: lo")
        assert len(watch(camera, for_s=0.5)[0]) > 3
        time.sleep(1.0)
        for connection in idle:
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(100) == b""
            connection.close()


def test_a_client_that_does_not_take_its_answer_is_cut_off():
    received = 0
    with (
        WebCamera(WebConfig(port=0, request_s=0.6), size_wh=(1280, 960), draw=noisy) as camera,
        socket.socket() as greedy,
    ):
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.settimeout(3)
        greedy.connect(("127.0.0.1", camera.view.port))
        greedy.sendall(30 * b"GET /snapshot.jpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(2.0)
        with contextlib.suppress(ConnectionResetError):
            while part := greedy.recv(65536):
                received += len(part)
    assert received < 30 * 100_000


def junk(rng):
    """Make one piece of nonsense as it comes from the internet."""
    return rng.choice(
        [
            lambda: rng.randbytes(rng.randrange(1, 3000)),
            lambda: b"GET /" + b"A" * 60000 + b" HTTP/1.1\r\n\r\n",
            lambda: b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40000 + b"\r\n\r\n",
            lambda: b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % i for i in range(5000)) + b"\r\n",
            lambda: b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
            lambda: b"GET /%00%ff%2e%2e%5c HTTP/1.1\r\nHost: localhost\r\n\r\n",
            lambda: b"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            lambda: b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            lambda: b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
            lambda: b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
            lambda: b"GET /?token=%F0%9F%92%A9&token=2 HTTP/1.1\r\nHost: localhost\r\nCookie: ;;=;\x80\r\n\r\n",
            lambda: b"GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
            lambda: b"GET / HTTP/9.9\r\n\r\n",
            lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(200),
            lambda: b"GET / HT",
            lambda: b"",
        ]
    )()


def test_junk_gets_no_traceback_and_disturbs_no_viewer(caplog):
    rng = random.Random(4)  # noqa: S311
    answers = []

    def throw(camera):
        for number in range(300):
            with connect(camera) as connection:
                connection.settimeout(0.1)
                try:
                    connection.sendall(junk(rng))
                    if number % 3:
                        answers.append(connection.recv(65536))
                except OSError:
                    pass

    with WebCamera(WebConfig(port=0, request_s=1.0)) as camera:
        thrower = threading.Thread(target=throw, args=(camera,))
        thrower.start()
        (ages_s,) = watch(camera, for_s=3.0)
        thrower.join()
        assert len(watch(camera, for_s=0.5)[0]) > 5
        assert camera.slowest_write_s < LONGEST_WRITE_S
    assert len(ages_s) > 40
    assert len(answers) > 50
    assert not any(b"Traceback" in answer or b'File "' in answer for answer in answers)
    statuses = {answer[9:12] for answer in answers if answer.startswith(b"HTTP/1.")}
    assert {b"400", b"405", b"404"} <= statuses
    assert b"500" not in statuses
    assert not [record for record in caplog.records if "cannot be" in record.message]


def test_the_end_takes_under_a_second_whatever_viewers_do():
    with WebCamera(WebConfig(port=0), size_wh=(320, 240), draw=noisy) as camera:
        others = [upgrade(camera) for _ in range(5)] + [connect(camera) for _ in range(5)]
        others[-1].sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        others[-2].sendall(b"GET / HTTP/1.1\r\n")
        wait_until(lambda: camera.view.viewers == 6)
        begun_at = time.monotonic()
        camera.view.close()
        assert time.monotonic() - begun_at < 1.0
        for connection in others:
            connection.close()
    assert not [thread.name for thread in threading.enumerate() if "fcn-edge-web" in thread.name]


def test_the_page_is_told_that_the_server_goes():
    async def until_the_end(camera):
        url = f"http://127.0.0.1:{camera.view.port}"
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/live", origin=url) as connection:
            wait_until(lambda: camera.view.viewers == 1)
            closing = asyncio.get_running_loop().run_in_executor(None, camera.view.close)
            while (await connection.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                pass
            await closing
            return connection.close_code

    with WebCamera(WebConfig(port=0)) as camera:
        assert asyncio.run(until_the_end(camera)) == 1001


def test_it_starts_and_ends_many_times_at_the_same_port_and_leaves_nothing():
    with WebCamera(WebConfig(port=0)) as camera:
        port = camera.view.port
    files = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        with WebCamera(WebConfig(port=port)) as camera:
            assert len(watch(camera, for_s=0.2)[0]) > 0
    assert len(list(Path("/proc/self/fd").iterdir())) == files
    assert not [thread.name for thread in threading.enumerate() if "fcn-edge-web" in thread.name]


def test_with_nobody_watching_a_result_is_not_even_copied():
    view = WebView((), lambda: None, WebConfig(port=0), title="x")
    view.start()
    try:
        result = make_result(size_wh=(640, 480))
        durations = []
        for _ in range(200):
            begun_at = time.perf_counter()
            view.write(result, result.frame.image_bgr)
            durations.append(time.perf_counter() - begun_at)
        assert view._newest.number == 0
        assert np.median(durations) < 1e-4
    finally:
        view.close()
        view.close()


def test_a_server_that_ended_by_itself_is_told_to_the_run():
    view = WebView((), lambda: None, WebConfig(port=0), title="x")
    view.start()
    try:
        view._server.failure = RuntimeError("no more file descriptors")
        with pytest.raises(OutputError, match="no more file descriptors"):
            view.write(make_result(), make_result().frame.image_bgr)
    finally:
        view.close()


def test_a_state_that_cannot_be_told_spoils_neither_page_nor_picture():
    def broken():
        raise RuntimeError("secret detail")

    with WebCamera(WebConfig(port=0)) as camera:
        camera.view._status._ask = broken
        assert len(watch(camera, for_s=0.5)[0]) > 3
        with connect(camera) as connection:
            connection.sendall(b"GET /status.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 500")
        assert b"secret" not in answer


@pytest.mark.parametrize("host", ["0.0.0.0", ""])
def test_any_other_address_than_loopback_makes_a_token(host):
    view = WebView((), lambda: None, WebConfig(host=host, port=0), title="x")
    assert len(view.token) >= 32
    assert view.url.endswith(f"/?token={view.token}")
    assert WebView((), lambda: None, WebConfig(host=host), title="x").token != view.token
    view.close()
