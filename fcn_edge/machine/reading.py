"""What the machine does just now, in one reading."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the machine; None where it does not tell.

    Attributes:
        load_1m: Load average of the last minute.
        pressure_cpu: Share of the last ten seconds in which some task waited for a processor, 0..1 (PSI).
        steal_s: Processor time that the hypervisor gave to others, summed since boot, in seconds.
        busy_s: Processor time in which all processors worked, summed since boot, in seconds.
        temperature_c: The hottest sensor of the processor.
        clock_mhz: Of the fastest processor this process may use.
        governor: What decides the clock, such as ``ondemand``.
        throttled_now: The board slows itself down: too hot, or its limits; None where it does not tell.
        throttled_since_boot: It has done so since it was started.
        undervoltage_now: Its supply is too weak.
        undervoltage_since_boot: It has been since it was started.
        power_mode: Of a Jetson, as ``nvpmodel -q`` names it.
        memory_free_mb: Memory that programs can still get, in MB of 1,000,000 bytes.
    """

    load_1m: float | None = None
    pressure_cpu: float | None = None
    steal_s: float | None = None
    busy_s: float | None = None
    temperature_c: float | None = None
    clock_mhz: float | None = None
    governor: str | None = None
    throttled_now: bool | None = None
    throttled_since_boot: bool | None = None
    undervoltage_now: bool | None = None
    undervoltage_since_boot: bool | None = None
    power_mode: str | None = None
    memory_free_mb: float | None = None
