"""Whether the machine slows itself down: too hot, too little power, or a mode that was chosen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fcn_edge.machine.kernel import ROOT, board_model, field, find, read_number, read_text
from fcn_edge.machine.tool import Runner, run_tool

# Of the word that a Raspberry Pi's firmware gives: undervoltage, then clock capped, throttled, soft temperature limit;
# the same 16 bits further up for what has happened since the start.
_UNDERVOLTAGE = 0b0001
_SLOWED = 0b1110
_SINCE_BOOT = 16
_HEX = re.compile("(0x)?[0-9a-fA-F]+")
# Names of the kernel's own brakes on the clock, of several ages.
_BRAKES = ("cpufreq-", "thermal-cpufreq", "processor", "cpu-cap")


@dataclass(frozen=True, slots=True)
class Throttling:
    """What is known of it; the names mean what those of :class:`fcn_edge.machine.reading.Reading` do."""

    throttled_now: bool | None = None
    throttled_since_boot: bool | None = None
    throttle_events: int | None = None
    undervoltage_now: bool | None = None
    undervoltage_since_boot: bool | None = None


def find_throttling(root: Path = ROOT, *, run: Runner = run_tool) -> Throttling:
    """Find out what the board or the kernel tells.

    Args:
        root: Of the file system in which ``proc`` and ``sys`` lie.
        run: Runs ``vcgencmd``, on a Raspberry Pi only.
    """
    if is_raspberry_pi(root):
        word = _firmware_word(root, run)
        if word is not None:
            return _from_word(word)
    events = _events(root)
    return Throttling(
        throttled_now=_braked(root),
        throttled_since_boot=None if events is None else events > 0,
        throttle_events=events,
        undervoltage_now=_low_voltage_alarm(root),
    )


def firmware_clock_mhz(root: Path = ROOT, *, run: Runner = run_tool) -> float | None:
    """Give the clock that a Raspberry Pi's firmware really runs the processor at; None on other boards."""
    if not is_raspberry_pi(root):
        return None
    # frequency(48)=1500398464
    value = (run(["vcgencmd", "measure_clock", "arm"]) or "").partition("=")[2].strip()
    return int(value) / 1e6 if value.isdigit() and int(value) else None


def power_mode(root: Path = ROOT, *, run: Runner = run_tool) -> str | None:
    """Give the power mode of a Jetson by its name, such as ``15W`` or ``MAXN``; None on other boards."""
    if not is_jetson(root):
        return None
    named = field(run(["nvpmodel", "-q"]), ["nv power mode"])
    if named:
        return named
    # The program may want rights that we do not have; its own note does not: pmode:0002.
    number = field(read_text(root / "var/lib/nvpmodel/status"), ["pmode"])
    return f"mode {int(number)}" if number and number.isdigit() else None


def is_raspberry_pi(root: Path = ROOT) -> bool:
    """Tell whether the board calls itself a Raspberry Pi."""
    return "raspberry pi" in (board_model(root) or "").lower()


def is_jetson(root: Path = ROOT) -> bool:
    """Tell whether the board is a Jetson, by its name or by NVIDIA's release file."""
    return "jetson" in (board_model(root) or "").lower() or (root / "etc/nv_tegra_release").exists()


def _firmware_word(root: Path, run: Runner) -> int | None:
    # It answers throttled=0x50005, say.
    told = (run(["vcgencmd", "get_throttled"]) or "").partition("=")[2].strip()
    # Older kernels show the same without a program, and without the 0x.
    noted = [read_text(path) for path in find(root, "sys/devices/platform/soc*/*firmware/get_throttled")]
    words = [text for text in (told, *noted) if text and _HEX.fullmatch(text)]
    return int(words[0], 16) if words else None


def _from_word(word: int) -> Throttling:
    return Throttling(
        throttled_now=bool(word & _SLOWED),
        throttled_since_boot=bool(word & _SLOWED << _SINCE_BOOT),
        undervoltage_now=bool(word & _UNDERVOLTAGE),
        undervoltage_since_boot=bool(word & _UNDERVOLTAGE << _SINCE_BOOT),
    )


def _braked(root: Path) -> bool | None:
    """Tell whether the kernel holds the clock down because of heat."""
    states = [
        read_number(path / "cur_state")
        for path in find(root, "sys/class/thermal/cooling_device*")
        if (read_text(path / "type") or "").lower().startswith(_BRAKES)
    ]
    known = [state for state in states if state is not None]
    return any(known) if known else None


def _events(root: Path) -> int | None:
    """Count how often heat (Intel) or too high a current (Jetson) slowed the processor since the start."""
    # Every processor of a package shows the package's own count.
    packages = _counts(root, "sys/devices/system/cpu/cpu*/thermal_throttle/package_throttle_count")
    currents = _counts(root, "sys/class/hwmon/hwmon*/oc*_event_cnt")
    return max(packages, default=0) + sum(currents) if packages or currents else None


def _counts(root: Path, pattern: str) -> list[int]:
    return [count for path in find(root, pattern) if (count := read_number(path)) is not None]


def _low_voltage_alarm(root: Path) -> bool | None:
    alarms = [
        read_number(path / "in0_lcrit_alarm")
        for path in find(root, "sys/class/hwmon/hwmon*")
        if read_text(path / "name") == "rpi_volt"
    ]
    known = [alarm for alarm in alarms if alarm is not None]
    return any(known) if known else None
