"""What ``tune`` chose for a model on this device, kept in a file of the user's cache. Standard library only.

A choice holds for one device, one content of the chosen file and one version of its runtime. Where any of them is
another one, it is passed over as if it had not been made. So is a file that cannot be read: it can be made again.
"""

from __future__ import annotations

import json
import logging
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fcn_edge import atomic, optional
from fcn_edge.errors import FcnEdgeError
from fcn_edge.machine.cache import cache_folder
from fcn_edge.machine.kernel import ROOT, board_model
from fcn_edge.machine.processor import cpu_name, instruction_sets, usable_cpus
from fcn_edge.model_file.card_file import fingerprint

FILE = "tune.json"
SCHEMA_VERSION = 1

# Distributions of the runtimes; a package's name is the beginning of its distributions' names.
_DISTRIBUTIONS = ("ai-edge-litert", "tflite-runtime", "onnxruntime", "onnxruntime-gpu", "openvino")
_told: set[str] = set()


@dataclass(frozen=True, slots=True)
class TuneChoice:
    """How a model runs best on this device.

    Attributes:
        path: The file that was chosen; for a name, one of that name's files.
        backend: A name of :data:`fcn_edge.runtime.registry.BACKENDS`.
        threads: Of the runtime.
        delegate: An external delegate, as ``PATH`` or ``PATH,key=value,…``; None for none.
        median_ms: Of one inference, when it was measured.
        agreement: Share of pixels with the reference's class, 0 to 1.
        tuned_at: When, UTC, ISO 8601.
        why: In a sentence.
    """

    path: Path
    backend: str
    threads: int
    delegate: str | None
    median_ms: float
    agreement: float
    tuned_at: str
    why: str


@dataclass(frozen=True, slots=True)
class Family:
    """The files that a model may be run from.

    Attributes:
        name: The name of a shipped model, or the file's own.
        asked: The file that was named; None where a shipped model's name was.
        files: All that may be chosen, *asked* among them.
    """

    name: str
    asked: Path | None
    files: tuple[Path, ...]


def choice_file() -> Path:
    """Give where choices are kept; the file need not be there."""
    return cache_folder() / FILE


def device_key(root: Path = ROOT) -> dict[str, Any]:
    """Tell this device from others: board, processor, its instruction sets, and how many of it may be used.

    Args:
        root: Of the file system in which ``proc`` and ``sys`` lie.
    """
    return {
        "board": board_model(root) or "",
        "cpu": cpu_name(root) or platform.machine(),
        "isa": list(instruction_sets(root)),
        "cpus": usable_cpus(root),
    }


def remember(family: Family, choice: TuneChoice, *, package: str) -> Path:
    """Keep a choice in place of an earlier one of the same model and device.

    Args:
        family: What it was chosen from.
        choice: Its path is one of *family*'s files.
        package: What its runtime needs, as ``ai_edge_litert``.

    Returns:
        Where.

    Raises:
        OutputError: The cache cannot be written.
    """
    path = choice_file()
    entry = {
        "model": family.name,
        "asked": None if family.asked is None else fingerprint(family.asked),
        "device": device_key(),
        "package": package,
        "versions": _versions(package),
        "files": {file.name: {"bytes": file.stat().st_size, "fingerprint": fingerprint(file)} for file in family.files},
        "asked_file": None if family.asked is None else family.asked.name,
        "choice": {**asdict(choice), "path": choice.path.name},
    }
    others = [other for other in _entries(path) if not _same(other, entry)]
    _write(path, [*others, entry])
    return path


def forget(family: Family) -> bool:
    """Remove a choice, on whatever device it was made; tell whether there was one.

    Raises:
        OutputError: The cache cannot be written.
    """
    path = choice_file()
    entries = _entries(path)
    asked = None if family.asked is None else fingerprint(family.asked)
    kept = [entry for entry in entries if not _is_for(entry, family.name, asked)]
    if len(kept) < len(entries):
        _write(path, kept)
    return len(kept) < len(entries)


def find(family: Family) -> TuneChoice | None:
    """Look up what was chosen; None where nothing was that still holds."""
    entries = _entries(choice_file())
    if not entries:
        # Most devices: nothing is hashed for them.
        return None
    try:
        asked = None if family.asked is None else fingerprint(family.asked)
        device = device_key()
        for entry in entries:
            if _is_for(entry, family.name, asked) and entry["device"] == device:
                return _still_good(entry, family)
    except (FcnEdgeError, OSError, KeyError, TypeError, ValueError, AttributeError):
        # A file that went away meanwhile, or an entry that somebody wrote by hand.
        return None
    return None


def _still_good(entry: dict[str, Any], family: Family) -> TuneChoice | None:
    chosen = entry["choice"]
    files = {file.name: file for file in family.files}
    if family.asked is not None:
        # The same file under a new name is the same file.
        files[entry["asked_file"]] = family.asked
    elif set(files) != set(entry["files"]):
        return None
    path = files.get(chosen["path"])
    if path is None or any(
        files[name].stat().st_size != known["bytes"] for name, known in entry["files"].items() if name in files
    ):
        return None
    if fingerprint(path) != entry["files"][chosen["path"]]["fingerprint"]:
        return None
    if not optional.available(entry["package"]) or _versions(entry["package"]) != entry["versions"]:
        return None
    delegate = chosen["delegate"]
    if delegate is not None and os.sep in delegate and not Path(delegate.partition(",")[0]).exists():
        return None
    return TuneChoice(
        path=path,
        backend=str(chosen["backend"]),
        threads=int(chosen["threads"]),
        delegate=None if delegate is None else str(delegate),
        median_ms=float(chosen["median_ms"]),
        agreement=float(chosen["agreement"]),
        tuned_at=str(chosen["tuned_at"]),
        why=str(chosen["why"]),
    )


def _versions(package: str) -> dict[str, str]:
    # Takes 25 ms to import, and most commands never come here.
    import importlib.metadata

    found = {}
    for name in _DISTRIBUTIONS:
        if name.replace("-", "_").startswith(package):
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
    return found


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return _is_for(one, other["model"], other["asked"]) and one.get("device") == other["device"]


def _is_for(entry: dict[str, Any], name: str, asked: str | None) -> bool:
    if asked is not None:
        return entry.get("asked") == asked
    return entry.get("asked") is None and entry.get("model") == name


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        return _damaged(path, str(error))
    try:
        content = json.loads(text)
        if content["schema_version"] != SCHEMA_VERSION:
            return _damaged(path, f"its version is {content['schema_version']}, not {SCHEMA_VERSION}")
        entries: list[Any] = content["choices"]
        if not all(isinstance(entry, dict) for entry in entries):
            return _damaged(path, "it holds no list of choices")
    except (ValueError, KeyError, TypeError) as error:
        return _damaged(path, str(error))
    return entries


def _damaged(path: Path, reason: str) -> list[dict[str, Any]]:
    if str(path) not in _told:
        _told.add(str(path))
        text = "warning: %s: cannot be read, so what tune chose is not used: %s; mend it: fcn-edge tune MODEL"
        logging.getLogger("fcn_edge").warning(text, path, reason)
    return []


def _write(path: Path, entries: Sequence[dict[str, Any]]) -> None:
    content = {"schema_version": SCHEMA_VERSION, "choices": list(entries)}
    atomic.write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
