"""Stage times, rates and hand-over between threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn_edge.live.handover import Handover
from fcn_edge.live.timing import Rate, RecentRate, StageTimes


@pytest.mark.parametrize(
    ("frames", "given_percentiles"),
    [(0, ()), (1, ("p50",)), (63, ("p50",)), (64, ("p50", "p90")), (661, ("p50", "p90")), (662, ("p50", "p90", "p99"))],
)
def test_a_percentile_is_given_only_from_enough_samples(frames, given_percentiles):
    times = StageTimes(["inference"])
    for _ in range(frames):
        times.add([0.01])
    stats = times.stats()["inference"]
    assert tuple(name for name in ("p50", "p90", "p99") if getattr(stats, name) is not None) == given_percentiles


def test_the_total_is_summed_frame_by_frame():
    times = StageTimes(["wait", "inference"])
    for i in range(101):
        # The slower the one, the quicker the other: medians of the stages would add up to anything.
        times.add([i / 1000, (100 - i) / 1000])
    assert times.total().p50 == pytest.approx(100)
    assert times.total().p90 == pytest.approx(100)


def test_the_means_of_the_stages_add_up_to_the_mean_of_the_total():
    times = StageTimes(["wait", "inference"], capacity=8)
    for i in range(1000):
        times.add([i / 1000, i * i / 1e6])
    assert sum(stats.mean for stats in times.stats().values()) == pytest.approx(times.total().mean, abs=1e-3)


def test_memory_for_times_does_not_grow():
    times = StageTimes(["inference"], capacity=100)
    before = times.size_bytes
    for _ in range(10_000):
        times.add([0.01])
    assert times.size_bytes == before
    assert times.seen == times.total().n == 10_000


def test_percentiles_of_a_long_run_come_from_all_of_it():
    times = StageTimes(["inference"], capacity=1000)
    for i in range(20_000):
        times.add([i / 1000])
    assert times.stats()["inference"].p50 == pytest.approx(10_000, rel=0.1)


@given(events=st.integers(2, 200), per_second=st.floats(0.5, 500))
def test_evenly_spaced_events_have_the_rate_of_their_spacing(events, per_second):
    rate, recent = Rate(), RecentRate()
    for i in range(events):
        rate.add(i / per_second)
        recent.add(i / per_second)
    assert rate.per_second() == pytest.approx(per_second, abs=1e-3)
    assert recent.per_second() == pytest.approx(per_second, rel=1e-6)


def test_one_event_has_no_rate():
    rate = Rate()
    rate.add(1.0)
    assert rate.per_second() is None


def test_a_recent_rate_forgets_what_was_before():
    recent = RecentRate(window=5)
    for at in (*np.arange(100) * 1.0, *(99 + np.arange(1, 6) * 0.1)):
        recent.add(at)
    assert recent.per_second() == pytest.approx(10)


def test_when_events_stop_coming_the_recent_rate_falls():
    recent = RecentRate()
    for i in range(40):
        recent.add(i / 10)
    assert recent.per_second(3.9 + 0.25) == pytest.approx(10)
    assert recent.per_second(3.9 + 2.0) == pytest.approx(0.5)
    assert recent.per_second(3.9 + 100.0) == pytest.approx(0.01)


def test_a_full_queue_that_drops_keeps_the_newest():
    queue = Handover[int](2, drop_oldest=True)
    lost = [queue.put(i) for i in range(5)]
    assert lost == [None, None, 0, 1, 2]
    assert [queue.get(), queue.get()] == [3, 4]


def test_a_full_queue_that_blocks_loses_nothing():
    queue = Handover[int](1, drop_oldest=False)
    taken = []

    def consume():
        while (item := queue.get()) is not None:
            taken.append(item)

    consumer = threading.Thread(target=consume)
    consumer.start()
    assert {queue.put(i) for i in range(200)} == {None}
    queue.close()
    consumer.join()
    assert taken == list(range(200))


@pytest.mark.parametrize("drop_oldest", [True, False])
def test_a_closed_queue_takes_nothing_and_gives_what_is_left(drop_oldest):
    queue = Handover[int](3, drop_oldest=drop_oldest)
    queue.put(1)
    queue.close()
    assert queue.put(2) == 2
    assert [queue.get(), queue.get()] == [1, None]


def test_closing_wakes_a_producer_that_waits_for_room():
    queue = Handover[int](1, drop_oldest=False)
    queue.put(1)
    results = []
    producer = threading.Thread(target=lambda: results.append(queue.put(2)))
    producer.start()
    assert queue.close(discard=True) == [1]
    producer.join(5)
    assert results == [2]


def test_waiting_for_an_item_ends_after_the_timeout():
    assert Handover[int](1, drop_oldest=True).get(timeout_s=0.01) is None
