"""What the browser view's server answers: pages, pictures, state, and refusals."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time

import aiohttp
import cv2
import numpy as np
import pytest
from web_camera import CLASSES, WebCamera

from fcn_edge.live.web.config import WebConfig
from fcn_edge.live.web.message import decode_message

TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def camera():
    with WebCamera(WebConfig(port=0)) as running:
        yield running


@pytest.fixture(scope="module")
def locked():
    with WebCamera(WebConfig(port=0, token=TOKEN)) as running:
        yield running


def ask(camera, path="/", method="GET", **options):
    """Give status, headers and body of one request; redirects are not followed."""

    async def once():
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, f"http://127.0.0.1:{camera.view.port}{path}", allow_redirects=False, **options
            ) as response,
        ):
            return response.status, response.headers, await response.read()

    return asyncio.run(once())


def raw(camera, data, most=1_000_000):
    """Send bytes and give what comes back until the server closes or *most* bytes came."""
    with socket.create_connection(("127.0.0.1", camera.view.port), timeout=2) as connection:
        connection.sendall(data)
        received = b""
        try:
            while len(received) < most and (part := connection.recv(65536)):
                received += part
        except (TimeoutError, ConnectionResetError):
            pass
        return received


def watch(camera, act, **options):
    """Open the page's WebSocket, do *act(socket)* and give what that gave."""

    async def once():
        url = f"http://127.0.0.1:{camera.view.port}"
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}/live", **{"origin": url, **options}) as connection,
        ):
            return await asyncio.wait_for(act(connection), 8)

    return asyncio.run(once())


async def pictures(connection, count):
    """Acknowledge and collect some pictures."""
    found = []
    while len(found) < count:
        message = await connection.receive()
        assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
        if message.type is aiohttp.WSMsgType.BINARY:
            found.append(decode_message(message.data))
            await connection.send_str("drawn")
    return found


def test_the_page_is_one_file_that_asks_nobody_else_for_anything(camera):
    status, headers, body = ask(camera)
    assert status == 200
    text = body.decode()
    outside = [found for found in re.findall(r"""(?:src|href)=["']([^"'#]*)""", text) if not found.startswith("data:")]
    assert outside == []
    # The namespace of an SVG is a name, not an address to fetch.
    assert set(re.findall(r"https?://[^'\"`\s]*", text)) <= {"http://www.w3.org/2000/svg"}
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/", "/status.json", "/snapshot.jpg", "/healthz", "/nothing"])
def test_every_answer_forbids_keeping_guessing_and_embedding(camera, path):
    _, headers, _ = ask(camera, path)
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Server"] == "fcn-edge"


def test_the_state_of_the_run_is_plain_json(camera):
    status, headers, body = ask(camera, "/status.json")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    state = json.loads(body)
    assert state["model"] == "squares.int8.tflite"
    assert state["health"]["waiting"] is False
    assert state["dropped_by_cause"]["newer_frame"] == 7


def test_the_snapshot_has_the_classes_drawn_on_it(camera):
    status, headers, body = ask(camera, "/snapshot.jpg")
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (120, 160, 3)
    # Class "corner" is blue (31, 120, 180) at half strength over grey 40.
    assert picture[5, 5].tolist() == pytest.approx([110, 80, 35], abs=12)


def test_without_frames_a_snapshot_says_so_in_time(camera):
    camera.running = False
    try:
        time.sleep(0.1)
        begun_at = time.monotonic()
        assert ask(camera, "/snapshot.jpg")[0] == 503
        assert time.monotonic() - begun_at < 5
    finally:
        camera.running = True


def test_other_programs_get_a_film_of_pictures(camera):
    data = raw(camera, b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n", most=30_000)
    assert b"multipart/x-mixed-replace; boundary=picture" in data
    assert data.count(b"--picture\r\nContent-Type: image/jpeg") >= 3
    assert data.count(b"\xff\xd8\xff") >= 3


def test_the_page_learns_the_classes_first_and_then_gets_pictures_and_state(camera):
    async def first_texts(connection):
        texts = []
        while len(texts) < 2:
            message = await connection.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                texts.append(json.loads(message.data))
        return texts

    hello, state = watch(camera, first_texts)
    assert [hello["type"], state["type"]] == ["hello", "status"]
    assert [spec["name"] for spec in hello["classes"]] == [spec.name for spec in CLASSES]
    assert state["status"]["processed_fps"] == 30.0
    assert state["viewers"] >= 1


def test_pictures_move_and_are_never_older_than_the_one_before(camera):
    found = watch(camera, lambda connection: pictures(connection, 6))
    numbers = [picture.header["frame"] for picture in found]
    assert numbers == sorted(set(numbers))
    assert not np.array_equal(found[0].labels, found[-1].labels)
    newest_ms = 1000 * time.monotonic()
    assert newest_ms - found[-1].header["begun_ms"] < 1000


def test_a_viewer_that_acknowledges_nothing_gets_one_picture_and_the_state(camera):
    async def for_a_while(connection):
        kinds = []
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            kinds.append((await connection.receive()).type)
        return kinds

    kinds = watch(camera, for_a_while)
    assert kinds.count(aiohttp.WSMsgType.BINARY) == 1
    assert kinds.count(aiohttp.WSMsgType.TEXT) >= 2


def test_the_page_can_compare_its_clock_with_the_servers(camera):
    async def compare(connection):
        await connection.send_str("clock 1234.5")
        while True:
            message = await connection.receive()
            if message.type is aiohttp.WSMsgType.TEXT and (found := json.loads(message.data))["type"] == "clock":
                return found

    answer = watch(camera, compare)
    assert answer["asked"] == "1234.5"
    assert answer["server_ms"] == pytest.approx(1000 * time.monotonic(), abs=3000)


@pytest.mark.parametrize("nonsense", ["hello", "clock " + 100 * "9", b"drawn", "x" * 100000])
def test_a_viewer_that_says_anything_else_is_sent_away(camera, nonsense):
    async def talk(connection):
        await (connection.send_bytes(nonsense) if isinstance(nonsense, bytes) else connection.send_str(nonsense))
        while (message := await connection.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            pass
        return message.type

    assert watch(camera, talk) in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


def test_a_viewer_that_talks_without_end_is_sent_away(camera):
    async def talk(connection):
        for _ in range(1000):
            await connection.send_str("drawn")
        while (message := await connection.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            pass
        return message.type

    assert watch(camera, talk) in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_another_sites_page_cannot_watch(camera, origin):
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        watch(camera, lambda connection: pictures(connection, 1), origin=origin)
    assert caught.value.status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_nothing_but_looking_is_allowed(camera, method):
    status, headers, _ = ask(camera, method=method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_a_request_with_a_body_is_refused_unread(camera):
    assert ask(camera, data=b"x" * 10)[0] == 413
    answer = raw(camera, b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("path", ["/", "/status.json", "/healthz", "/stream.mjpg", "/snapshot.jpg"])
def test_head_gives_the_headers_alone(camera, path):
    answer = raw(camera, f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n")
    assert answer.count(b"\r\n\r\n") == 1


@pytest.mark.parametrize(
    "path",
    ["/../config.py", "/page.css", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/live/", "/page/live.html", "/."],
)
def test_there_is_no_folder_behind_the_addresses(camera, path):
    answer = raw(camera, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"Traceback" not in answer


@pytest.mark.parametrize("host", ["evil.example", "192.0.2.1:8080", ""])
def test_a_foreign_name_that_points_to_this_machine_is_turned_away(camera, host):
    assert ask(camera, "/status.json", headers={"Host": host})[0] == 403


def test_through_a_tunnel_the_port_may_be_another(camera):
    assert ask(camera, headers={"Host": "localhost:9999"})[0] == 200


def test_without_the_token_there_is_only_a_page_that_asks_for_it(locked):
    for path in ("/", "/status.json", "/snapshot.jpg", "/stream.mjpg", "/live", "/nothing"):
        status, headers, body = ask(locked, path)
        assert status == 401
        assert headers["WWW-Authenticate"] == "Bearer"
        assert b"squares" not in body
        assert b"token" in body


def test_the_token_in_the_address_becomes_a_cookie_and_goes_from_the_address(locked):
    status, headers, body = ask(locked, f"/?token={TOKEN}")
    assert status == 200
    assert b'http-equiv="refresh" content="0;url=/"' in body
    cookie = headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    assert TOKEN not in body.decode()
    name, _, value = cookie.partition(";")[0].partition("=")
    assert ask(locked, cookies={name: value})[0] == 200


def test_programs_send_the_token_as_a_header_or_with_the_address(locked):
    assert ask(locked, "/status.json", headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200
    assert ask(locked, f"/snapshot.jpg?token={TOKEN}")[1]["Content-Type"] == "image/jpeg"


def test_with_a_token_the_name_of_the_machine_does_not_matter(locked):
    assert ask(locked, "/status.json", headers={"Authorization": f"Bearer {TOKEN}", "Host": "camera.lan"})[0] == 200


def test_a_wrong_token_is_answered_slowly_and_holds_up_nobody(locked):
    async def race():
        url = f"http://127.0.0.1:{locked.view.port}/status.json"
        async with aiohttp.ClientSession() as session:

            async def get(token):
                begun_at = time.monotonic()
                async with session.get(url, headers={"Authorization": f"Bearer {token}"}) as response:
                    return response.status, time.monotonic() - begun_at

            return await asyncio.gather(*(get(f"wrong-{number}") for number in range(5)), get(TOKEN))

    *wrong, right = asyncio.run(race())
    assert {status for status, _ in wrong} == {403}
    assert min(took_s for _, took_s in wrong) >= 0.3
    assert right[0] == 200
    assert right[1] < 0.25


def test_whether_it_is_well_anybody_may_ask_and_learns_nothing_else(locked):
    assert ask(locked, "/healthz")[0::2] == (200, b"ok\n")


def test_it_is_not_well_once_results_stay_away():
    with WebCamera(WebConfig(port=0, stale_after_s=0.4)) as camera:
        assert ask(camera, "/healthz")[0] == 200
        camera.running = False
        time.sleep(0.6)
        assert ask(camera, "/healthz")[0::2] == (503, b"no result lately\n")
