"""Fully convolutional segmentation networks from training to a live camera on a small board.

Everything public is named here and loads on first use, so ``import fcn_edge`` is quick and pulls in nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "BenchConfig": "fcn_edge.measure.bench",
    "BenchReport": "fcn_edge.measure.bench",
    "CameraConfig": "fcn_edge.live.config",
    "CameraStats": "fcn_edge.live.stats",
    "CompareConfig": "fcn_edge.measure.accuracy",
    "CompareReport": "fcn_edge.measure.accuracy",
    "DataFolder": "fcn_edge.dataset",
    "DataReport": "fcn_edge.dataset",
    "DoctorReport": "fcn_edge.doctor",
    "ExportConfig": "fcn_edge.export",
    "ExportReport": "fcn_edge.export",
    "GateConfig": "fcn_edge.measure.gate",
    "GateReport": "fcn_edge.measure.gate",
    "ModelCard": "fcn_edge.card",
    "Preprocessing": "fcn_edge.runtime.pixels",
    "Segmenter": "fcn_edge.runtime.segmenter",
    "SourceConfig": "fcn_edge.live.source",
    "TrainConfig": "fcn_edge.train",
    "TrainReport": "fcn_edge.train",
    "TuneChoice": "fcn_edge.model_file",
    "TuneConfig": "fcn_edge.runtime.tune",
    "TuneReport": "fcn_edge.runtime.tune",
    "VariantSpec": "fcn_edge.measure.spec",
    "bench": "fcn_edge.measure.bench",
    "accept_baseline": "fcn_edge.measure.gate",
    "build_fcn": "fcn_edge.networks",
    "build_fcn16s": "fcn_edge.networks",
    "build_fcn32s": "fcn_edge.networks",
    "build_fcn8s": "fcn_edge.networks",
    "check_folder": "fcn_edge.dataset",
    "compare": "fcn_edge.measure.accuracy",
    "convert_coco": "fcn_edge.dataset",
    "convert_voc": "fcn_edge.dataset",
    "draw_overlay": "fcn_edge.overlay",
    "examine": "fcn_edge.doctor",
    "export_model": "fcn_edge.export",
    "find_choice": "fcn_edge.model_file",
    "gate": "fcn_edge.measure.gate",
    "inspect_model": "fcn_edge.runtime.inspection",
    "make_report": "fcn_edge.measure.report",
    "open_backend": "fcn_edge.runtime.registry",
    "open_folder": "fcn_edge.dataset",
    "read_card": "fcn_edge.model_file",
    "read_image": "fcn_edge.image_file",
    "run_camera": "fcn_edge.live.run",
    "segment_files": "fcn_edge.runtime.still",
    "shipped_models": "fcn_edge.model_file",
    "train_model": "fcn_edge.train",
    "tune_model": "fcn_edge.runtime.tune",
    "write_card": "fcn_edge.model_file",
}

__all__ = [
    "BenchConfig",
    "BenchReport",
    "CameraConfig",
    "CameraStats",
    "CompareConfig",
    "CompareReport",
    "DataFolder",
    "DataReport",
    "DoctorReport",
    "ExportConfig",
    "ExportReport",
    "GateConfig",
    "GateReport",
    "ModelCard",
    "Preprocessing",
    "Segmenter",
    "SourceConfig",
    "TrainConfig",
    "TrainReport",
    "TuneChoice",
    "TuneConfig",
    "TuneReport",
    "VariantSpec",
    "__version__",
    "accept_baseline",
    "bench",
    "build_fcn",
    "build_fcn8s",
    "build_fcn16s",
    "build_fcn32s",
    "check_folder",
    "compare",
    "convert_coco",
    "convert_voc",
    "draw_overlay",
    "examine",
    "export_model",
    "find_choice",
    "gate",
    "inspect_model",
    "make_report",
    "open_backend",
    "open_folder",
    "read_card",
    "read_image",
    "run_camera",
    "segment_files",
    "shipped_models",
    "train_model",
    "tune_model",
    "write_card",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562: a module attribute may be of any type
    if name not in _HOME:
        raise AttributeError(f"module 'fcn_edge' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
