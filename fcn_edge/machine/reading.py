"""What the machine does just now, in one reading."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fcn_edge.machine.kernel import ROOT, field, read_text
from fcn_edge.machine.sensor import Gauge, policies
from fcn_edge.machine.throttling import find_throttling, firmware_clock_mhz, power_mode
from fcn_edge.machine.tool import Runner, run_tool

__all__ = ["Gauge", "Reading", "take_reading"]

_KB = 1024
_MB = 1_000_000
# Of a line in /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal. Time of guests is in user already.
_BUSY = (0, 1, 2, 5, 6)
_STEAL = 7
_TICKS_S = 100


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
        throttle_events: How often the processor was slowed down since the start, where it counts (Intel, Jetson).
        time_in_state_s: Seconds since the start at each clock in MHz, of the fastest processor this process may use.
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
    throttle_events: int | None = None
    time_in_state_s: Mapping[str, float] | None = None


def take_reading(*, root: Path = ROOT, run: Runner = run_tool) -> Reading:
    """Look at the machine once; this may take some milliseconds, and on a Raspberry Pi or Jetson starts programs.

    Args:
        root: Of the file system in which ``proc`` and ``sys`` lie.
        run: Runs ``vcgencmd`` and ``nvpmodel``, on their boards only.
    """
    busy_s, steal_s = _processor_times(root)
    gauge = Gauge(root)
    throttling = find_throttling(root, run=run)
    folder = next(iter(policies(root)), None)
    reading = Reading(
        load_1m=_float((read_text(root / "proc/loadavg") or "").partition(" ")[0]),
        pressure_cpu=_pressure(root),
        steal_s=steal_s,
        busy_s=busy_s,
        temperature_c=gauge.temperature_c(),
        clock_mhz=firmware_clock_mhz(root, run=run) or gauge.clock_mhz() or _listed_clock_mhz(root),
        governor=None if folder is None else read_text(folder / "scaling_governor"),
        throttled_now=throttling.throttled_now,
        throttled_since_boot=throttling.throttled_since_boot,
        undervoltage_now=throttling.undervoltage_now,
        undervoltage_since_boot=throttling.undervoltage_since_boot,
        power_mode=power_mode(root, run=run),
        memory_free_mb=_memory_free_mb(root),
        throttle_events=throttling.throttle_events,
        time_in_state_s=None if folder is None else _time_in_state(folder),
    )
    gauge.close()
    return reading


def _processor_times(root: Path) -> tuple[float | None, float | None]:
    """Read busy and stolen time in seconds."""
    lines = (read_text(root / "proc/stat") or "").splitlines()
    first = lines[0].split() if lines else []
    if not first or first[0] != "cpu" or not all(value.isdigit() for value in first[1:]):
        return None, None
    hertz = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else _TICKS_S
    ticks = [int(value) for value in first[1:]]
    # Kernels of long ago had fewer columns.
    busy = sum(ticks[i] for i in _BUSY) / hertz if len(ticks) > max(_BUSY) else None
    return busy, ticks[_STEAL] / hertz if len(ticks) > _STEAL else None


def _pressure(root: Path) -> float | None:
    # some avg10=1.53 avg60=0.92 avg300=0.31 total=1234
    text = read_text(root / "proc/pressure/cpu") or ""
    line = next((line for line in text.splitlines() if line.startswith("some ")), "")
    percent = _float(line.partition("avg10=")[2].partition(" ")[0])
    return None if percent is None else percent / 100


def _listed_clock_mhz(root: Path) -> float | None:
    """Read the clock as x86 lists it where the kernel does not drive it, as in a virtual machine."""
    return _float(field(read_text(root / "proc/cpuinfo"), ["cpu mhz"]))


def _time_in_state(folder: Path) -> dict[str, float] | None:
    # Lines of kHz and hundredths of a second, slowest first or last.
    pairs = [line.split() for line in (read_text(folder / "stats" / "time_in_state") or "").splitlines()]
    times = {int(pair[0]): int(pair[1]) for pair in pairs if len(pair) == 2 and all(n.isdigit() for n in pair)}  # noqa: PLR2004 - a pair
    return {f"{khz / 1000:g}": times[khz] / 100 for khz in sorted(times)} or None


def _memory_free_mb(root: Path) -> float | None:
    # MemAvailable:    7654321 kB
    kilobytes = _float((field(read_text(root / "proc/meminfo"), ["memavailable"]) or "").partition(" ")[0])
    return None if kilobytes is None else round(kilobytes * _KB / _MB, 1)


def _float(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
