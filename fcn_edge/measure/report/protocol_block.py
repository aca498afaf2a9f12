"""How a benchmark was made, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def protocol_paragraphs(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Write the paragraphs from the result's own configuration."""
    return f"How it was measured. {_sampling(content)}", _statistics(content)


def _sampling(content: Mapping[str, Any]) -> str:
    config, blocks = content["config"], len(content["blocks"])
    rounds = max(len(variant["rounds"]) for variant in content["variants"])
    looks = content["looks"]
    extended = "" if looks == 1 else f" The figures did not decide at once; the rounds were run {looks} times."
    repeats = [variant for variant in content["variants"] if variant["repeats"] > 1]
    inside = ", ".join(f"{variant['repeats']} calls of {variant['name']}" for variant in repeats)
    short = f" A sample is the mean of {inside}, because one alone is too short to time." if repeats else ""
    return (
        f"{rounds} fresh process{'es' if rounds != 1 else ''}, {blocks} blocks in {content['seconds']:.0f} s, on "
        f"{content['inputs']}. In each block every model, and a second session of the reference, ran a burst of "
        f"{config['burst']} calls on the same picture in random order (seed {config['seed']}); the first "
        f"{config['dropped']} of a burst do not count.{short}{extended} Before, each session was called until its "
        f"times had settled.{_apart(content)}"
    )


def _apart(content: Mapping[str, Any]) -> str:
    """Say what was measured outside the blocks."""
    passes = [
        name
        for key, name in (("memory", "memory"), ("layers", "the operations"))
        if any(variant.get(key) for variant in content["variants"])
    ]
    own = f"; {' and '.join(passes)} in processes of their own" if passes else ""
    return f" Loading and the first call were timed apart{own}."


def _statistics(content: Mapping[str, Any]) -> str:
    control = content["control"]
    planned = content["config"]["extensions"] + 1
    looks = f", corrected for {planned} looks" if planned > 1 else ""
    clock = ""
    if control.get("clock") == "processor":
        clock = (
            " Ratios are of the time on the processor, which what other programs take does not lengthen; milliseconds "
            "are of the time that passed."
        )
    return (
        "A ratio is the median over the blocks of the candidate's time to the reference's beside it, so that what "
        f"disturbs both cancels.{clock} Its interval is that of the sign test, exact for any distribution: "
        f"{100 * control['confidence']:.1f} %{looks}. Outliers are counted and never dropped. A percentile is given "
        "from 64 calls on for 90 %, 130 for 95 %, 662 for 99 %."
    )
