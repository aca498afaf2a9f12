"""Compare, print and keep: ``python -m arm64.result --help`` tells the arguments."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arm64.agreement import Agreement, compare_files
from fcn_edge import atomic
from fcn_edge.machine.environment import find_environment

KIND = "test_arm64"
MISSED = 3


@dataclass(frozen=True, slots=True)
class TestRun:
    """The device tests on one emulated processor.

    Attributes:
        cpu: Its name.
        passed: Number of tests.
        skipped: Likewise.
        failed: Likewise, errors included.
        emulated_s: By file, under emulation on this machine; no board takes so long.
    """

    cpu: str
    passed: int
    skipped: int
    failed: int
    emulated_s: dict[str, float]


def read_tests(path: Path, cpu: str) -> TestRun:
    """Read pytest's own JUnit file."""
    passed = skipped = failed = 0
    seconds: dict[str, float] = {}
    # Written a moment ago by our own pytest.
    for case in ET.parse(path).getroot().iter("testcase"):  # noqa: S314
        name = case.get("classname", "").removeprefix("tests.")
        seconds[name] = seconds.get(name, 0.0) + float(case.get("time", "0"))
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return TestRun(cpu, passed, skipped, failed, {name: round(total, 1) for name, total in seconds.items()})


def table(tests: list[TestRun], found: list[Agreement]) -> str:
    """Make the lines that the tool prints at the end."""
    lines = [f"{t.cpu}: {t.passed} passed, {t.skipped} skipped, {t.failed} failed" for t in tests]
    lines.append("| file | CPU model | runtime | scores that differ | by up to | classes that differ |")
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for a in found:
        unit = " steps" if a.integer else ""
        counts = f"{a.scores_differ:,} of {a.scores:,} | {a.largest_difference:.3g}{unit}"
        lines.append(f"| {a.file} | {a.cpu} | {a.runtime} | {counts} | {a.labels_differ} of {a.labels:,} |")
    lines += [f"WRONG: {a.file} on {a.cpu}: {fault}" for a in found for fault in a.faults]
    return "\n".join(lines)


def main() -> int:
    """Compare what was written under WORK, print a table, write the result; 3 where machines disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="with CPU.npz, CPU.json and CPU.xml")
    parser.add_argument("models", type=Path)
    parser.add_argument("cpus", nargs="+", metavar="CPU")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE")
    args = parser.parse_args()
    found: list[Agreement] = []
    tests: list[TestRun] = []
    machines: dict[str, Any] = {}
    for cpu in args.cpus:
        told = json.loads((args.work / f"{cpu}.json").read_text(encoding="utf-8"))
        machines[cpu] = told
        tflite = "litert" if "ai-edge-litert" in told["packages"] else "tflite-runtime"
        # The same runtime here as there: versions of it differ by more steps than processors do.
        here, there = args.work / f"here.{tflite}.npz", args.work / f"{cpu}.npz"
        found += compare_files(here, there, args.models, cpu=cpu, tflite=tflite)
        if (args.work / f"{cpu}.xml").exists():
            tests.append(read_tests(args.work / f"{cpu}.xml", cpu))
    agreed = not any(a.faults for a in found)
    content = {
        "agreed": agreed,
        "emulated": machines,
        "tests": [dataclasses.asdict(t) for t in tests],
        "models": [{**dataclasses.asdict(a), "faults": a.faults} for a in found],
        "env": dataclasses.asdict(find_environment()),
    }
    atomic.write_report(args.json, KIND, content)
    print(table(tests, found))
    return 0 if agreed else MISSED


if __name__ == "__main__":
    sys.exit(main())
