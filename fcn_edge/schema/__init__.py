"""JSON Schemas (2020-12) of the result files, one for each kind that a command writes.

A program that reads our results, in any language, finds here what it may rely on: the keys that are required stay. Keys
that are not named are allowed everywhere, because newer versions write more.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fcn_edge.errors import UsageError

__all__ = ["KINDS", "load_schema"]

_FOLDER = Path(__file__).parent
_SUFFIX = ".schema.json"

KINDS = (
    "baseline",
    "bench",
    "camera",
    "compare",
    "data",
    "doctor",
    "export",
    "gate",
    "history",
    "info",
    "models",
    "quickstart",
    "report",
    "segment",
    "train",
    "tune",
)


def load_schema(kind: str) -> dict[str, Any]:
    """Give the schema of the results of a kind, as JSON Schema 2020-12.

    Args:
        kind: As the result's key ``kind`` has it.

    Raises:
        UsageError: There is no such kind.
    """
    if kind not in KINDS:
        raise UsageError(f"there is no schema of kind {kind!r}", hint=f"kinds: {', '.join(KINDS)}")
    schema: dict[str, Any] = json.loads((_FOLDER / f"{kind}{_SUFFIX}").read_text(encoding="utf-8"))
    return schema
