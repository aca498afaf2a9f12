"""The page in a real browser: headless Chromium, driven as a person would use it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time

import pytest
from web_camera import WebCamera

from fcn_edge.live.frame import SourceHealth
from fcn_edge.live.status import OutputStatus
from fcn_edge.live.web.config import WebConfig

TOKEN = "correct-horse-battery"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1280,800",
)
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
REQUIRED = os.environ.get("FCN_EDGE_BROWSER") == "required"

if not REQUIRED:
    pytest.importorskip("selenium", reason="needs selenium, of the extra dev")
    if not (BROWSER and DRIVER):
        pytest.skip("needs Chromium and its driver: apt-get install chromium-driver", allow_module_level=True)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # The path is given, so that nothing looks for a driver in the network.
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def camera():
    with WebCamera(WebConfig(port=0)) as running:
        yield running


@pytest.fixture
def page(browser, camera):
    browser.get_log("browser")
    browser.get(camera.view.url)
    _until(lambda: _text(browser, "pill-text") == "Live")
    _until(lambda: _picture(browser) is not None)
    return browser


def _until(condition, seconds=15.0):
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at, "it did not come"
        time.sleep(0.05)


def _text(browser, element_id):
    return browser.execute_script("return document.getElementById(arguments[0])?.innerText ?? ''", element_id)


def _picture(browser):
    """What the canvas shows, as a data URL; None while it is empty."""
    return browser.execute_script(
        "if (document.getElementById('empty').checkVisibility()) return null;"
        "return document.getElementById('picture').toDataURL()"
    )


def _pixel(browser, x_share, y_share):
    """Red, green and blue at a place of the picture."""
    return browser.execute_script(
        "const c = document.getElementById('picture');"
        "const d = c.getContext('2d').getImageData(c.width * arguments[0], c.height * arguments[1], 1, 1).data;"
        "return [...d].slice(0, 3)",
        x_share,
        y_share,
    )


def _choose(browser, what):
    browser.execute_script("document.querySelector(`input[name=show][value=${arguments[0]}]`).click()", what)


def test_the_picture_moves_and_the_numbers_change(page, camera):
    first = _picture(page)
    _until(lambda: _picture(page) != first)
    frames = _text(page, "frames")
    _until(lambda: _text(page, "frames") != frames)
    _until(lambda: _text(page, "fps-shown").replace(".", "").strip("0").isdigit())
    assert _text(page, "fps-processed") == "30.0"
    assert "square" in _text(page, "classes")
    assert _text(page, "title") == "squares.int8.tflite"


def test_overlay_mask_and_original_show_what_they_say(page, camera):
    # The upper left corner is a class of its own, blue over dark ground.
    _choose(page, "original")
    _until(lambda: max(_pixel(page, 0.05, 0.05)) < 80)
    _choose(page, "mask")
    _until(lambda: _pixel(page, 0.05, 0.05) == [31, 120, 180])
    _choose(page, "overlay")
    _until(lambda: 60 < _pixel(page, 0.05, 0.05)[2] < 150)
    page.execute_script(
        "const s = document.getElementById('opacity');"
        "s.value = 100; s.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    _until(lambda: _pixel(page, 0.05, 0.05)[2] > 165)


def test_what_was_chosen_is_still_chosen_after_a_reload(page, camera):
    _choose(page, "mask")
    page.refresh()
    _until(lambda: _picture(page) is not None)
    script = "return document.querySelector('input[name=show]:checked').value"
    assert page.execute_script(script) == "mask"
    _choose(page, "overlay")


def test_a_lost_source_is_said_with_the_seconds_to_the_next_try(page, camera):
    camera.health = SourceHealth(waiting=True, note="the stream was lost", next_try_s=7.0, losses=1)
    camera.running = False
    _until(lambda: "The camera was lost." in _text(page, "banner"))
    assert "The stream was lost" in _text(page, "banner")
    assert "7" in _text(page, "banner")
    camera.health, camera.running = SourceHealth(losses=1, reconnects=1), True
    _until(lambda: page.execute_script("return document.getElementById('banner').hidden"))


def test_an_output_that_failed_is_named(page, camera):
    camera.outputs = {"recording": OutputStatus(5, 2, "no space left on the disk"), "web": OutputStatus()}
    _until(lambda: "no space left on the disk" in page.execute_script("return document.body.innerText"))


def test_a_page_whose_camera_was_started_anew_comes_back_by_itself(browser):
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    with WebCamera(WebConfig(port=port)) as first:
        browser.get(first.view.url)
        _until(lambda: _text(browser, "pill-text") == "Live")
    _until(lambda: _text(browser, "pill-text") != "Live")
    with WebCamera(WebConfig(port=port)):
        _until(lambda: _text(browser, "pill-text") == "Live", seconds=25)


def test_without_the_right_token_there_is_no_picture_and_with_it_there_is(browser):
    with WebCamera(WebConfig(port=0, token=TOKEN)) as camera:
        root = f"http://127.0.0.1:{camera.view.port}/"
        for address in (root, f"{root}?token=wrong-horse-battery"):
            browser.get(address)
            assert browser.execute_script("return document.getElementById('picture')") is None
        browser.get(f"{root}?token={TOKEN}")
        _until(lambda: _text(browser, "pill-text") == "Live")
        assert TOKEN not in browser.current_url


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 844), (1280, 800)])
def test_nothing_sticks_out_of_a_screen_of_any_width(page, camera, width, height):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 700},
    )
    try:
        _until(lambda: _picture(page) is not None)
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
        box = page.execute_script("return document.getElementById('picture').getBoundingClientRect().toJSON()")
        assert box["left"] >= 0
        assert box["right"] <= width
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_nothing_is_complained_of_and_nobody_else_is_asked(page, camera):
    page.get_log("performance")
    page.refresh()
    _until(lambda: _picture(page) is not None)
    assert [entry["message"] for entry in page.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")] == []
    asked = {entry["message"].partition('"url":"')[2].partition('"')[0] for entry in page.get_log("performance")}
    hosts = {url.partition("://")[2].partition("/")[0] for url in asked if url.startswith(("http", "ws"))}
    assert hosts == {f"127.0.0.1:{camera.view.port}"}


def test_a_browser_that_stops_reading_slows_nobody(page, camera):
    idle = []
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            viewer = stack.enter_context(socket.create_connection(("127.0.0.1", camera.view.port), timeout=5))
            viewer.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            idle.append(viewer)
        before = camera.written
        time.sleep(2.0)
        assert camera.written - before >= 40
        first = _picture(page)
        _until(lambda: _picture(page) != first, seconds=3)
    assert camera.slowest_write_s < 0.1
