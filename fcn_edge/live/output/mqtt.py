"""What the camera sees and how it is doing, for a broker: MQTT, with Home Assistant's discovery."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from fcn_edge import optional
from fcn_edge.errors import OutputError, UsageError
from fcn_edge.live.frame import Clock
from fcn_edge.live.output.frame_log import describe_frame
from fcn_edge.live.output.region import RegionFinder
from fcn_edge.live.result import Result
from fcn_edge.live.status import AskStatus

PASSWORD_VARIABLE = "FCN_EDGE_MQTT_PASSWORD"  # noqa: S105 - the name of a variable, not a password
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_BASE = "fcn-edge"
_DISCOVERY = "homeassistant/sensor"
_STATUS_EVERY_S = 10.0
_KEEP_ALIVE_S = 30
_LONGEST_PAUSE_S = 60
# Before that nobody is told that there is no connection yet.
_CONNECTS_WITHIN_S = 5.0
# A sensor of Home Assistant that hears nothing for so long is no longer shown as if it were true.
_FRESH_S = 60


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """Which broker, and what it is told.

    Attributes:
        url: ``mqtt://USER@HOST:PORT/BASE/TOPIC``, or ``mqtts://`` with TLS. The password comes from the environment
            (``FCN_EDGE_MQTT_PASSWORD``) or stands in the URL, where other users of the machine may see it.
        per_second: Frames told of a second, at most.
        discovery: Tell Home Assistant which sensors there are.
    """

    url: str
    per_second: float = 1.0
    discovery: bool = False


def check_mqtt(config: MqttConfig) -> None:
    """See that *config* names a broker.

    Raises:
        UsageError: Another scheme, no host, wildcards in the topic, or a rate that is not above 0.
    """
    shown = _shown(config.url)
    hint = f"write --mqtt mqtt://USER@HOST/TOPIC, and the password into {PASSWORD_VARIABLE}"
    try:
        parts = urlsplit(config.url)
        host, _ = (parts.hostname or "").encode("idna"), parts.port
    except ValueError:
        # What Python says of it may quote the password. In one with / or # the rest of it is taken for a path.
        message = f"--mqtt {shown}: its host or port cannot be read"
        raise UsageError(message, hint=hint) from None
    if parts.scheme not in _PORTS or not host:
        raise UsageError(f"--mqtt {shown}: expected mqtt://HOST/TOPIC or mqtts://HOST/TOPIC", hint=hint)
    if "+" in parts.path or parts.fragment or config.url.endswith("#"):
        # What follows # is a fragment of the URL.
        raise UsageError(f"--mqtt {shown}: + and # cannot be in a topic to publish to", hint=hint)
    if not 0 < config.per_second < float("inf"):
        message = f"--mqtt-per-second {config.per_second}: expected above 0"
        raise UsageError(message, hint="use --mqtt-per-second 1")


class Mqtt:
    """Publishes the newest frame at a set rate, and the run's status each ten seconds; nothing waits in a queue.

    The status goes on while no frame comes: that the source is lost is what people want to be told.

    Topics below the base: ``availability`` (``online``, ``offline``; retained, and the broker's last word when the
    camera is gone), ``status`` (retained) and ``frame``. A broker that is not there is tried again with growing pauses,
    for ever: boards start before brokers.

    Args:
        config: Which broker.
        class_names: In id order.
        ask: Takes a look at the run.
        clock: Monotonic seconds.
        now: The time of day.

    Raises:
        UsageError: See :func:`check_mqtt`.
        MissingPackageError: paho-mqtt is not installed.
    """

    name = "mqtt"
    needs_picture = False
    needs_frame = False

    def __init__(
        self,
        config: MqttConfig,
        class_names: Sequence[str],
        ask: AskStatus,
        *,
        clock: Clock = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        check_mqtt(config)
        paho = optional.load("paho.mqtt.client", feature="--mqtt", extra="mqtt")
        enums = optional.load("paho.mqtt.enums", feature="--mqtt", extra="mqtt")
        parts = urlsplit(config.url)
        self._base = parts.path.strip("/") or _BASE
        self._shown = _shown(config.url)
        self._config = config
        self._class_names = tuple(class_names)
        self._ask = ask
        self._clock = clock
        self._now = now
        self._find = RegionFinder(len(self._class_names))
        self._frame_at = float("-inf")
        self._refused = ""
        self._began_at = clock()
        client = paho.Client(enums.CallbackAPIVersion.VERSION2)
        if parts.scheme == "mqtts":
            client.tls_set()
        if parts.username:
            password = unquote(parts.password) if parts.password else os.environ.get(PASSWORD_VARIABLE)
            client.username_pw_set(unquote(parts.username), password)
        client.will_set(f"{self._base}/availability", "offline", qos=1, retain=True)
        client.reconnect_delay_set(1, _LONGEST_PAUSE_S)
        client.on_connect = self._connected
        # What could not be sent before is old by then.
        client.max_queued_messages_set(1)
        client.connect_async(str(parts.hostname), parts.port or _PORTS[parts.scheme], _KEEP_ALIVE_S)
        self._client: Any | None = client
        self._status_due = threading.Event()
        # From here on paho calls back.
        client.loop_start()
        self._thread = threading.Thread(target=self._tell_status, name="fcn-edge-mqtt-status", daemon=True)
        self._thread.start()

    def write(self, result: Result, picture_bgr: NDArray[np.uint8]) -> None:
        """Publish the frame if one is due.

        Raises:
            OutputError: The broker is not there, or refused.
        """
        del picture_bgr
        client, now = self._client, self._clock()
        if client is None or now - self._frame_at < 1 / self._config.per_second - 0.0005:
            return
        if not client.is_connected():
            if now - self._began_at < _CONNECTS_WITHIN_S:
                return
            reason = self._refused or "no connection"
            raise OutputError(f"--mqtt {self._shown}: {reason}", hint="see that the broker runs and its name is right")
        if client.want_write():
            # The last one is still on its way: a broker that does not read gets the next, and nothing piles up here.
            return
        self._frame_at = now
        regions = self._find(result.labels, result.shares)
        self._publish("frame", describe_frame(result, self._class_names, regions, self._now()))

    def close(self) -> None:
        """Say that the camera is gone, and disconnect. May be called twice."""
        client, self._client = self._client, None
        if client is None:
            return
        self._status_due.set()
        self._thread.join(1.0)
        try:
            if client.is_connected():
                # Where the broker has not answered the last word, this one finds no room.
                with contextlib.suppress(ValueError, RuntimeError):
                    client.publish(f"{self._base}/availability", "offline", qos=1, retain=True).wait_for_publish(1.0)
        finally:
            client.disconnect()
            client.loop_stop()

    def _tell_status(self) -> None:
        while (client := self._client) is not None:
            # A broker that does not read is let go by paho after some of these, so they do not pile up.
            if client.is_connected():
                self._publish("status", self._ask().to_dict(), retain=True)
            self._status_due.wait(_STATUS_EVERY_S)
            self._status_due.clear()

    def _publish(self, topic: str, content: Any, *, retain: bool = False) -> None:  # noqa: ANN401 - plain data
        client = self._client
        if client is not None:
            # In ASCII, because names of files need not be text.
            client.publish(f"{self._base}/{topic}", json.dumps(content), qos=0, retain=retain)

    def _connected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:  # noqa: ANN401 - paho's
        del userdata, flags, properties
        self._refused = f"refused: {reason}" if reason.is_failure else ""
        if reason.is_failure:
            return
        client.publish(f"{self._base}/availability", "online", qos=1, retain=True)
        self._status_due.set()
        if self._config.discovery:
            for topic, content in self._discovery():
                client.publish(topic, json.dumps(content), qos=0, retain=True)

    def _discovery(self) -> list[tuple[str, dict[str, Any]]]:
        """Give Home Assistant's messages: a sensor for each class's share, one for frames a second."""
        node = re.sub(r"[^A-Za-z0-9_-]", "_", self._base)
        device = {"identifiers": [node], "name": self._base, "manufacturer": "fcn-edge"}
        common = {
            "availability_topic": f"{self._base}/availability",
            "device": device,
            "state_class": "measurement",
            "expire_after": max(_FRESH_S, round(3 / self._config.per_second)),
        }
        found = []
        for name in self._class_names:
            key = re.sub(r"[^A-Za-z0-9_-]", "_", name)
            sensor = {
                "name": f"{name} share",
                "unique_id": f"{node}_{key}_share",
                "state_topic": f"{self._base}/frame",
                "value_template": "{{ (value_json.class_share[" + json.dumps(name) + "] * 100) | round(1) }}",
                "unit_of_measurement": "%",
            }
            found.append((f"{_DISCOVERY}/{node}/{key}_share/config", {**sensor, **common}))
        rate = {
            "name": "frames a second",
            "unique_id": f"{node}_processed_fps",
            "state_topic": f"{self._base}/status",
            "value_template": "{{ value_json.processed_fps }}",
            "unit_of_measurement": "fps",
        }
        return [*found, (f"{_DISCOVERY}/{node}/processed_fps/config", {**rate, **common})]


def _shown(url: str) -> str:
    """Give a URL as it may be shown: without user name and password, also where these are not written as they must."""
    head, _, host = url.rpartition("@")
    scheme, separator, _ = head.partition("://")
    return scheme + separator + host if separator else host
