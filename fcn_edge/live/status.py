"""How a run is doing just now, as the page, a broker and a monitoring system are told."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fcn_edge.live.frame import WELL, SourceHealth


@dataclass(frozen=True, slots=True)
class OutputStatus:
    """How one output is doing.

    Attributes:
        written: Results it took.
        dropped: Results of a live source that came while it was busy or after it had failed.
        error: Why it takes none at present; empty while all is well.
    """

    written: int = 0
    dropped: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """One look at a run. What is not known is None.

    Attributes:
        running_s: Seconds since the run began.
        model: File name of the model.
        runtime: What runs it, such as ``litert 2.3.0, 1 thread``.
        source: What the user named, without the password of a URL.
        live: The newest frame counts, not every frame.
        health: Of the source.
        camera_fps: Frames the source delivered a second, lately.
        processed_fps: Frames that became a mask a second, lately.
        age_ms: From capture to mask, of the newest frame.
        inference_ms: Of the newest frame.
        captured: Frames delivered so far.
        processed: Frames that became a mask so far.
        dropped_by_cause: Frames that did not: ``newer_frame``, ``undecodable``.
        class_share: Class name to its share of the newest picture, 0..1.
        outputs: Name of each output to how it is doing.
        temperature_c: Of the processor.
        throttled: The machine slows itself down just now.
        undervoltage: The supply is too weak just now (Raspberry Pi).
        clock_mhz: Of the processor.
        memory_mb: Resident memory of this process, in units of 10^6 bytes.
    """

    running_s: float
    model: str
    runtime: str
    source: str
    live: bool
    health: SourceHealth = WELL
    camera_fps: float = 0.0
    processed_fps: float = 0.0
    age_ms: float | None = None
    inference_ms: float | None = None
    captured: int = 0
    processed: int = 0
    dropped_by_cause: Mapping[str, int] = field(default_factory=dict)
    class_share: Mapping[str, float] = field(default_factory=dict)
    outputs: Mapping[str, OutputStatus] = field(default_factory=dict)
    temperature_c: float | None = None
    throttled: bool | None = None
    undervoltage: bool | None = None
    clock_mhz: float | None = None
    memory_mb: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain data for JSON."""
        return dataclasses.asdict(self)


AskStatus = Callable[[], LiveStatus]
"""Takes one look; may be called from any thread, some times a second."""


def summarise(status: LiveStatus) -> str:
    """Say it in a line: ``29.9 FPS, 34 ms old, 1203 frames, 2 dropped, 61 °C; recording: no space left``."""
    if status.health.waiting:
        parts = [f"source lost: {status.health.note}" if status.health.note else "source lost"]
    else:
        age = "" if status.age_ms is None else f", {status.age_ms:.0f} ms old"
        parts = [f"{status.processed_fps:.1f} FPS{age}"]
    parts.append(f"{status.processed} frames, {sum(status.dropped_by_cause.values())} dropped")
    if status.temperature_c is not None:
        parts.append(f"{status.temperature_c:.0f} °C" + (", throttled" if status.throttled else ""))
    text = ", ".join(parts)
    errors = [f"{name.replace('_', ' ')}: {output.error}" for name, output in status.outputs.items() if output.error]
    return "; ".join([text, *errors])
