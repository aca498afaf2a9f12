"""What an interval allows one to say, as rules that hold for any interval and any limit."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from gate_reports import bench_report
from hypothesis import given
from hypothesis import strategies as st

from fcn_edge.measure.bench.result import ComparisonStats
from fcn_edge.measure.gate.latency import ratio_check
from fcn_edge.measure.gate.result import Check
from fcn_edge.measure.gate.rule import ORDER, change, confirmed, enough_for, judge, overall, why_undecided

ends = st.floats(0.05, 20)
intervals = st.tuples(ends, ends).map(lambda pair: (min(pair), max(pair)))
limits = st.floats(1.03, 5)
verdicts = st.sampled_from(ORDER)
RANK = {"pass": 0, "inconclusive": 1, "fail": 2}


def check(verdict, name="latency", value=1.2):
    return Check(name, verdict, value, 1.1, "ratio", detail="found")


@given(intervals, limits, limits)
def test_a_higher_limit_never_makes_a_verdict_worse(interval, one, other):
    lower, higher = sorted((one, other))

    assert RANK[judge(interval, higher)] <= RANK[judge(interval, lower)]


@given(intervals, limits, st.floats(1, 3))
def test_a_slower_head_never_gets_a_better_verdict(interval, limit, slower):
    assert RANK[judge((interval[0] * slower, interval[1] * slower), limit)] >= RANK[judge(interval, limit)]


@given(intervals, limits)
def test_pass_and_fail_each_need_the_whole_interval_on_their_side(interval, limit):
    assert (judge(interval, limit) == "fail") == all(end > limit for end in interval)
    assert (judge(interval, limit) == "pass") == all(end < limit for end in interval)


@given(intervals, limits, st.floats(0, 0.5))
def test_a_narrower_interval_never_turns_pass_into_fail(interval, limit, share):
    low, high = interval
    inner = (low + share * (high - low), high - share * (high - low))
    pair = {judge(interval, limit), judge((min(inner), max(inner)), limit)}

    assert pair != {"pass", "fail"}


@given(st.floats(0.98, 1.0), st.floats(1.0, 1.02), limits)
def test_identical_models_pass_at_any_limit_that_is_allowed(low, high, limit):
    assert judge((low, high), limit) == "pass"


def test_too_few_pairs_decide_nothing():
    assert judge(None, 1.1) == "inconclusive"


@given(intervals, intervals, st.floats(0, 1), st.floats(0, 1))
def test_the_change_of_a_ratio_holds_every_quotient_of_the_two_intervals(now, before, one, other):
    low, high = change(now, before)
    quotient = (now[0] + one * (now[1] - now[0])) / (before[0] + other * (before[1] - before[0]))

    assert low * (1 - 1e-12) <= quotient <= high * (1 + 1e-12)


@given(intervals)
def test_an_unchanged_ratio_is_compatible_with_one(interval):
    low, high = change(interval, interval)

    assert low <= 1 <= high


@given(intervals, limits)
def test_the_benchmark_ends_exactly_when_a_verdict_is_there(interval, limit):
    comparison = ComparisonStats("head", "base", 1.0, interval, 0.98, 100, (1.0,))

    assert enough_for(limit)([comparison]) == (judge(interval, limit) != "inconclusive")


@given(intervals, limits, st.floats(0.8, 1.25))
def test_the_benchmark_ends_exactly_when_the_gate_has_a_verdict_also_where_the_control_is_off(interval, limit, control):
    report = bench_report(interval[0], interval, control=control)
    verdict = ratio_check(report, limit).verdict

    assert enough_for(limit)([*report.comparisons, report.control]) == (verdict != "inconclusive")


def test_a_control_that_is_off_keeps_a_benchmark_going():
    report = bench_report(1.08, (1.07, 1.09), control=0.97)

    assert enough_for(1.1)(report.comparisons) is True
    assert enough_for(1.1)([*report.comparisons, report.control]) is False


def test_a_control_alone_asks_nothing():
    assert enough_for(1.1)([bench_report(control=1.2).control]) is True


def test_a_benchmark_against_several_baselines_ends_when_each_would_decide():
    comparisons = bench_report(0.25, (0.24, 0.26)).comparisons

    assert enough_for(1.1, [(0.22, 0.23), (0.5, 0.5)])(comparisons) is False
    assert enough_for(1.1, [(0.5, 0.5)])(comparisons) is True


def test_a_benchmark_that_is_held_against_nothing_ends_at_once():
    assert enough_for(1.1, [])(bench_report(ci=None).comparisons) is True


@pytest.mark.parametrize("worse", range(len(ORDER)))
def test_the_worst_verdict_is_that_of_all(worse):
    for order in itertools.permutations(ORDER[worse:]):
        assert overall([check(verdict) for verdict in order]) == ORDER[worse]


@given(st.lists(verdicts, min_size=1))
def test_all_pass_only_if_each_does(found):
    assert (overall([check(v) for v in found]) == "pass") == (set(found) == {"pass"})
    assert (overall([check(v) for v in found]) == "fail") == ("fail" in found)


@given(verdicts, verdicts)
def test_a_failure_stands_only_if_it_repeats(first, second):
    found = confirmed(check(first), check(second)).verdict

    assert (found == "fail") == (first == second == "fail")
    assert found == first or (first == "fail" and found == "inconclusive")


def test_a_failure_that_did_not_repeat_says_what_was_seen_then():
    found = confirmed(check("fail"), check("pass", value=1.01))

    assert found.detail == "found; but this did not repeat: 1.010 in a second benchmark"
    assert "run again" in found.hint


def test_a_failure_whose_second_benchmark_is_in_doubt_says_so():
    second = dataclasses.replace(check("inconclusive", value=1.1), detail="seen again", hint="cool it")
    found = confirmed(check("fail"), second)

    assert found.detail == "found; but this could not be confirmed: 1.100 in a second benchmark: seen again"
    assert found.hint == "cool it"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (Check("latency", "inconclusive", 1.1, 1.1, "ratio", (1.05, 1.15)), "the figures allow both"),
        (Check("latency", "inconclusive", 1.0, 1.1, "ratio", None), "too little was measured"),
        (Check("budget", "inconclusive", 90.0, 25.0, "ms", (89.0, 91.0)), "the run cannot be trusted that far"),
        (confirmed(check("fail"), check("pass")), "a failure did not repeat"),
        (confirmed(check("fail"), check("inconclusive")), "a failure could not be confirmed"),
    ],
)
def test_what_stays_open_says_why(found, why):
    assert why_undecided(found.interval, found.limit, found.detail) == why
