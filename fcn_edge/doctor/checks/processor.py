"""The processor: its clock, heat, supply, and how much of it a container leaves to us."""

from __future__ import annotations

from collections.abc import Iterator

from fcn_edge.doctor.finding import Finding
from fcn_edge.doctor.host import Host
from fcn_edge.machine.processor import allowed_cpus, cpu_name, int8_dot_products
from fcn_edge.machine.quota import quota_cpus
from fcn_edge.machine.reading import Reading, take_reading

_STEADY = ("performance", "userspace")
_HOT_C = 80.0
_WARM_C = 70.0
_HOLD = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
_COOL = "give it a heat sink or fan, and air"
_SUPPLY = "use the board's own power supply and a short cable, and plug cameras into a powered hub"


def check(host: Host) -> Iterator[Finding]:
    """Look at the processor."""
    reading = take_reading(root=host.root, run=host.run)
    name = cpu_name(host.root) or host.machine
    dot = int8_dot_products(root=host.root)
    int8 = "" if dot is None else (", with int8 dot products" if dot else ", without int8 dot products")
    yield Finding("processor", "ok", f"{name}, {len(allowed_cpus())} usable{int8}")
    quota = quota_cpus(host.root)
    if quota is not None:
        advice = (
            "give the container more, as with docker run --cpus" if quota < 1 else "use no more --threads than that"
        )
        text = f"a quota leaves {quota:g} processors to this process"
        yield Finding("cpu_quota", "warning" if quota < 1 else "note", text, advice=advice)
    yield from _clock(reading)
    yield from _heat(reading)
    yield from _supply(reading)


def _clock(reading: Reading) -> Iterator[Finding]:
    if reading.power_mode is not None:
        text = f"power mode {reading.power_mode}"
        if reading.power_mode.upper().startswith("MAXN"):
            yield Finding("power_mode", "ok", text)
        else:
            yield Finding("power_mode", "note", f"{text}: not the fastest", command="sudo nvpmodel -m 0")
    if reading.governor is None:
        return
    if reading.governor in _STEADY:
        yield Finding("governor", "ok", f"governor {reading.governor}: the clock is held")
    elif reading.governor == "powersave":
        # On Intel's own driver that is a governor like schedutil.
        yield Finding("governor", "note", "governor powersave: the clock may stay low", command=_HOLD)
    else:
        yield Finding("governor", "note", f"governor {reading.governor}: the clock follows the load", command=_HOLD)


def _heat(reading: Reading) -> Iterator[Finding]:
    degrees = reading.temperature_c
    if degrees is not None:
        text = f"{degrees:.0f} °C"
        if degrees >= _HOT_C:
            yield Finding("temperature", "warning", f"{text}: boards slow down from about 80 °C on", advice=_COOL)
        elif degrees >= _WARM_C:
            yield Finding("temperature", "note", f"{text}: near the 80 °C at which boards slow down", advice=_COOL)
        else:
            yield Finding("temperature", "ok", text)
    if reading.throttled_now:
        yield Finding("throttled", "warning", "the board slows itself down at this moment", advice=_COOL)
    elif reading.throttled_since_boot:
        times = "" if reading.throttle_events is None else f" ({reading.throttle_events} times)"
        yield Finding(
            "throttled_before", "warning", f"the board has slowed itself down since its start{times}", advice=_COOL
        )
    elif reading.throttled_now is not None:
        yield Finding("not_throttled", "ok", "not slowed down" + _since(reading.throttled_since_boot))


def _supply(reading: Reading) -> Iterator[Finding]:
    if reading.undervoltage_now:
        text = "the supply's voltage is too low at this moment"
        yield Finding("undervoltage", "fault", text, advice=_SUPPLY)
    elif reading.undervoltage_since_boot:
        text = "the supply's voltage has been too low since the start"
        yield Finding("undervoltage_before", "warning", text, advice=_SUPPLY)
    elif reading.undervoltage_now is not None:
        yield Finding(
            "voltage",
            "ok",
            "supply voltage good" + (", also since the start" if reading.undervoltage_since_boot is not None else ""),
        )


def _since(told: bool | None) -> str:
    return " now, nor since the start" if told is not None else " now"
