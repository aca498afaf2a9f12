"""Summing up an export for its report."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import fcn_edge
from fcn_edge import model_file
from fcn_edge.card import ModelCard
from fcn_edge.export.conversion import Inspection
from fcn_edge.export.ladder import POINTS, Ladder, drop
from fcn_edge.export.report import FileReport, RepairReport, RungReport
from fcn_edge.runtime.delegation import DelegationInfo, list_kinds
from fcn_edge.runtime.interpreter import InterpreterBackend
from fcn_edge.runtime.registry import open_backend

_PACKAGES = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "ai-edge-litert", "numpy")
# Below this for every class a network is hardly better than guessing; most often its preprocessing was not given.
_LOW_IOU = 0.2
# Points of mIoU worth a word.
_NOTABLE_COST = 0.5
# One at each end changes between the layout of the input contract and ONNX's own.
_ORDINARY_TRANSPOSES = 2


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file in the temporary folder, not proven yet; *repair* tells how it was mended, where that was needed."""

    path: Path
    card: ModelCard
    inspection: Inspection
    repair: RepairReport | None = None


def describe_file(written: WrittenFile, rung: RungReport, keras_miou: float | None) -> FileReport:
    """Describe a file by what was found in it and measured on it."""
    lost = drop(rung, keras_miou)
    name = model_file.parse_name(written.path)
    return FileReport(
        path=written.path.name,
        precision=written.card.precision,
        format=name.format,
        bytes=written.path.stat().st_size,
        parity=rung.parity,
        float_ops=written.inspection.float_ops,
        ops=written.inspection.ops,
        delegation=_delegation(written.path, written.card.fingerprint),
        miou=rung.miou,
        miou_drop=None if lost is None else round(lost, 4),
        fingerprint=written.card.fingerprint,
        repair=written.repair,
    )


def find_warnings(
    files: Sequence[WrittenFile], proven: Ladder, split: str, float_layers: Sequence[str] = ()
) -> tuple[str, ...]:
    """Say what is no fault but worth a look, one line each."""
    found = []
    keras_miou = proven.keras_score_miou
    if keras_miou is None:
        found.append(f"the split {split} has no masks of the model's classes: what quantisation costs was not judged")
    foreground = [iou for iou in proven.keras_class_iou[1:] if iou is not None]
    if foreground and max(foreground) < _LOW_IOU:
        found.append(
            f"the Keras model itself finds no class but the background on {split} (IoU at most {max(foreground):.2f}): "
            "if it did in training, its preprocessing is missing (--scale, --mean, --std, --bgr)"
        )
    if keras_miou is not None and proven.keras_miou is not None:
        cost = POINTS * (keras_miou - proven.keras_miou)
        if cost > _NOTABLE_COST:
            found.append(
                f"class ids are brought to an image's size by the nearest pixel, which costs {cost:.1f} points of mIoU "
                f"on {split} against scores ({keras_miou:.4f} to {proven.keras_miou:.4f}): --output logits keeps them"
            )
    found.extend(_mended(file) for file in files if file.repair is not None)
    mixed = [f.path.name for f in files if f.card.precision == "int8" and f.inspection.float_ops and f.repair is None]
    why = f", as asked for {', '.join(float_layers)}" if float_layers else ""
    found.extend(f"{name}: some of its operations compute in floating point{why}, see float_ops" for name in mixed)
    inner = [
        f.path.name
        for f in files
        if f.path.suffix == ".onnx" and f.inspection.ops.get("Transpose", 0) > _ORDINARY_TRANSPOSES
    ]
    found.extend(f"{name}: has transposes inside, which cost time" for name in inner)
    for file in files:
        delegation = _delegation(file.path, file.card.fingerprint)
        if delegation is not None and not delegation.expected:
            found.append(
                f"{file.path.name}: XNNPACK leaves out {list_kinds(delegation.unexpected)}, "
                "which runs in slower kernels and splits the graph"
            )
    return tuple(found)


def _mended(file: WrittenFile) -> str:
    repair = file.repair
    if repair is None:
        raise AssertionError("asked only where there is one")
    won = ""
    if repair.miou_before is not None and repair.miou_after is not None:
        won = f"which wins {POINTS * (repair.miou_after - repair.miou_before):.2f} points of mIoU and "
    return (
        f"{file.path.name}: all in integers it lost too much; {', '.join(repair.left)} now compute in floating point, "
        f"{won}takes {repair.time_ratio:.2f} times as long ({repair.macs_share:.1%} of the multiply-adds)"
    )


@functools.lru_cache(maxsize=8)
def _delegation(path: Path, _fingerprint: str) -> DelegationInfo | None:
    """Open a file to see what its delegate takes; the report and the warnings both want to know."""
    if path.suffix != ".tflite":
        return None
    backend = open_backend(path, threads=1)
    try:
        return backend.delegation() if isinstance(backend, InterpreterBackend) else None
    finally:
        backend.close()


def tool_versions() -> dict[str, str]:
    """Give the versions of everything that had a part in the export."""
    versions = {"fcn-edge": fcn_edge.__version__}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions
