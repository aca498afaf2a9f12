"""What is said before anything is timed, and what is remembered of the machine meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcn_edge.machine.reading import Reading
from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.measure.bench.job import SessionInfo
from fcn_edge.measure.bench.preflight import preflight
from fcn_edge.measure.bench.rounds import Plan, Watch, clock_for
from fcn_edge.measure.spec import VariantSpec


def a_plan(*, threads=1, own=None, pin=(0, 1, 2, 3)):
    spec = VariantSpec(Path("road.int8.tflite"), threads=own, name="road")
    return Plan((spec,), spec, BenchConfig(threads=threads), Path(), Path(), None, "none", pin)


def info(device="cpu"):
    return SessionInfo("road", "litert", "2.3.0", device, "xnnpack", (128, 128), 1.0)


def test_a_machine_that_is_fit_gets_no_note():
    assert preflight(a_plan(pin=None), Reading(governor="performance")) == ()


def test_threads_that_take_every_processor_are_told_before_the_timing():
    (threads, _) = preflight(a_plan(threads=4), Reading())

    assert threads == "note: 4 threads take all of 4 usable processors; fewer leave one for the rest"


def test_staying_on_the_fast_processors_is_told():
    assert preflight(a_plan(pin=(4, 5)), Reading()) == ("note: everything stays on the fast processors: 4, 5",)


def test_a_clock_that_follows_the_load_is_told_with_the_command_that_holds_it():
    (note,) = preflight(a_plan(pin=None), Reading(governor="ondemand"))

    assert "'ondemand'" in note
    assert "scaling_governor" in note


def test_throttling_between_rounds_is_not_missed():
    watch = Watch([Reading(throttled_now=False), Reading(throttled_now=True, temperature_c=85.0), Reading()])
    watch.readings.append(Reading(throttled_now=False, temperature_c=60.0))

    assert watch.last() == Reading(throttled_now=True, temperature_c=60.0)


def test_a_machine_that_does_not_tell_of_throttling_stays_unknown():
    assert Watch([Reading(), Reading()]).last().throttled_now is None


@pytest.mark.parametrize(
    ("plan", "device", "clock"),
    [
        (a_plan(), "cpu", "processor"),
        (a_plan(threads=2), "cpu", "wall"),
        (a_plan(own=2), "cpu", "wall"),
        (a_plan(threads=2, own=1), "cpu", "processor"),
        (a_plan(), "CUDAExecutionProvider", "wall"),
    ],
)
def test_ratios_are_of_processor_time_only_on_one_thread_of_the_cpu(plan, device, clock):
    assert clock_for(plan, [info(device)]) == clock
