"""What was proven: frozen data, its JSON, and a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fcn_edge import atomic
from fcn_edge.machine.environment import find_environment
from fcn_edge.machine.reading import take_reading

KIND = "prove_camera"


@dataclass(frozen=True, slots=True)
class Bar:
    """One thing that has to hold.

    Attributes:
        what: In words.
        value: What was measured.
        limit: What it is held against.
        at_least: The value has to be at least the limit, else at most.
        unit: Of both.
    """

    what: str
    value: float
    limit: float
    at_least: bool = False
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether it holds."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class ScenarioReport:
    """A scenario that was run.

    Attributes:
        name: Of the scenario.
        what: In words.
        seconds: How long it took.
        bars: What had to hold.
        figures: What else was measured.
        load_1m: Load average of the machine before it.
        key: Of code, model and minutes; a run with another key is no evidence for what is there now.
        whole: Nothing of it was shortened.
        error: Why it came to no end; empty where it did.
    """

    name: str
    what: str
    seconds: float
    bars: tuple[Bar, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)
    load_1m: float | None = None
    key: str = ""
    whole: bool = True
    error: str = ""


def to_plain(report: ScenarioReport) -> dict[str, Any]:
    """Give a scenario as plain data for JSON."""
    plain = dataclasses.asdict(report)
    plain["bars"] = [{**dataclasses.asdict(bar), "met": bar.met} for bar in report.bars]
    return plain


def all_met(scenarios: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether every scenario came to its end and every bar holds."""
    return all(not s["error"] and s["bars"] and all(bar["met"] for bar in s["bars"]) for s in scenarios)


def write_result(path: Path, scenarios: Sequence[Mapping[str, Any]], current: Mapping[str, str]) -> None:
    """Write all scenarios, finished now or before.

    Args:
        path: The file.
        scenarios: As plain data.
        current: Name of every scenario there is to its key now.
    """
    keys = {scenario["name"]: scenario["key"] for scenario in scenarios}
    content = {
        "met": all_met(scenarios),
        # With one left out or shortened, or measured with other code, it is no proof of what is there now.
        "complete": keys == dict(current) and all(scenario["whole"] for scenario in scenarios),
        "scenarios": list(scenarios),
        "env": dataclasses.asdict(find_environment()),
    }
    atomic.write_report(path, KIND, content)


def table(scenarios: Sequence[Mapping[str, Any]]) -> str:
    """Give a line for each bar: whether it is met, what, measured, limit."""
    lines = []
    for scenario in scenarios:
        if scenario["error"]:
            lines.append(f"FAILED  {scenario['name']}: {scenario['error']}")
        for bar in scenario["bars"]:
            sign = "at least" if bar["at_least"] else "at most"
            unit = f" {bar['unit']}" if bar["unit"] else ""
            mark = "met   " if bar["met"] else "MISSED"
            text = f"{mark}  {scenario['name']}: {bar['what']}: {number(bar['value'])}{unit}"
            lines.append(f"{text} ({sign} {number(bar['limit'])})")
    return "\n".join(lines)


def number(value: float) -> str:
    """Write a number with as many digits as say something."""
    if value == int(value):
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"  # noqa: PLR2004 - three digits either way


def load_1m() -> float | None:
    """Tell how busy the machine was in the last minute."""
    return take_reading().load_1m
