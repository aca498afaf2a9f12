"""Sampling contestants side by side, on a clock that only they move."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from fcn_edge.errors import UsageError
from fcn_edge.timing.paired import Contestant, SamplingConfig, sample

FEW = SamplingConfig(blocks=20, sample_ms=0.0)


class Machine:
    """A clock, and models whose calls take as long as they are told; *load* is what the machine's neighbours cost."""

    def __init__(self):
        self.now = 0.0
        self.load = 1.0
        self.calls = []

    def clock(self):
        return self.now

    def model(self, name, call_ms, *, inputs=8):
        def call(value):
            self.calls.append((name, value))
            self.now += self.load * (call_ms(value) if callable(call_ms) else call_ms) / 1000

        return Contestant(name, call, range(inputs))

    def sampled(self, *contestants, config=FEW):
        return sample(contestants, config, clock=self.clock)


@pytest.fixture
def machine():
    return Machine()


def bursts(machine, samples, burst=5):
    """The calls of each burst, warm-up left out."""
    count = samples.blocks * len(samples.series) * burst
    calls = machine.calls[-count:]
    return [calls[i : i + burst] for i in range(0, count, burst)]


def test_the_ratio_is_that_of_the_times(machine):
    samples = machine.sampled(machine.model("slow", 30.0), machine.model("fast", 12.0))

    assert samples.ratio("fast", "slow").ratio == pytest.approx(0.4)
    assert samples.ratio("slow", "fast").ratio == pytest.approx(2.5)
    assert samples.of("fast").latency_ms.p50 == pytest.approx(12.0)


def test_a_load_that_comes_and_goes_leaves_the_ratio_alone(machine):
    loads = np.random.default_rng(0)

    def fast(value):
        # Once in a while the machine becomes up to five times slower, for some blocks.
        if loads.random() < 0.01:
            machine.load = loads.uniform(1, 5)
        return 8.0

    samples = machine.sampled(
        machine.model("slow", 16.0), machine.model("fast", fast), config=SamplingConfig(blocks=100, sample_ms=0)
    )
    times = samples.of("fast").latency_ms

    assert times.p90 > 1.5 * times.min
    assert samples.ratio("fast", "slow").ratio == pytest.approx(0.5, rel=0.01)


def test_all_contestants_of_a_block_see_one_input_and_the_blocks_see_all(machine):
    samples = machine.sampled(machine.model("a", 2.0), machine.model("b", 3.0))
    seen = [{value for _, value in burst} for burst in bursts(machine, samples)]

    assert all(len(values) == 1 for values in seen)
    assert seen[0::2] == seen[1::2]
    assert set.union(*seen) == set(range(8))


def test_the_order_within_a_block_is_drawn_anew_and_comes_from_the_seed(machine):
    def order(seed):
        machine.calls.clear()
        contestants = [machine.model(name, 2.0) for name in "abc"]
        samples = machine.sampled(*contestants, config=SamplingConfig(blocks=20, sample_ms=0, seed=seed))
        return [burst[0][0] for burst in bursts(machine, samples)]

    first = order(1)

    assert first == order(1) != order(2)
    assert len({tuple(first[i : i + 3]) for i in range(0, 60, 3)}) == 6


def test_the_first_calls_of_a_burst_do_not_count(machine):
    previous = []

    def cold_when_new(name):
        def call_ms(value):
            previous.append(name)
            return 5.0 if previous[-3:] == [name] * 3 else 50.0

        return call_ms

    samples = machine.sampled(machine.model("a", cold_when_new("a")), machine.model("b", cold_when_new("b")))
    # Random order lets a contestant follow itself, so some of the dropped calls are warm; none of the kept is cold.
    assert samples.of("a").latency_ms.n == 60
    assert samples.of("a").times_ms.max() == pytest.approx(5.0)


def test_a_call_too_short_to_time_is_repeated(machine):
    samples = machine.sampled(
        machine.model("short", 0.03), machine.model("long", 4.0), config=SamplingConfig(blocks=6, sample_ms=1.0)
    )

    assert samples.of("short").repeats == 34
    assert samples.of("long").repeats == 1
    assert samples.of("short").latency_ms.p50 == pytest.approx(0.03)


def test_it_stops_before_the_block_that_would_not_end_in_time(machine):
    config = SamplingConfig(blocks=100, time_budget_s=1.0, sample_ms=0)
    samples = machine.sampled(machine.model("a", 10.0), machine.model("b", 10.0), config=config)

    assert samples.blocks == 10
    assert samples.seconds == pytest.approx(1.0)


def test_a_model_that_never_settles_is_said_to_be_unsteady(machine):
    calls = []

    def slower_and_slower(value):
        calls.append(value)
        return 10.0 * 1.02 ** len(calls)

    samples = machine.sampled(machine.model("drifting", slower_and_slower), machine.model("calm", 5.0))

    assert not samples.of("drifting").steady
    assert samples.of("calm").steady


def test_the_warm_up_is_ten_calls_and_a_second_at_least(machine):
    machine.sampled(machine.model("long", 300.0), config=SamplingConfig(blocks=1))
    assert len(machine.calls) == 10 + 5

    machine.calls.clear()
    machine.sampled(machine.model("short", 2.0), config=SamplingConfig(blocks=1))
    assert len(machine.calls) == pytest.approx(500 + 5, abs=2)


def test_the_collector_rests_while_times_are_taken(machine):
    states = []
    contestant = Contestant("a", lambda value: states.append(gc.isenabled()), range(8))

    def clock():
        machine.now += 0.05
        return machine.now

    sample([contestant], SamplingConfig(blocks=3), clock=clock)

    assert not any(states[-15:])
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("contestants", "config", "message"),
    [
        ((), SamplingConfig(), "nothing to time"),
        ((("a", 8), ("b", 8), ("a", 8)), SamplingConfig(), "a: is there twice"),
        ((("a", 7),), SamplingConfig(), "7 inputs, but 8 or more"),
        ((("a", 8), ("b", 9)), SamplingConfig(), "8 and 9 inputs"),
        ((("a", 8),), SamplingConfig(blocks=0), "leave nothing to time"),
        ((("a", 8),), SamplingConfig(burst=2), "leave nothing to time"),
    ],
)
def test_what_cannot_be_timed_is_refused_in_words(machine, contestants, config, message):
    models = [machine.model(name, 1.0, inputs=inputs) for name, inputs in contestants]

    with pytest.raises(UsageError, match=message):
        machine.sampled(*models, config=config)


def test_a_name_that_was_not_sampled_is_a_key_error(machine):
    samples = machine.sampled(machine.model("a", 2.0))

    with pytest.raises(KeyError, match="b"):
        samples.ratio("a", "b")
