"""Looking at the machine while the camera runs: heat, throttling, memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from fcn_edge.live.frame import Clock
from fcn_edge.machine.memory import resident_and_peak_mb
from fcn_edge.machine.reading import Reading, take_reading

EVERY_S = 5.0
# By then every buffer has been made and every library has settled.
SETTLED_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class WatchStats:
    """What was seen of the machine; None where it does not tell.

    Attributes:
        temperature_c: The highest.
        throttled: It slowed itself down at some time.
        undervoltage: Its supply was too weak at some time.
        resident_mb: Memory of this process at the end, in MB of 1,000,000 bytes.
        resident_peak_mb: At most.
        resident_growth_mb: By how much it grew after the first minute.
    """

    temperature_c: float | None
    throttled: bool | None
    undervoltage: bool | None
    resident_mb: float | None
    resident_peak_mb: float | None
    resident_growth_mb: float | None


class MachineWatch:
    """Takes a reading every five seconds in a thread of its own: on a Raspberry Pi that starts programs.

    Args:
        look: Takes one reading.
        memory: Resident memory of this process now and at most, in MB.
        every_s: Seconds between readings.
        settled_after_s: From when on memory should not grow.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        look: Callable[[], Reading] = take_reading,
        memory: Callable[[], tuple[float, float] | None] = resident_and_peak_mb,
        every_s: float = EVERY_S,
        settled_after_s: float = SETTLED_AFTER_S,
        clock: Clock = time.monotonic,
    ) -> None:
        self.newest = Reading()
        self.memory_mb: float | None = None
        self._look = look
        self._memory = memory
        self._every_s = every_s
        self._settled_after_s = settled_after_s
        self._clock = clock
        self._hottest: float | None = None
        self._throttled: bool | None = None
        self._undervoltage: bool | None = None
        self._settled_mb: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="fcn-edge-watch", daemon=True)
        self._began_at = clock()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """End; a look that is being taken is not waited for long."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(1.0)

    def take(self) -> None:
        """Look once."""
        reading = self._look()
        self.newest = reading
        if reading.temperature_c is not None:
            self._hottest = max(reading.temperature_c, self._hottest or reading.temperature_c)
        self._throttled = _ever(self._throttled, reading.throttled_now)
        self._undervoltage = _ever(self._undervoltage, reading.undervoltage_now)
        memory = self._memory()
        self.memory_mb = None if memory is None else memory[0]
        if self._settled_mb is None and self._clock() - self._began_at >= self._settled_after_s:
            self._settled_mb = self.memory_mb

    def stats(self) -> WatchStats:
        """Sum up, with a last look at the memory."""
        memory = self._memory()
        now, peak = memory if memory is not None else (None, None)
        growth = None if now is None or self._settled_mb is None else round(now - self._settled_mb, 2)
        return WatchStats(self._hottest, self._throttled, self._undervoltage, _rounded(now), _rounded(peak), growth)

    def _work(self) -> None:
        while not self._stop.is_set():
            self.take()
            self._stop.wait(self._every_s)


def _ever(before: bool | None, now: bool | None) -> bool | None:
    return before if now is None else bool(before) or now


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
