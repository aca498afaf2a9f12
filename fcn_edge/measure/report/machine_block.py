"""The machine before and after a benchmark, as far as it told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fcn_edge.measure.report.block import Table
from fcn_edge.measure.wording import NONE

# Key of a reading: name, unit, decimals.
_READINGS = {
    "temperature_c": ("temperature", "°C", 1),
    "clock_mhz": ("clock", "MHz", 0),
    "governor": ("governor", "", 0),
    "power_mode": ("power mode", "", 0),
    "throttled_now": ("slowed down", "", 0),
    "throttled_since_boot": ("slowed down since it was started", "", 0),
    "undervoltage_now": ("supply too weak", "", 0),
    "undervoltage_since_boot": ("supply too weak since it was started", "", 0),
    "load_1m": ("load of the last minute", "", 2),
    "pressure_cpu": ("waiting for a processor", "%", 1),
    "memory_free_mb": ("free memory", "MB", 0),
}
_SUMS = {"steal_s": "taken by other machines of the host", "busy_s": "processors at work"}


def machine_table(content: Mapping[str, Any]) -> Table | None:
    """List the readings that either look gave; None without any."""
    before, after = content.get("before") or {}, content.get("after") or {}
    rows = []
    for key, (name, unit, decimals) in _READINGS.items():
        if before.get(key) is not None or after.get(key) is not None:
            texts = (_text(key, reading.get(key), unit, decimals) for reading in (before, after))
            rows.append((name, *texts))
    for key, name in _SUMS.items():
        if before.get(key) is not None and after.get(key) is not None:
            rows.append((f"{name}, meanwhile", NONE, f"{after[key] - before[key]:.1f} s"))
    if not rows:
        return None
    return Table(("machine", "before", "after"), tuple(rows), "lrr", "The machine before and after", detail=True)


def _text(key: str, value: Any, unit: str, decimals: int) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    scale = 100 if key == "pressure_cpu" else 1
    return f"{scale * value:.{decimals}f} {unit}".strip()
