"""Where a result was measured, as far as its file tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fcn_edge.measure.report.block import Facts

_NAMES = {
    "cpus": "processors",
    "machine": "architecture",
    "cpu": "processor",
    "isa": "instruction sets",
    "quota_cpus": "allowed processor time",
    "mixed_cores": "cores of different speed",
}


def environment_facts(content: Mapping[str, Any]) -> Facts:
    """List what a result file says of its machine; nested values are written out, empty ones left out."""
    found = content.get("env") or {}
    pairs = ((_NAMES.get(key, key.replace("_", " ")), _text(key, value)) for key, value in found.items())
    return Facts(tuple((name, text) for name, text in pairs if text))


def _text(key: str, value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else ""
    if value is None:
        return ""
    if key == "quota_cpus":
        return f"{value:g} processors"
    return str(value)
