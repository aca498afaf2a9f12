"""The runs that are finished, one JSON a line, so that a killed proof goes on where it stopped."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gate_proof.run import RunResult


def read(path: Path) -> list[RunResult]:
    """Read the finished runs; a line that a kill cut off is left out."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [_run(line) for line in lines if line.endswith("}")]


def append(path: Path, run: RunResult) -> None:
    """Add a finished run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Behind a line that a kill cut off, a new one begins.
    cut = path.is_file() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if cut else "") + json.dumps(dataclasses.asdict(run)) + "\n")


def of_scenario(runs: Iterable[RunResult], name: str, key: str) -> list[RunResult]:
    """Choose the runs of a scenario as it is now."""
    return [run for run in runs if run.scenario == name and run.key == key]


def _run(line: str) -> RunResult:
    values: dict[str, Any] = json.loads(line)
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return RunResult(**{**values, **lists})
