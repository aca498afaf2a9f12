"""What was proven: frozen data, its JSON, and a table."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn_edge import atomic
from fcn_edge.machine.environment import EnvironmentInfo, find_environment
from fcn_edge.machine.processor import int8_dot_products
from gate_proof.model_files import Facts
from gate_proof.run import RunResult
from gate_proof.scenario import Scenario
from gate_proof.slower import Sized

KIND = "prove_gate"


@dataclass(frozen=True, slots=True)
class ScenarioReport:
    """A scenario and its runs.

    Attributes:
        name: Of the scenario.
        what: In words, with the right answer.
        arguments: Of the gate, beside models and data.
        busy: A busy loop had one of the processors.
        wanted: Number of runs.
        right: Number of those with the right answer.
        true_ratio: Head time / base time by the processor's clock, apart from the gate; None where the files are equal
            or accuracy is judged.
        sized: The convolutions that make the head slower; None where there are none.
        runs: All of them.
    """

    name: str
    what: str
    arguments: tuple[str, ...]
    busy: bool
    wanted: int
    right: int
    true_ratio: float | None
    sized: Sized | None
    runs: tuple[RunResult, ...]

    @property
    def proven(self) -> bool:
        """Whether all wanted runs were made and were right."""
        return self.right == len(self.runs) >= self.wanted


@dataclass(frozen=True, slots=True)
class ProofReport:
    """A whole proof.

    Attributes:
        proven: Every scenario was, with all its runs.
        scenarios: In the order of the table.
        int8_dot_products: What the processor has for int8; None where the system does not tell.
        env: Where it ran.
    """

    proven: bool
    scenarios: tuple[ScenarioReport, ...]
    int8_dot_products: tuple[str, ...] | None
    env: EnvironmentInfo


def make_report(runs: Mapping[str, Sequence[RunResult]], scenarios: Sequence[Scenario], facts: Facts) -> ProofReport:
    """Put together what is known.

    Args:
        runs: By name of the scenario.
        scenarios: All of them, with the full number of runs, so that a shortened proof is not taken for a whole one.
        facts: About the files.
    """
    reports = tuple(
        ScenarioReport(
            name=scenario.name,
            what=scenario.what,
            arguments=scenario.arguments,
            busy=scenario.busy,
            wanted=scenario.runs,
            right=sum(run.right for run in runs[scenario.name]),
            true_ratio=facts.sized[scenario.head].ratio if scenario.head in facts.sized else None,
            sized=facts.sized.get(scenario.head),
            runs=tuple(runs[scenario.name]),
        )
        for scenario in scenarios
    )
    return ProofReport(all(report.proven for report in reports), reports, int8_dot_products(), find_environment())


def write_result(path: Path | str, report: ProofReport) -> None:
    """Write a report as JSON.

    Raises:
        OutputError: The file cannot be written.
    """
    atomic.write_report(path, KIND, dataclasses.asdict(report))


def table(report: ProofReport) -> str:
    """Make the lines that the tool prints at the end."""
    lines = []
    for scenario in report.scenarios:
        mark = "proven" if scenario.proven else "OPEN  " if scenario.right == len(scenario.runs) else "WRONG "
        lines.append(f"{mark}  {scenario.right} of {len(scenario.runs)} (wanted {scenario.wanted}): {scenario.what}")
        ratios = [run.ratio for run in scenario.runs if run.ratio is not None]
        if ratios:
            seconds = statistics.median(run.seconds for run in scenario.runs)
            true = "" if scenario.true_ratio is None else f", by the processor's clock {scenario.true_ratio:.3f}"
            spread = f"ratios {min(ratios):.3f} to {max(ratios):.3f}{true}"
            lines.append(f"        {spread}; {seconds:.0f} s a run")
    return "\n".join(lines)


def line(run: RunResult) -> str:
    """Tell of one run."""
    ratio = "" if run.ratio is None else f"  {run.ratio:.4f}"
    interval = "" if run.interval is None else f" ({run.interval[0]:.3f} to {run.interval[1]:.3f})"
    again = "" if run.confirmation is None else f", again {run.confirmation:.4f}"
    failed = f"  failed: {', '.join(run.failed)}" if run.failed else ""
    flags = f"  [{', '.join(run.flags)}]" if run.flags else ""
    mark = "right" if run.right else "WRONG"
    answer = f"{run.verdict:<12}{ratio}{interval}{again}"
    return f"{run.scenario} {run.number:>2}: {mark}  {answer}  {run.seconds:.0f} s{failed}{flags}"
