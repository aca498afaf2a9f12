"""What a broker and a monitoring system are told, with a real broker and real scrapes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from live_results import boxes, segmented

from fcn_edge.errors import OutputError, UsageError
from fcn_edge.live.frame import SourceHealth
from fcn_edge.live.output import mqtt
from fcn_edge.live.output.mqtt import Mqtt, MqttConfig, check_mqtt
from fcn_edge.live.output.prometheus import Metrics, MetricsConfig, check_metrics
from fcn_edge.live.status import LiveStatus, OutputStatus

STATUS = LiveStatus(
    running_s=60.0,
    model="people.int8.tflite",
    runtime="litert 2.3.0, 1 thread",
    source="rtsp://camera/live",
    live=True,
    health=SourceHealth(losses=4, reconnects=3, waiting=True),
    processed_fps=29.5,
    age_ms=34.5,
    captured=1210,
    processed=1203,
    dropped_by_cause={"newer_frame": 6, "undecodable": 1},
    class_share={"background": 0.75, "person": 0.25},
    outputs={"recording": OutputStatus(3, 2, "no space left")},
    temperature_c=61.5,
    throttled=False,
)
NAMES = ("background", "person", "dog")


def _scrape(port):
    parser = pytest.importorskip("prometheus_client.parser", reason="needs the extra metrics")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        families = parser.text_string_to_metric_families(answer.read().decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


@pytest.fixture
def metrics():
    pytest.importorskip("prometheus_client", reason="needs the extra metrics")
    served = Metrics(MetricsConfig(0), lambda: STATUS)
    yield served
    served.close()


def test_a_scrape_has_counters_gauges_and_what_runs(metrics):
    found = _scrape(metrics.port)
    expected = {
        ("fcn_edge_frames_captured_total",): 1210,
        ("fcn_edge_frames_processed_total",): 1203,
        ("fcn_edge_frames_dropped_total", "newer_frame"): 6,
        ("fcn_edge_frames_dropped_total", "undecodable"): 1,
        ("fcn_edge_source_reconnects_total",): 3,
        ("fcn_edge_source_up",): 0,
        ("fcn_edge_processed_fps",): 29.5,
        ("fcn_edge_capture_to_result_seconds",): pytest.approx(0.0345),
        ("fcn_edge_class_share", "person"): 0.25,
        ("fcn_edge_output_failed", "recording"): 1,
        ("fcn_edge_cpu_temperature_celsius",): 61.5,
        ("fcn_edge_cpu_throttled",): 0,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert any(key[0] == "fcn_edge_run_info" and "people.int8.tflite" in key for key in found)


def test_what_the_machine_does_not_tell_is_left_out(metrics):
    names = {key[0] for key in _scrape(metrics.port)}
    assert not names & {"fcn_edge_undervoltage", "fcn_edge_inference_seconds", "fcn_edge_resident_memory_bytes"}


def test_a_closed_endpoint_listens_no_more(metrics):
    metrics.close()
    metrics.close()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", metrics.port), timeout=2):
        pass


def test_who_goes_away_or_says_nothing_leaves_no_trace(metrics, capfd):
    metrics._server.RequestHandlerClass.timeout = 0.1
    address = ("127.0.0.1", metrics.port)
    with socket.create_connection(address) as silent:
        assert silent.recv(1) == b""
    with socket.create_connection(address) as rude:
        rude.sendall(b"GET /metrics")
        # Closing then resets the connection.
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert _scrape(metrics.port)
    time.sleep(0.15)
    assert capfd.readouterr().err == ""


def test_a_port_that_is_taken_is_an_error_of_its_own(metrics):
    with pytest.raises(OutputError, match=f"--metrics-port {metrics.port}"):
        Metrics(MetricsConfig(metrics.port), lambda: STATUS)


def test_a_port_out_of_range_is_wrong_usage():
    with pytest.raises(UsageError, match="--metrics-port 70000"):
        check_metrics(MetricsConfig(70_000))


def _until(condition, seconds=10.0):
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at, "it did not come"
        time.sleep(0.01)


_BROKER = """
import asyncio, sys
from amqtt.broker import Broker

async def main():
    listener = {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}"}
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    await Broker({"listeners": {"default": listener}, "plugins": plugins}).start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


class Broker:
    """amqtt's broker in a process of its own, on a port that stays the same over restarts."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = found.getsockname()[1]
        self._process = None

    def start(self):
        command = [sys.executable, "-c", _BROKER, str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _until(self._answers)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def _answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


@pytest.fixture
def broker():
    pytest.importorskip("paho.mqtt.client", reason="needs the extra mqtt")
    pytest.importorskip("amqtt", reason="needs amqtt, of the extra dev")
    running = Broker()
    running.start()
    yield running
    running.kill()


@contextlib.contextmanager
def _listener(port):
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    told = []
    client = paho.Client(CallbackAPIVersion.VERSION2)
    subscribed = threading.Event()
    client.on_message = lambda client, userdata, message: told.append((message.topic, message.payload.decode()))
    client.on_subscribe = lambda *unused: subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe("#")
    assert subscribed.wait(5)
    try:
        yield told
    finally:
        client.disconnect()
        client.loop_stop()


def _frame(number=0):
    return segmented(boxes((40, 20), (1, (5, 0, 20, 10))), number=number)


def test_a_broker_is_told_frames_status_and_when_the_camera_comes_and_goes(broker):
    with _listener(broker.port) as told:
        sink = Mqtt(MqttConfig(f"mqtt://127.0.0.1:{broker.port}/hall/door"), NAMES, lambda: STATUS)
        _until(lambda: ("hall/door/availability", "online") in told)
        sink.write(_frame(), None)
        _until(lambda: {topic for topic, _ in told} >= {"hall/door/frame", "hall/door/status"})
        sink.close()
        _until(lambda: told[-1] == ("hall/door/availability", "offline"))
    frame = json.loads(dict(told)["hall/door/frame"])
    assert frame["class_share"] == {"background": 0.75, "person": 0.25, "dog": 0.0}
    assert frame["regions"] == [{"class": "person", "box_xywh": [5, 0, 20, 10], "area_share": 0.25}]
    assert json.loads(dict(told)["hall/door/status"])["processed"] == 1203


def test_only_as_many_frames_a_second_as_asked_for_are_told(broker):
    now = [100.0]
    with _listener(broker.port) as told:
        config = MqttConfig(f"mqtt://127.0.0.1:{broker.port}/cam", per_second=2)
        sink = Mqtt(config, NAMES, lambda: STATUS, clock=lambda: now[0])
        _until(lambda: ("cam/availability", "online") in told)
        for number in range(21):
            now[0] = 100 + number / 10
            sink.write(_frame(number), None)
            # A frame that is still on its way would keep the next one back.
            _until(lambda: not sink._client.want_write())
        sink.close()
        _until(lambda: told[-1] == ("cam/availability", "offline"))
    numbers = [json.loads(payload)["frame"] for topic, payload in told if topic == "cam/frame"]
    assert numbers == [0, 5, 10, 15, 20]


def test_a_lost_source_is_told_of_though_no_frame_comes(broker, monkeypatch):
    monkeypatch.setattr(mqtt, "_STATUS_EVERY_S", 0.05)
    waiting = [False]

    def look():
        return dataclasses.replace(STATUS, health=SourceHealth(waiting=waiting[0]))

    def told_of(value):
        found = [json.loads(payload) for topic, payload in told if topic == "cam/status"]
        return any(status["health"]["waiting"] is value for status in found)

    with _listener(broker.port) as told:
        sink = Mqtt(MqttConfig(f"mqtt://127.0.0.1:{broker.port}/cam"), NAMES, look)
        _until(lambda: told_of(False))  # noqa: FBT003 - the value that is looked for
        waiting[0] = True
        _until(lambda: told_of(True))  # noqa: FBT003 - the value that is looked for
        sink.close()


def test_a_model_whose_file_name_is_no_text_is_told_of(broker):
    status = dataclasses.replace(STATUS, model="caf\udce9.tflite")
    with _listener(broker.port) as told:
        sink = Mqtt(MqttConfig(f"mqtt://127.0.0.1:{broker.port}/cam"), NAMES, lambda: status)
        _until(lambda: "cam/status" in dict(told))
        sink.close()
    assert json.loads(dict(told)["cam/status"])["model"] == status.model


def test_home_assistant_is_told_of_a_sensor_for_each_class(broker):
    with _listener(broker.port) as told:
        sink = Mqtt(MqttConfig(f"mqtt://127.0.0.1:{broker.port}/cam", discovery=True), NAMES, lambda: STATUS)
        _until(lambda: len([topic for topic, _ in told if topic.startswith("homeassistant/")]) == 4)
        sink.close()
    sensor = json.loads(dict(told)["homeassistant/sensor/cam/person_share/config"])
    assert sensor["state_topic"] == "cam/frame"
    assert sensor["expire_after"] == 60
    assert sensor["value_template"] == '{{ (value_json.class_share["person"] * 100) | round(1) }}'


def test_a_broker_that_was_gone_is_told_again_when_it_is_back(broker, monkeypatch):
    monkeypatch.setattr(mqtt, "_CONNECTS_WITHIN_S", 0.0)
    sink = Mqtt(MqttConfig(f"mqtt://127.0.0.1:{broker.port}/cam", per_second=1000), NAMES, lambda: STATUS)

    def works():
        with contextlib.suppress(OutputError):
            sink.write(_frame(), None)
            return True
        return False

    _until(works)
    broker.kill()
    _until(lambda: not works())
    broker.start()
    with _listener(broker.port) as told:
        _until(lambda: works() and any(topic == "cam/frame" for topic, _ in told))
    sink.close()


def test_a_broker_that_is_not_there_holds_up_nothing(monkeypatch):
    pytest.importorskip("paho.mqtt.client", reason="needs the extra mqtt")
    monkeypatch.setattr(mqtt, "_CONNECTS_WITHIN_S", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    began_at = time.monotonic()
    sink = Mqtt(MqttConfig(f"mqtt://secret:word@127.0.0.1:{port}/cam"), NAMES, lambda: STATUS)
    with pytest.raises(OutputError, match="no connection") as caught:
        sink.write(_frame(), None)
    sink.close()
    sink.close()
    assert time.monotonic() - began_at < 3
    assert "secret" not in str(caught.value)
    assert "word@" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://broker/cam", "mqtt:///cam", "mqtt://broker:banana/cam", "mqtt://broker/a/#", "broker", "mqtt://a..b/cam"],
)
def test_what_is_no_broker_is_wrong_usage(url):
    with pytest.raises(UsageError, match="--mqtt"):
        check_mqtt(MqttConfig(url))


@pytest.mark.parametrize(
    "url",
    [
        "mqtt://user:hunter2@broker/a/#",
        "mqtt://user:hunter2/x@broker/a",
        "mqtt://user:x/hunter2@broker/a",
        "mqtt://user:hunter2#x@broker/a",
        "mqtt://user:x?hunter2@broker/a",
        "mqtt://user:hunter2\u2100@broker/a",
        "mqtt://user:hunter2://@broker:port/a",
        "user:hunter2@broker/a",
    ],
)
def test_a_password_is_not_shown_in_an_error(url):
    with pytest.raises(UsageError) as caught:
        check_mqtt(MqttConfig(url))
    assert "hunter2" not in str(caught.value)
    assert "broker" in caught.value.message


def test_a_rate_that_is_not_above_zero_is_wrong_usage():
    with pytest.raises(UsageError, match="--mqtt-per-second 0"):
        check_mqtt(MqttConfig("mqtt://broker", per_second=0))
