"""How far a benchmark can be trusted."""

from __future__ import annotations

import dataclasses
import itertools
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn_edge.machine.reading import Reading
from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.measure.bench.doubt import Evidence, judge, verdict_of
from fcn_edge.measure.bench.evidence import drift
from fcn_edge.measure.bench.result import ComparisonStats, Flag
from fcn_edge.timing.intervals import latency_stats

FLAGS = get_args(Flag)
VERDICTS = ("reliable", "degraded", "unreliable")
QUIET_PI = Reading(
    load_1m=0.2,
    pressure_cpu=0.01,
    steal_s=0.0,
    busy_s=100.0,
    temperature_c=50.0,
    governor="performance",
    throttled_now=False,
    throttled_since_boot=False,
    undervoltage_now=False,
    undervoltage_since_boot=False,
)


def quiet(
    *, ms: float = 10.0, blocks: int = 100, rounds: int = 5, scatter: float = 0.005, seed: int = 0, **changes
) -> Evidence:
    """Make what is seen of a quiet machine; *scatter* is of single calls."""
    drawn = np.random.default_rng(seed)
    number = np.sort(np.arange(blocks) % rounds)
    # Fresh processes scatter by 0.4 %, and times have a tail to the right.
    of_round = 1 + 0.004 * drawn.standard_normal(rounds)
    calls = ms * of_round[number][:, None] * (1 + scatter * drawn.gamma(2.0, 0.7, (blocks, 3)))
    evidence = Evidence(
        config=BenchConfig(),
        before=QUIET_PI,
        after=dataclasses.replace(QUIET_PI, busy_s=130.0, temperature_c=60.0),
        usable_cpus=4.0,
        threads=1,
        control=ComparisonStats("a (control)", "a", 1.001, (0.999, 1.003), 0.983, blocks, (1.0,) * rounds),
        block_medians_ms=np.median(calls, axis=1),
        round_medians_ms=np.array([np.median(calls[number == i]) for i in np.unique(number)]),
        latency={"a": latency_stats(calls)},
        steady=True,
        seconds=30.0,
    )
    return dataclasses.replace(evidence, **changes)


def with_times(evidence: Evidence, calls) -> Evidence:
    return dataclasses.replace(
        evidence, block_medians_ms=np.median(calls, axis=1), latency={"a": latency_stats(np.asarray(calls))}
    )


def after(**changes) -> Evidence:
    evidence = quiet()
    return dataclasses.replace(evidence, after=dataclasses.replace(evidence.after, **changes))


def before(**changes) -> Evidence:
    evidence = quiet()
    return dataclasses.replace(evidence, before=dataclasses.replace(evidence.before, **changes))


def control(ratio: float, ci: tuple[float, float] | None) -> Evidence:
    return quiet(control=dataclasses.replace(quiet().control, ratio=ratio, ci=ci))


def calls(factors, *, scatter: float = 0.005) -> Evidence:
    drawn = np.random.default_rng(1)
    times = 10.0 * np.asarray(factors)[:, None] * (1 + scatter * drawn.standard_normal((len(factors), 3)))
    return with_times(quiet(), times)


@given(
    ms=st.floats(1e-3, 1e5),
    blocks=st.integers(64, 300),
    rounds=st.integers(1, 15),
    scatter=st.floats(0, 0.03),
    seed=st.integers(0, 1000),
)
def test_a_quiet_machine_gives_no_cause_for_doubt_whatever_the_model_takes(ms, blocks, rounds, scatter, seed):
    found = judge(quiet(ms=ms, blocks=blocks, rounds=rounds, scatter=scatter, seed=seed))

    assert (found.verdict, found.flags, found.doubts) == ("reliable", (), ())


def test_a_machine_that_tells_nothing_gives_none_either():
    assert judge(quiet(before=Reading(), after=Reading())).verdict == "reliable"


def test_what_happened_before_the_start_does_not_count():
    old = {"throttled_since_boot": True, "undervoltage_since_boot": True, "throttle_events": 7, "steal_s": 90.0}
    evidence = quiet()
    evidence = dataclasses.replace(
        evidence,
        before=dataclasses.replace(evidence.before, **old),
        after=dataclasses.replace(evidence.after, **old),
    )
    assert judge(evidence).flags == ()


@pytest.mark.parametrize(
    ("flag", "evidence", "verdict"),
    [
        ("throttled", after(throttled_now=True), "unreliable"),
        ("throttled", before(throttled_now=True), "unreliable"),
        ("throttled", after(throttled_since_boot=True), "unreliable"),
        (
            "throttled",
            dataclasses.replace(before(throttle_events=7), after=after(throttle_events=9).after),
            "unreliable",
        ),
        ("undervoltage", after(undervoltage_now=True), "unreliable"),
        ("undervoltage", before(undervoltage_now=True), "unreliable"),
        ("undervoltage", after(undervoltage_since_boot=True), "unreliable"),
        ("drift", calls(np.linspace(1, 1.1, 100)), "degraded"),
        ("drift", calls(np.linspace(1.1, 1, 100)), "degraded"),
        ("drift", calls(np.where(np.arange(100) < 50, 1, 1.07)), "degraded"),
        ("aa_control", control(1.012, (1.005, 1.02)), "unreliable"),
        ("aa_control", control(0.988, (0.98, 0.995)), "unreliable"),
        ("aa_control", control(1.03, (0.9, 1.2)), "unreliable"),
        ("aa_control", control(0.97, None), "unreliable"),
        ("interference", after(steal_s=2.0), "degraded"),
        ("interference", after(pressure_cpu=0.4), "degraded"),
        ("noisy", calls(np.ones(100), scatter=0.12), "degraded"),
        ("noisy", calls(np.ones(100), scatter=0.5), "unreliable"),
        ("noisy", calls(np.where(np.arange(100) % 10 == 5, 3, 1)), "degraded"),
        ("noisy", quiet(round_medians_ms=np.array([1, 1.12, 1, 1.12, 1])), "degraded"),
        ("busy", before(load_1m=3.8, pressure_cpu=None), "degraded"),
        ("busy", before(load_1m=3.8, pressure_cpu=0.3), "degraded"),
        ("oversubscribed", quiet(threads=4), "degraded"),
        ("oversubscribed", quiet(threads=1, usable_cpus=1.0), "degraded"),
        ("oversubscribed", quiet(threads=2, usable_cpus=1.5), "degraded"),
        ("oversubscribed", quiet(threads=1, usable_cpus=0.5), "degraded"),
        ("not_steady", quiet(steady=False), "degraded"),
        ("few_blocks", quiet(blocks=63), "unreliable"),
        ("few_blocks", quiet(blocks=1), "unreliable"),
    ],
)
def test_each_doubt_is_raised_by_what_it_is_named_for(flag, evidence, verdict):
    found = judge(evidence)

    assert flag in found.flags
    assert found.verdict == verdict
    assert tuple(doubt.flag for doubt in found.doubts) == found.flags


@pytest.mark.parametrize(
    "evidence",
    [
        control(1.004, (1.001, 1.006)),
        control(1.015, (0.99, 1.03)),
        calls(np.linspace(1, 1.03, 100)),
        before(load_1m=40.0, pressure_cpu=0.0),
        before(load_1m=2.9),
        before(throttled_since_boot=None),
        after(steal_s=0.1),
        quiet(threads=1, usable_cpus=1.5),
        quiet(threads=3, usable_cpus=4.0),
    ],
)
def test_what_is_usual_is_no_cause_for_doubt(evidence):
    assert judge(evidence).flags == ()


def test_own_threads_waiting_for_each_other_are_not_called_interference():
    crowded = dataclasses.replace(after(pressure_cpu=0.6), threads=4)

    assert judge(crowded).flags == ("oversubscribed",)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_a_handful_of_blocks_shows_no_drift(count):
    assert drift(np.linspace(1, 2, count)) == 0.0


@given(seed=st.integers(0, 10_000), blocks=st.integers(64, 200))
def test_noise_alone_is_hardly_ever_called_drift(seed, blocks):
    heavy_tails = np.exp(0.3 * np.random.default_rng(seed).standard_t(2, blocks))

    assert drift(heavy_tails) == 0.0


@given(factor=st.floats(1.06, 3), scale=st.floats(1e-3, 1e4))
def test_drift_is_the_change_from_beginning_to_end_in_any_unit(factor, scale):
    step = np.where(np.arange(90) < 45, 1.0, factor)

    assert drift(scale * step) == pytest.approx(factor - 1)
    assert drift(scale * step[::-1]) == pytest.approx(1 / factor - 1)


def test_processes_that_differ_are_told_by_the_figures_that_the_result_gives_of_them():
    alike = dataclasses.replace(quiet(), round_medians_ms=np.array([11.75, 11.76]))
    apart = dataclasses.replace(quiet(), round_medians_ms=np.array([10.0, 11.0, 12.0]))

    assert judge(alike).flags == ()
    assert [doubt.detail for doubt in judge(apart).doubts] == ["a differed by 20.0 % between processes"]


@given(st.sets(st.sampled_from(FLAGS)), st.sampled_from(FLAGS), st.booleans())
def test_a_flag_more_never_makes_the_verdict_better(flags, added, intense):
    fewer = verdict_of(tuple(flags), intense=intense)
    more = verdict_of((*flags, added), intense=intense)

    assert VERDICTS.index(more) >= VERDICTS.index(fewer)


def test_only_no_flag_at_all_is_reliable():
    assert verdict_of(()) == "reliable"
    assert all(verdict_of((flag,)) != "reliable" for flag in FLAGS)


def test_each_doubt_gives_a_figure_or_a_fact_and_what_to_do():
    worst = dataclasses.replace(
        with_times(quiet(), 10 * np.exp(np.linspace(0, 1, 30))[:, None] * [1.0, 1.4, 0.5]),
        round_medians_ms=10 * np.exp(np.linspace(0, 1, 5)),
        before=dataclasses.replace(QUIET_PI, load_1m=9.0, pressure_cpu=0.5),
        after=dataclasses.replace(
            QUIET_PI,
            throttled_now=True,
            undervoltage_now=True,
            temperature_c=84.0,
            governor="ondemand",
            steal_s=5.0,
            busy_s=110.0,
            power_mode="15W",
        ),
        threads=8,
        control=dataclasses.replace(quiet().control, ratio=1.1),
        steady=False,
    )
    found = judge(worst)

    assert found.flags == FLAGS
    assert found.verdict == "unreliable"
    for doubt in found.doubts:
        assert doubt.detail
        assert doubt.hint
        assert not doubt.detail.endswith(".")
    words = {doubt.flag: f"{doubt.detail} / {doubt.hint}" for doubt in found.doubts}
    assert "84 °C" in words["throttled"]
    assert "nvpmodel" in words["throttled"]
    assert "echo performance | sudo tee" in words["drift"]
    assert "33.3 %" in words["interference"]
    assert "--threads 3" in words["oversubscribed"]
    assert "30 blocks in 30 s, but 64" in words["few_blocks"]
    assert "--time-budget 96" in words["few_blocks"]


def test_a_fixed_clock_is_not_to_be_fixed():
    assert "scaling_governor" not in judge(quiet(steady=False)).doubts[0].hint


def test_doubts_come_in_one_order():
    for first, second in itertools.pairwise(judge(quiet(threads=8, steady=False, blocks=3)).flags):
        assert FLAGS.index(first) < FLAGS.index(second)
