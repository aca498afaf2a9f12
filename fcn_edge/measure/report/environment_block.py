"""Where a result was measured, as far as its file tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fcn_edge.measure.report.block import Facts

_NAMES = {"cpus": "processors", "machine": "architecture"}


def environment_facts(content: Mapping[str, Any]) -> Facts:
    """List what a result file says of its machine; nested values are written out, empty ones left out."""
    found = content.get("env") or {}
    pairs: list[tuple[str, str]] = []
    for key, value in found.items():
        if isinstance(value, Mapping):
            pairs.append((_name(key), ", ".join(f"{name} {version}" for name, version in value.items())))
        elif value not in (None, ""):
            pairs.append((_name(key), str(value)))
    return Facts(tuple(pairs))


def _name(key: str) -> str:
    return _NAMES.get(key, key.replace("_", " "))
