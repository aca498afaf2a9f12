"""The benchmarks and comparisons in result files of any mix: a gate holds one of each."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fcn_edge.measure.report.result_file import ResultFile

# What a gate calls the models it times.
_ROLES = ("base", "head", "reference")


@dataclass(frozen=True, slots=True)
class Part:
    """A benchmark or a comparison.

    Attributes:
        source: Short name of its file, unique among the parts found together.
        content: Of a result of its kind.
    """

    source: str
    content: Mapping[str, Any]

    @property
    def board(self) -> str:
        """Where it was measured."""
        return str((self.content.get("env") or {}).get("board") or "unnamed board")


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What a comparison found of a model file.

    Attributes:
        variant: Its entry among the variants.
        agreement: With the reference, 0..1; None for the reference itself.
        part: The comparison.
        same_file: Whether the fingerprints are the same; False: only the file names are.
    """

    variant: Mapping[str, Any]
    agreement: float | None
    part: Part
    same_file: bool


def find_parts(results: Sequence[ResultFile], kind: str) -> tuple[Part, ...]:
    """Find all parts of a kind, ``bench`` or ``compare``, in the order of the files."""
    found = []
    for result in results:
        content = result.content if result.kind == kind else result.content.get(kind) if result.kind == "gate" else None
        if content:
            found.append((result.path, content))
    names = Counter(path.name for path, _ in found)
    return tuple(Part(path.name if names[path.name] == 1 else str(path), content) for path, content in found)


def find_accuracy(variant: Mapping[str, Any], bench: Part, comparisons: Sequence[Part]) -> Accuracy | None:
    """Find what comparisons say of a variant of a benchmark; None where they do not have it.

    The same file is preferred to one that only has its name, then one that has its name too, then the same board.
    """
    model = variant["model"]
    file_name = _file_name(model)
    found = []
    for part in comparisons:
        for other in part.content["variants"]:
            same_file = other.get("fingerprint") == model["fingerprint"]
            same_name = _file_name(other) == file_name
            if same_file or same_name:
                agreement = {a["candidate"]: a["pixel"] for a in part.content["agreement"]}.get(other["name"])
                rank = (same_file, same_name, part.board == bench.board)
                found.append((rank, Accuracy(other, agreement, part, same_file)))
    return max(found, key=operator.itemgetter(0))[1] if found else None


def runtime_text(variant: Mapping[str, Any]) -> str:
    """Write a variant's runtime, with device where it is not the processor, and threads."""
    runtime = variant["runtime"]
    device = "" if runtime["device"] == "cpu" else f" on {runtime['device']}"
    threads = runtime["threads"]
    return f"{runtime['backend']}{device}, {threads} thread{'' if threads == 1 else 's'}"


def label(variant: Mapping[str, Any]) -> str:
    """Name a variant so that it is known outside its own result: with its file where it only has a role in a gate."""
    name = str(variant["name"])
    return f"{_file_name(variant['model'])} ({name})" if name in _ROLES else name


def _file_name(model: Mapping[str, Any]) -> str:
    return str(model["path"]).rpartition("/")[2]
