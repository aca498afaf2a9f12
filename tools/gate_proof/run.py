"""One run of ``fcn-edge gate`` as anyone starts it, in a process of its own, and what is kept of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn_edge.errors import FcnEdgeError
from fcn_edge.machine.processor import fastest
from gate_proof.scenario import LATENCY, Scenario, checks

# Exit codes with which a gate has given an answer.
_ANSWERED = (0, 3)
_PACKAGE = Path(__file__).resolve().parents[2] / "fcn_edge"
# What decides a gate's answer, apart from its files and arguments.
_DECIDING = ("measure/bench", "measure/gate", "measure/accuracy", "machine", "runtime")


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a gate said.

    Attributes:
        scenario: Its name.
        key: Of files, arguments and code; runs with another key are no evidence any more.
        number: Of the run within the scenario, from 1.
        at: When it began, seconds since 1970.
        right: Whether the answer is the one that the scenario wants, exit code included.
        verdict: Of the gate.
        exit_code: Of the process.
        ratio: Head time / base time, of the last benchmark.
        interval: Of the ratio.
        confirmation: The ratio of the benchmark that a failure must stand; None where there was none.
        control: The base against itself.
        looks: How often the figures were looked at.
        reliability: Of the benchmark.
        flags: Its doubts.
        failed: Names of the checks that failed.
        worst: Images named by those.
        load: Average number of programs that wanted a processor in the minute before it began.
        seconds: The whole process took.
    """

    scenario: str
    key: str
    number: int
    at: float
    right: bool
    verdict: str
    exit_code: int
    ratio: float | None
    interval: tuple[float, float] | None
    confirmation: float | None
    control: float | None
    looks: int | None
    reliability: str | None
    flags: tuple[str, ...]
    failed: tuple[str, ...]
    worst: tuple[str, ...]
    load: float
    seconds: float


def run_gate(scenario: Scenario, number: int, folder: Path) -> RunResult:
    """Run the gate once.

    Args:
        scenario: The situation.
        number: Of the run, from 1; the seed of the random order.
        folder: With the files.

    Raises:
        FcnEdgeError: The gate gave no answer.
    """
    key = key_of(scenario, folder)
    with tempfile.TemporaryDirectory(prefix="prove-gate-") as temporary, _busy(on=scenario.busy):
        target = Path(temporary) / "gate.json"
        command = [sys.executable, "-m", "fcn_edge", *arguments(scenario, folder)]
        command += ["--seed", str(number), "--quiet", "--json", str(target)]
        load, at, began = os.getloadavg()[0], time.time(), time.perf_counter()
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        seconds = time.perf_counter() - began
        if done.returncode not in _ANSWERED:
            raise FcnEdgeError(f"{scenario.name}: the gate gave no answer: {done.stderr.strip()}", hint="mend it first")
        gate = json.loads(target.read_text(encoding="utf-8"))
    expected = scenario.exit_code in (None, done.returncode)
    bench, check = gate["bench"] or {}, next((c for c in gate["checks"] if c["name"] == LATENCY), None)
    interval = None if check is None or check["interval"] is None else tuple(check["interval"])
    reliability = bench.get("reliability", {})
    images = dict.fromkeys(image["id"] for c in gate["checks"] for image in c["worst"] if c["verdict"] == "fail")
    return RunResult(
        scenario=scenario.name,
        key=key,
        number=number,
        at=round(at, 1),
        right=expected and scenario.right(gate),
        verdict=gate["verdict"],
        exit_code=done.returncode,
        ratio=None if check is None else check["value"],
        interval=interval,
        confirmation=_first_ratio(gate["confirmation"]),
        control=bench["control"]["ratio"] if bench else None,
        looks=bench.get("looks"),
        reliability=reliability.get("verdict"),
        flags=tuple(reliability.get("flags", ())),
        failed=tuple(checks(gate, "fail")),
        worst=tuple(images),
        load=round(load, 2),
        seconds=round(seconds, 1),
    )


def arguments(scenario: Scenario, folder: Path) -> list[str]:
    """Give the command line of a scenario, from ``gate`` on, without where results go."""
    given = ["gate", "--base", str(folder / scenario.base), "--head", str(folder / scenario.head)]
    if scenario.reference is not None:
        given += ["--reference", str(folder / scenario.reference)]
    return [*given, "--data", str(folder / scenario.data), "--threads", "1", *scenario.arguments]


def key_of(scenario: Scenario, folder: Path) -> str:
    """Identify what a scenario's answer depends on: files, data, arguments, and the code that measures and judges."""
    digest = hashlib.sha256(repr((scenario.arguments, scenario.busy)).encode())
    models = [folder / path for path in (scenario.base, scenario.head, scenario.reference) if path is not None]
    data = sorted(path for path in (folder / scenario.data).rglob("*") if path.is_file())
    code = sorted(path for part in _DECIDING for path in (_PACKAGE / part).rglob("*.py"))
    for path in (*models, *data, *code):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _first_ratio(bench: dict[str, Any] | None) -> float | None:
    return None if bench is None else float(bench["comparisons"][0]["ratio"])


@contextlib.contextmanager
def _busy(*, on: bool) -> Iterator[None]:
    """Keep one processor busy: the one that a measurement would choose for itself, which is the worst for it."""
    if not on:
        yield
        return
    code = f"import os; os.sched_setaffinity(0, {{{fastest(os.sched_getaffinity(0))}}})\nwhile True: pass"
    loop = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield
    finally:
        loop.kill()
        loop.wait()
