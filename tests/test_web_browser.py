"""The page in a real browser."""

from __future__ import annotations

import base64
import os
import shutil
import time

import pytest
from web_camera import WebCamera

from fcn_edge.live.frame import WELL, SourceHealth
from fcn_edge.live.status import OutputStatus
from fcn_edge.live.web.config import WebConfig

TOKEN = "correct-horse-battery"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
_REQUIRED = os.environ.get("FCN_EDGE_BROWSER") == "required"
try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
except ImportError:
    if _REQUIRED:
        raise
    pytest.skip("selenium is not installed", allow_module_level=True)

pytestmark = pytest.mark.skipif(
    not _REQUIRED and (CHROMIUM is None or DRIVER is None), reason="needs Chromium and its chromedriver"
)
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--window-size=1280,800",
)  # fmt: skip


@pytest.fixture(scope="module")
def camera():
    with WebCamera(WebConfig(port=0, token=TOKEN)) as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    downloads = tmp_path_factory.mktemp("downloads")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # The path of the driver is given, so that selenium never looks for one on the network.
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.downloads = downloads
    yield driver
    driver.quit()


def script(browser, code, *arguments):
    return browser.execute_script(f"return {code}", *arguments)


def text(browser, name):
    return script(browser, "document.getElementById(arguments[0]).innerText", name)


def hidden(browser, name):
    return script(browser, "document.getElementById(arguments[0]).hidden", name)


def wait_for(condition, timeout_s=10.0):
    end = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.05)
    return found


def pixel(browser, x, y):
    code = (
        "[...document.getElementById('picture').getContext('2d').getImageData(arguments[0], arguments[1], 1, 1).data]"
    )
    return script(browser, code, x, y)[:3]


def picture(browser):
    return script(browser, "document.getElementById('picture').toDataURL('image/png')")


@pytest.fixture
def page(browser, camera):
    """Give the browser with the page open and a picture in it, and its switches as they are at first."""
    browser.get(camera.view.url)
    wait_for(lambda: browser.current_url == camera.view.url.partition("?")[0])
    script(browser, "localStorage.clear()")
    browser.refresh()
    wait_for(lambda: text(browser, "pill-text") == "Live" and hidden(browser, "empty"))
    return browser


def switch_to(browser, show):
    browser.find_element("css selector", f'input[value="{show}"]').click()
    # Each picture of the camera is drawn with the switch as it is by then.
    time.sleep(0.15)


def errors(browser):
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def test_the_picture_moves_and_the_numbers_change(page):
    before, delivered = picture(page), text(page, "frames")
    wait_for(lambda: picture(page) != before and text(page, "frames") != delivered)
    assert float(text(page, "fps-shown")) > 2
    assert text(page, "age").endswith("ms")
    wait_for(lambda: "±" in text(page, "age-drawn"))
    assert text(page, "title") == "squares.int8.tflite"


def test_the_classes_are_listed_with_their_shares(page):
    wait_for(lambda: "%" in text(page, "classes"))
    rows = text(page, "classes").split("\n")
    assert [row for row in rows if "%" not in row] == ["background", "square", "corner", "never seen"]
    shares = [float(row.replace("%", "")) for row in rows if "%" in row]
    assert sum(shares) == pytest.approx(100, abs=0.3)
    assert shares[3] == 0


def test_the_switches_show_overlay_mask_and_original(page):
    # The corner is class 2, (31, 120, 180), over grey 40.
    assert pixel(page, 5, 5) == pytest.approx([36, 80, 110], abs=8)
    switch_to(page, "mask")
    assert pixel(page, 5, 5) == [31, 120, 180]
    assert pixel(page, 5, 110) == [0, 0, 0]
    switch_to(page, "original")
    assert pixel(page, 5, 5) == pytest.approx([40, 40, 40], abs=8)
    switch_to(page, "overlay")
    script(
        page, "((o) => { o.value = '100'; o.dispatchEvent(new Event('input')); })(document.getElementById('opacity'))"
    )
    time.sleep(0.15)
    assert pixel(page, 5, 5) == pytest.approx([31, 120, 180], abs=3)
    assert pixel(page, 5, 110) == pytest.approx([40, 40, 40], abs=8)


def test_the_switches_are_remembered(page):
    switch_to(page, "mask")
    page.refresh()
    wait_for(lambda: hidden(page, "empty"))
    assert script(page, "document.querySelector('input[name=show]:checked').value") == "mask"
    assert pixel(page, 5, 5) == [31, 120, 180]


def test_the_snapshot_is_saved_by_the_browser(page):
    page.find_element("id", "snapshot").click()
    saved = wait_for(lambda: list(page.downloads.glob("fcn-edge-*.png")))
    assert saved[0].read_bytes().startswith(b"\x89PNG")


def test_full_screen_goes_on_and_off(page):
    button = page.find_element("id", "fullscreen")
    button.click()
    wait_for(lambda: button.get_attribute("aria-pressed") == "true")
    button.click()
    wait_for(lambda: button.get_attribute("aria-pressed") == "false")


def test_everything_can_be_reached_with_the_keyboard_and_has_a_name(page):
    reached = []
    for _ in range(8):
        page.switch_to.active_element.send_keys("\ue004")
        node = page.switch_to.active_element
        reached.append((node.get_attribute("id") or node.get_attribute("name"), node.accessible_name))
    assert {"show", "opacity", "snapshot", "fullscreen"} <= {name for name, _ in reached}
    assert all(label for name, label in reached if name in ("show", "opacity", "snapshot", "fullscreen"))
    assert "square" in page.find_element("id", "picture").accessible_name


def test_a_lost_camera_is_said_and_the_old_picture_is_not_shown_as_live(page, camera):
    camera.health = SourceHealth(waiting=True, note="/dev/video0 was pulled out", next_try_s=7.0, losses=1)
    camera.running = False
    try:
        wait_for(lambda: text(page, "pill-text") == "Waiting")
        assert "pulled out. Opening it again in" in text(page, "banner")
        wait_for(lambda: "Old picture" in text(page, "old"))
    finally:
        camera.health, camera.running = WELL, True
    wait_for(lambda: text(page, "pill-text") == "Live" and hidden(page, "old"))


def test_an_output_that_stopped_is_said(page, camera):
    camera.outputs = {"recording": OutputStatus(10, 3, "the disk is full")}
    try:
        wait_for(lambda: "The disk is full" in text(page, "banner"))
        assert "Stopped: the disk is full" in text(page, "outputs")
    finally:
        camera.outputs = {}
    wait_for(lambda: hidden(page, "banner"))


def test_a_wrong_token_is_refused_and_the_right_one_typed_in_opens_the_page(browser, camera):
    browser.delete_all_cookies()
    address = camera.view.url.partition("?")[0]
    browser.get(f"{address}?token=wrong-token-altogether")
    assert browser.find_element("tag name", "h1").text == "That token is not right"
    assert not browser.find_elements("id", "picture")
    browser.find_element("id", "token").send_keys(TOKEN + "\n")
    wait_for(lambda: browser.current_url == address and browser.find_elements("id", "picture"))


def test_a_link_from_another_site_opens_the_page_too(browser, camera, tmp_path):
    browser.delete_all_cookies()
    mail = tmp_path / "mail.html"
    mail.write_text(f'<a id="link" href="{camera.view.url}">camera</a>', encoding="utf-8")
    browser.get(mail.as_uri())
    browser.find_element("id", "link").click()
    wait_for(lambda: browser.find_elements("id", "picture"))


def test_the_page_comes_back_by_itself_after_the_server_was_restarted(browser):
    with WebCamera(WebConfig(port=0, token=TOKEN)) as first:
        browser.get(first.view.url)
        wait_for(lambda: browser.find_elements("id", "picture") and text(browser, "pill-text") == "Live")
        port = first.view.port
    wait_for(lambda: text(browser, "pill-text") == "Disconnected")
    assert "Trying again" in text(browser, "banner")
    with WebCamera(WebConfig(port=port, token=TOKEN)):
        wait_for(lambda: text(browser, "pill-text") == "Live", timeout_s=20)
        before = picture(browser)
        wait_for(lambda: picture(browser) != before)


def test_a_server_with_another_token_is_said(browser):
    with WebCamera(WebConfig(port=0, token=TOKEN)) as first:
        browser.get(first.view.url)
        wait_for(lambda: browser.find_elements("id", "picture") and text(browser, "pill-text") == "Live")
        port = first.view.port
    with WebCamera(WebConfig(port=port, token=TOKEN + "-new")):
        wait_for(lambda: text(browser, "pill-text") == "No access", timeout_s=20)
        browser.find_element("id", "banner-act").click()
        wait_for(lambda: browser.find_elements("id", "token"))


def test_on_a_narrow_phone_nothing_sticks_out(page):
    for width in (320, 390):
        page.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 2, "mobile": True},
        )
        assert script(page, "document.documentElement.scrollWidth") <= width
        shot = base64.b64decode(page.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])
        assert len(shot) > 5000
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_page_makes_no_complaint_and_asks_no_other_host(page, camera):
    errors(page)
    page.get_log("performance")
    page.refresh()
    wait_for(lambda: text(page, "pill-text") == "Live")
    time.sleep(1.0)
    assert errors(page) == []
    asked = [
        entry["message"] for entry in page.get_log("performance") if 'Network.requestWillBeSent"' in entry["message"]
    ]
    assert asked
    for message in asked:
        assert (
            f'"url":"http://127.0.0.1:{camera.view.port}/' in message
            or '"url":"data:' in message
            or '"url":"blob:' in message
        )
