"""First minute against last, and what was seen of the machine."""

from __future__ import annotations

import pytest

from fcn_edge.live.sustained import SustainedTimes
from fcn_edge.live.watch import MachineWatch
from fcn_edge.machine.reading import Reading


def test_a_run_that_slows_down_shows_it():
    times = SustainedTimes(minute_s=1.0)
    for i in range(300):
        # Ten frames a second for ten seconds, five a second after that.
        at = i / 10 if i < 100 else 10 + (i - 100) / 5
        times.add(at, 0.05 if i < 100 else 0.1, 0.06 if i < 100 else 0.12)
    stats = times.stats()
    assert (stats.first_minute.fps, stats.first_minute.inference_ms) == (pytest.approx(10), pytest.approx(50))
    assert (stats.last_minute.fps, stats.last_minute.inference_ms) == (pytest.approx(5), pytest.approx(100))
    assert stats.last_minute.capture_to_result_ms == pytest.approx(120)
    assert (stats.first_minute.begins_s, stats.first_minute.frames) == (0.0, 10)
    assert stats.last_minute.begins_s == pytest.approx(48.8, abs=0.21)


@pytest.mark.parametrize("seconds", [0, 1.5])
def test_a_run_of_less_than_two_minutes_has_no_first_and_last(seconds):
    times = SustainedTimes(minute_s=1.0)
    for i in range(int(seconds * 10)):
        times.add(i / 10, 0.01, 0.01)
    assert times.stats() is None


def test_only_as_many_frames_of_a_minute_are_kept_as_there_is_room():
    times = SustainedTimes(minute_s=60.0)
    for i in range(60_000):
        times.add(i / 400, 0.001, 0.002)
    stats = times.stats()
    assert stats.first_minute.frames == stats.last_minute.frames == 1 << 14
    assert stats.last_minute.fps == pytest.approx(400)


def test_the_worst_that_was_seen_of_the_machine_is_kept():
    readings = iter(
        [
            Reading(temperature_c=50.0, throttled_now=False),
            Reading(temperature_c=81.5, throttled_now=True),
            Reading(temperature_c=60.0),
        ]
    )
    watch = MachineWatch(look=lambda: next(readings), memory=lambda: (100.0, 120.0))
    for _ in range(3):
        watch.take()
    stats = watch.stats()
    assert (stats.temperature_c, stats.throttled, stats.undervoltage) == (81.5, True, None)
    assert watch.newest.temperature_c == 60.0


def test_growth_of_memory_counts_from_when_it_has_settled():
    now, memory = [0.0], [(50.0, 50.0)]
    watch = MachineWatch(look=Reading, memory=lambda: memory[0], clock=lambda: now[0], settled_after_s=60)
    watch.take()
    assert watch.stats().resident_growth_mb is None
    for at, resident in ((60.0, 90.0), (65.0, 91.0), (600.0, 92.5)):
        now[0], memory[0] = at, (resident, 95.0)
        watch.take()
    stats = watch.stats()
    assert (stats.resident_mb, stats.resident_peak_mb, stats.resident_growth_mb) == (92.5, 95.0, 2.5)


def test_where_the_system_does_not_tell_nothing_is_made_up():
    watch = MachineWatch(look=Reading, memory=lambda: None)
    watch.take()
    stats = watch.stats()
    assert (stats.temperature_c, stats.resident_mb, stats.resident_growth_mb) == (None, None, None)


def test_it_looks_by_itself_until_it_is_closed():
    looks = []
    watch = MachineWatch(look=lambda: looks.append(1) or Reading(), memory=lambda: None, every_s=0.01)
    watch.start()
    while len(looks) < 3:
        pass
    watch.close()
    seen = len(looks)
    assert seen >= 3
    watch.close()
    assert len(looks) == seen
