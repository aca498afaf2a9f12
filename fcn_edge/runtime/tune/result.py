"""What a run of ``tune`` found, for people and programs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fcn_edge.machine.environment import EnvironmentInfo
from fcn_edge.model_file import TuneChoice
from fcn_edge.runtime.tune.candidate import Candidate

Verdict = Literal["chosen", "equal", "slower", "too_slow", "disagrees", "failed", "not_measured"]


@dataclass(frozen=True, slots=True)
class CandidateStats:
    """What became of a candidate.

    Attributes:
        candidate: It.
        verdict: ``chosen``; ``equal``: as fast within the noise or 3 %; ``slower``; ``too_slow`` to be timed;
            ``disagrees`` with the reference; ``failed``; ``not_measured``: the time ran out or the user ended it.
        reason: In words.
        agreement: Share of pixels with the reference's class; None where it gave no masks.
        load_ms: From the file to a loaded model; None where it failed.
        call_ms: Median of single calls beside nothing else; None where there were none.
        median_ms: Of the timing, one inference; None where it was not timed.
        ratio: Median of its time over the chosen one's, in pairs; None where it was not timed.
        ci: Interval of *ratio*, 95 % at least; None where it was not timed.
        pairs: How many.
    """

    candidate: Candidate
    verdict: Verdict
    reason: str
    agreement: float | None = None
    load_ms: float | None = None
    call_ms: float | None = None
    median_ms: float | None = None
    ratio: float | None = None
    ci: tuple[float, float] | None = None
    pairs: int = 0


@dataclass(frozen=True, slots=True)
class TuneReport:
    """What ``tune`` found.

    Attributes:
        model: What was asked for.
        reference: Name of the candidate whose masks the others had to give.
        pictures: In words.
        class_shares: What share of the pictures the reference gives each class, by name.
        candidates: The chosen one first, then by time, then those that were not timed.
        absent: Backends that are not here, and why.
        choice: None where nothing could be measured.
        cache: Where the choice is kept; None where it is not.
        notes: Doubts, in plain words.
        interrupted: The user ended it; what was measured until then decided.
        seconds: How long it took.
        env: The machine.
    """

    model: str
    reference: str
    pictures: str
    class_shares: dict[str, float]
    candidates: tuple[CandidateStats, ...]
    absent: dict[str, str]
    choice: TuneChoice | None
    cache: Path | None
    notes: tuple[str, ...]
    interrupted: bool
    seconds: float
    env: EnvironmentInfo

    def to_dict(self) -> dict[str, Any]:
        """Give the content of ``tune --json``."""
        choice = None if self.choice is None else {**dataclasses.asdict(self.choice), "path": str(self.choice.path)}
        return {
            "model": self.model,
            "reference": self.reference,
            "pictures": self.pictures,
            "class_shares": self.class_shares,
            "candidates": [_entry(stats) for stats in self.candidates],
            "absent": self.absent,
            "choice": choice,
            "cache": None if self.cache is None else str(self.cache),
            "notes": list(self.notes),
            "interrupted": self.interrupted,
            "seconds": round(self.seconds, 3),
            "env": dataclasses.asdict(self.env),
        }


def _entry(stats: CandidateStats) -> dict[str, Any]:
    candidate = stats.candidate
    kept = {field.name: getattr(stats, field.name) for field in dataclasses.fields(stats) if field.name != "candidate"}
    return {
        "name": candidate.name,
        "path": str(candidate.path),
        "backend": candidate.backend,
        "threads": candidate.threads,
        "delegate": candidate.delegate,
        **kept,
        "ci": None if stats.ci is None else list(stats.ci),
    }
