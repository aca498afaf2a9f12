"""From values to places on a chart, and the round values to write beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

# Above this factor between the ends, a linear axis leaves no room for the small values.
_WIDE = 5.0
_TICKS = 5
_FEWEST_TICKS = 3


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from *low* to *high*, both in it; *log* needs low > 0. Round values below *first* are not written."""

    low: float
    high: float
    log: bool
    first: float = -math.inf

    def at(self, value: float) -> float:
        """Give the place of *value*, 0..1; values outside are put on the edge."""
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, max(value, self.low)))
        return min(1.0, (value - low) / (high - low))

    def ticks(self) -> list[float]:
        """Give round values within the axis, a handful of them."""
        if self.log:
            found = [
                digit * 10.0**exponent
                for exponent in range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
                for digit in (1, 2, 5)
            ]
            inside = [value for value in found if self.low <= value <= self.high]
            if len(inside) >= _FEWEST_TICKS:
                return inside if len(inside) <= 2 * _TICKS else [v for v in inside if f"{v:e}".startswith("1")]
        return self._even()

    def _even(self) -> list[float]:
        rough = (self.high - self.low) / _TICKS
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
        first, last = math.ceil(max(self.low, self.first) / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [count * step for count in range(first, last + 1)]


def axis_around(values: Iterable[float], *, log: bool | None = None) -> Axis:
    """Make an axis that holds all *values* with a little room; logarithmic where they are wide apart.

    Args:
        values: One at least.
        log: Decides the kind; all values must be above 0 for True.
    """
    known = list(values)
    low, high = min(known), max(known)
    if log is None:
        log = low > 0 and high > _WIDE * low
    if log:
        room = max((high / low) ** 0.04, 1.002)
        return Axis(low / room, high * room, log=True)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return Axis(max(0.0, low - room) if low >= 0 else low - room, high + room, log=False)


def tick_text(value: float) -> str:
    """Write a round value without trailing zeros."""
    return f"{value:.6g}"
