"""How hot and how fast the processor is, read often and cheaply."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

from fcn_edge.machine.kernel import CPUS, ROOT, find, read_number, read_text
from fcn_edge.machine.processor import allowed_cpus

_MILLI = 1000
# Sensors that are switched off answer with values such as -256 or 0.
_SENSIBLE_C = (1, 130)
_CPU_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "soc_thermal")
_LONGEST_NUMBER = 32
# Reading takes about 2 microseconds a file; a server has a clock for each of its hundred processors.
_MOST_FILES = 16


class Gauge:
    """Reads temperature and clock again and again: files are found and opened once, and only read afterwards.

    A reading takes some microseconds on most machines, so it can stand between two measurements. On a Raspberry Pi the
    clock is the one the kernel asked for; the real one takes a program to find out, which is too slow here.

    Args:
        root: Of the file system in which ``sys`` lies.
        allowed: Numbers of the processors whose clock counts; None for those this process may run on.
    """

    def __init__(self, root: Path = ROOT, *, allowed: Collection[int] | None = None) -> None:
        self._temperatures = _opened(temperature_files(root))
        self._clocks = _opened(clock_files(root, allowed))

    def temperature_c(self) -> float | None:
        """Give the hottest of the processor's sensors; None where there is none."""
        degrees = [value / _MILLI for file in self._temperatures if (value := _number(file)) is not None]
        return max((value for value in degrees if _SENSIBLE_C[0] < value < _SENSIBLE_C[1]), default=None)

    def clock_mhz(self) -> float | None:
        """Give the clock of the fastest of the processors; None where the system does not tell."""
        khz = [value for file in self._clocks if (value := _number(file))]
        return max(khz) / _MILLI if khz else None

    def close(self) -> None:
        """Close the files; afterwards nothing is known any more. May be called twice."""
        for file in (*self._temperatures, *self._clocks):
            os.close(file)
        self._temperatures, self._clocks = [], []

    def __del__(self) -> None:
        # Files by their numbers are not closed by Python itself. Where __init__ failed there is nothing to close.
        with contextlib.suppress(AttributeError, OSError):
            self.close()


def temperature_files(root: Path = ROOT) -> list[Path]:
    """List the files with the processor's temperature in thousandths of a degree, best source first found."""
    zones = [
        (path / "temp", (read_text(path / "type") or "").lower())
        for path in find(root, "sys/class/thermal/thermal_zone*")
    ]
    # Of names such as cpu-thermal, CPU-therm, bigcore0-thermal, x86_pkg_temp.
    of_cpu = [path for path, kind in zones if any(word in kind for word in ("cpu", "core", "x86_pkg"))]
    if of_cpu:
        return of_cpu
    chips = find(root, "sys/class/hwmon/hwmon*")
    # The first sensor is the whole chip's; those of single cores follow it.
    of_chip = [path / "temp1_input" for path in chips if read_text(path / "name") in _CPU_CHIPS]
    return of_chip or [path for path, kind in zones if "soc" in kind]


def clock_files(root: Path = ROOT, allowed: Collection[int] | None = None) -> list[Path]:
    """List the files with the processors' clocks in kHz, one for each group that shares a clock."""
    found: dict[Path, Path] = {}
    for folder in policies(root, allowed):
        found.setdefault(folder.resolve(), folder / "scaling_cur_freq")
    return list(found.values())


def policies(root: Path = ROOT, allowed: Collection[int] | None = None) -> list[Path]:
    """List the folders in which the kernel tells of the clocks of *allowed* processors, largest frequency first."""
    cpus = allowed_cpus() if allowed is None else allowed
    folders = [root / CPUS / f"cpu{cpu}" / "cpufreq" for cpu in sorted(cpus)]
    there = [folder for folder in folders if folder.is_dir()]
    return sorted(there, key=lambda folder: -(read_number(folder / "cpuinfo_max_freq") or 0))


def _opened(paths: list[Path]) -> list[int]:
    files = []
    for path in paths[:_MOST_FILES]:
        with contextlib.suppress(OSError):
            files.append(os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)))
    return files


def _number(file: int) -> int | None:
    try:
        return int(os.pread(file, _LONGEST_NUMBER, 0))
    except (OSError, ValueError):
        # A sensor that is switched off answers with an error or with "<unknown>".
        return None
