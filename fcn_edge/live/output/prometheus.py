"""Figures of a run for a monitoring system: ``/metrics`` in Prometheus' text format."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge import optional
from fcn_edge.errors import OutputError, UsageError
from fcn_edge.live.result import Result
from fcn_edge.live.status import AskStatus, LiveStatus

_LARGEST_PORT = 65535
_REQUEST_S = 5.0
_MB = 1_000_000
_S = 1e-3


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    """Where figures are served. They hold no picture, yet tell whether somebody is there: by default to this machine.

    Attributes:
        port: 0 for any that is free.
        host: Address to listen at.
    """

    port: int
    host: str = "127.0.0.1"


def check_metrics(config: MetricsConfig) -> None:
    """See that *config* can be.

    Raises:
        UsageError: The port is out of range.
    """
    if not 0 <= config.port <= _LARGEST_PORT:
        raise UsageError(f"--metrics-port {config.port}: expected 0 to {_LARGEST_PORT}", hint="use --metrics-port 9108")


class Metrics:
    """Answers scrapes with one look at the run each; between them it does nothing.

    Args:
        config: Where.
        ask: Takes a look.

    Raises:
        UsageError: See :func:`check_metrics`.
        MissingPackageError: prometheus-client is not installed.
        OutputError: The port cannot be had.
    """

    name = "metrics"
    needs_picture = False
    needs_frame = False

    def __init__(self, config: MetricsConfig, ask: AskStatus) -> None:
        check_metrics(config)
        client = optional.load("prometheus_client", feature="--metrics-port", extra="metrics")
        registry = client.CollectorRegistry()
        registry.register(_Collector(optional.load("prometheus_client.core", feature="metrics", extra="metrics"), ask))
        try:
            server, thread = client.start_http_server(config.port, config.host, registry=registry)
        except OSError as error:
            message = f"--metrics-port {config.port}: cannot listen at {config.host}:{config.port}: {error.strerror}"
            raise OutputError(message, hint="use another port, or 0 for any that is free") from error

        class Handler(server.RequestHandlerClass):  # type: ignore[misc,name-defined] # only known at run time
            # Whoever connects and says nothing is not waited for.
            timeout = _REQUEST_S

            def handle(self) -> None:
                # Whoever goes away in the middle is no news: Python would print a traceback for each.
                with contextlib.suppress(OSError):
                    super().handle()

        server.RequestHandlerClass = Handler
        self._server: Any | None = server
        self._thread = thread
        self.port: int = server.server_port

    def write(self, result: Result, picture_bgr: NDArray[np.uint8]) -> None:
        """Nothing to do: figures are taken when somebody asks."""

    def close(self) -> None:
        """Stop listening. May be called twice."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            self._thread.join(1.0)


class _Collector:
    """Turns one look at a run into metrics."""

    def __init__(self, core: Any, ask: AskStatus) -> None:  # noqa: ANN401 - no common type of its metric families
        self._core = core
        self._ask = ask

    def collect(self) -> Iterator[Any]:
        """Give the metric families; Prometheus' client calls it for each scrape."""
        status = self._ask()
        yield from self._counters(status)
        yield from self._labelled(status)
        health = status.health
        gauges = {
            "fcn_edge_camera_fps": (status.camera_fps, "Frames that the source delivered a second, lately"),
            "fcn_edge_processed_fps": (status.processed_fps, "Frames that became a mask a second, lately"),
            "fcn_edge_capture_to_result_seconds": (_scaled(status.age_ms, _S), "From capture to mask, newest frame"),
            "fcn_edge_inference_seconds": (_scaled(status.inference_ms, _S), "Time in the model, newest frame"),
            "fcn_edge_source_up": (float(not health.waiting), "1 while the source gives frames, 0 while it is lost"),
            "fcn_edge_cpu_temperature_celsius": (status.temperature_c, "Of the processor"),
            "fcn_edge_cpu_throttled": (_truth(status.throttled), "1 while the machine slows itself down"),
            "fcn_edge_undervoltage": (_truth(status.undervoltage), "1 while the supply is too weak"),
            "fcn_edge_resident_memory_bytes": (_scaled(status.memory_mb, _MB), "Memory of this process"),
            "fcn_edge_running_seconds": (status.running_s, "Since the run began"),
        }
        for name, (value, text) in gauges.items():
            # What the machine does not tell is left out rather than made up.
            if value is not None:
                yield self._core.GaugeMetricFamily(name, text, value=value)

    def _counters(self, status: LiveStatus) -> Iterator[Any]:
        health = status.health
        counters = {
            "fcn_edge_frames_captured": (status.captured, "Frames that the source delivered"),
            "fcn_edge_frames_processed": (status.processed, "Frames that became a mask"),
            "fcn_edge_source_losses": (health.losses, "How often the source was lost"),
            "fcn_edge_source_reconnects": (health.reconnects, "How often the source came back"),
            "fcn_edge_source_gaps": (health.gaps, "Frames that came more than three frame times late"),
        }
        for name, (value, text) in counters.items():
            yield self._core.CounterMetricFamily(name, text, value=value)
        dropped = self._core.CounterMetricFamily(
            "fcn_edge_frames_dropped", "Frames that did not become a mask", labels=["cause"]
        )
        for cause, count in status.dropped_by_cause.items():
            dropped.add_metric([cause], count)
        yield dropped

    def _labelled(self, status: LiveStatus) -> Iterator[Any]:
        shares = self._core.GaugeMetricFamily("fcn_edge_class_share", "Of the newest picture, 0 to 1", labels=["class"])
        for name, share in status.class_share.items():
            shares.add_metric([name], share)
        failed = self._core.GaugeMetricFamily("fcn_edge_output_failed", "1 while an output fails", labels=["output"])
        dropped = self._core.CounterMetricFamily(
            "fcn_edge_output_results_dropped", "Results that an output did not take", labels=["output"]
        )
        for name, output in status.outputs.items():
            failed.add_metric([name], float(bool(output.error)))
            dropped.add_metric([name], output.dropped)
        info = self._core.InfoMetricFamily("fcn_edge_run", "What runs")
        told = {"model": status.model, "runtime": status.runtime, "source": status.source}
        # Names of files need not be text.
        info.add_metric([], {name: text.encode(errors="replace").decode() for name, text in told.items()})
        yield from (shares, failed, dropped, info)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _truth(value: bool | None) -> float | None:
    return None if value is None else float(value)
