"""The scenarios that are finished, so that a proof that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from camera_proof.scenario import LONG_RUN, Scenario
from fcn_edge.machine.environment import find_environment

_OWN = Path(__file__).resolve().parent
_PACKAGE = _OWN.parents[1] / "fcn_edge"
# What decides how the camera does, apart from its model.
_DECIDING = ("live", "runtime", "geometry.py", "overlay.py", "scoring.py", "cli/commands/camera.py")


def key_of(scenario: Scenario, model: Path, minutes: float) -> str:
    """Identify what a scenario's result depends on: code, model and, for the long run, its minutes."""
    digest = hashlib.sha256(scenario.name.encode())
    roots = [_PACKAGE / part for part in _DECIDING]
    files = [path for root in [*roots, _OWN] for path in (root.rglob("*.py") if root.is_dir() else [root])]
    for path in sorted(files):
        digest.update(path.name.encode() + path.read_bytes())
    if scenario.model and model.is_file():
        digest.update(model.read_bytes())
    if scenario.name == LONG_RUN:
        digest.update(str(minutes).encode())
    return digest.hexdigest()[:16]


def read_kept(path: Path) -> dict[str, dict[str, Any]]:
    """Read the finished scenarios by name; none where they are of another machine."""
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    here = find_environment()
    if (content["env"]["board"], content["env"]["cpus"]) != (here.board, here.cpus):
        return {}
    return {scenario["name"]: scenario for scenario in content["scenarios"]}
