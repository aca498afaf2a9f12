"""What an examination finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["ok", "note", "warning", "fault"]

# From what is fine to what keeps models or cameras from running.
LEVELS: tuple[Level, ...] = ("ok", "note", "warning", "fault")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        code: A name for programs, which stays the same between versions: ``opencv_twice``.
        level: ``ok``; ``note``: worth knowing; ``warning``: slower, or some things do not work; ``fault``: models or
            cameras will not run.
        text: What was found, where, in one sentence without a full stop.
        command: The one line to type that mends it; None where none would.
        advice: What to do where no command mends it, as one sentence.
    """

    code: str
    level: Level
    text: str
    command: str | None = None
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """What one check found."""

    name: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Unproven:
    """Something this package supports that was never run on the hardware it is for.

    Attributes:
        name: ``picamera2``, say.
        what: What it is for.
        here: This machine has it.
    """

    name: str
    what: str
    here: bool


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """The whole examination.

    Attributes:
        machine: What was examined: board, processor, system, Python, versions.
        sections: In the order of the checks.
        unproven: What has not yet been run on hardware.
        seconds: How long it took.
    """

    machine: Mapping[str, Any]
    sections: tuple[Section, ...]
    unproven: tuple[Unproven, ...] = ()
    seconds: float = 0.0

    def findings(self, level: Level | None = None) -> Iterator[Finding]:
        """Go through all findings, or those of one level."""
        for section in self.sections:
            for finding in section.findings:
                if level in (None, finding.level):
                    yield finding

    def count(self, level: Level) -> int:
        """Count the findings of a level."""
        return sum(1 for _ in self.findings(level))

    def passed(self, *, strict: bool = False) -> bool:
        """Tell whether there is no fault, and with *strict* no warning either."""
        return not self.count("fault") and not (strict and self.count("warning"))

    def to_dict(self) -> dict[str, Any]:
        """Give the content of the JSON file."""
        return {
            "passed": self.passed(),
            "counts": {level: self.count(level) for level in LEVELS},
            "machine": dict(self.machine),
            "findings": [
                {
                    "section": section.name,
                    "code": finding.code,
                    "level": finding.level,
                    "text": finding.text,
                    "command": finding.command,
                    "advice": finding.advice,
                }
                for section in self.sections
                for finding in section.findings
            ],
            "not_yet_run_on_hardware": [
                {"name": unproven.name, "what": unproven.what, "here": unproven.here} for unproven in self.unproven
            ],
            "seconds": round(self.seconds, 2),
        }
