"""Running all checks, none of which can bring the others down."""

from __future__ import annotations

import dataclasses
import importlib
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fcn_edge
from fcn_edge.doctor.asking import Answer, Ask, ask
from fcn_edge.doctor.finding import DoctorReport, Finding, Section, Unproven
from fcn_edge.doctor.host import Host, this_host
from fcn_edge.machine.kernel import board_model
from fcn_edge.machine.processor import allowed_cpus, cpu_name, instruction_sets
from fcn_edge.model_file.name import parse_name
from fcn_edge.model_file.shipped import shipped_models

# Name of a section: its module in fcn_edge.doctor.checks, which has ``check(host)``. In the order of the report.
CHECKS = {
    "python": "python",
    "runtimes": "runtimes",
    "onnx": "onnx",
    "models": "models",
    "delegates": "delegates",
    "opencv": "opencv",
    "display": "display",
    "cameras": "cameras",
    "modules": "camera_modules",
    "processor": "processor",
    "memory": "memory",
    "disk": "disk",
    "clock": "clock",
}

_TRIED_FORMATS = ("tflite", "onnx")
# Two at a time, as even small boards have processors for: the figures are rough anyway.
_AT_ONCE = 2
_LISTED = ("numpy", "opencv-python", "opencv-python-headless", "ai-edge-litert", "tflite-runtime", "onnxruntime")
_LISTED_TOO = ("onnxruntime-gpu", "openvino", "picamera2", "tensorflow")


def examine(host: Host | None = None, *, ask: Ask = ask) -> DoctorReport:
    """Find out what this machine can do and what is wrong with it. Nothing is changed, and nothing makes it fail.

    Args:
        host: The machine; None for this one.
        ask: Runs :mod:`fcn_edge.doctor.probe` in a process of its own.
    """
    begun = time.monotonic()
    host = _with_answers(this_host() if host is None else host, ask)
    sections = tuple(Section(name, _guarded(name, module, host)) for name, module in CHECKS.items())
    machine = _told(lambda: _machine(host), {})
    unproven: tuple[Unproven, ...] = _told(lambda: _unproven(host), ())
    return DoctorReport(machine, sections, unproven, time.monotonic() - begun)


def _guarded(name: str, module: str, host: Host) -> tuple[Finding, ...]:
    """Run a check; what it finds before it fails is kept."""
    found: list[Finding] = []
    try:
        check: Callable[[Host], Iterable[Finding]] = importlib.import_module(f"fcn_edge.doctor.checks.{module}").check
        # One by one rather than list(): of a generator that fails, what came before counts.
        for finding in check(host):
            found.append(finding)  # noqa: PERF402 - see above
    except Exception as error:  # noqa: BLE001 - a check must not end the examination, whatever it meets
        text = f"this check failed itself: {type(error).__name__}: {' '.join(str(error).split())}"
        advice = f"report it with what you see here; the section {name} may lack something"
        found.append(Finding("check_failed", "warning", text, advice=advice))
    return tuple(found)


def _told(find: Callable[[], Any], otherwise: Any) -> Any:  # noqa: ANN401 - of whichever type find gives
    try:
        return find()
    except Exception:  # noqa: BLE001 - as above; these are of less weight than the findings
        return otherwise


def _unproven(host: Host) -> tuple[Unproven, ...]:
    from fcn_edge.doctor.unproven import find_unproven

    return find_unproven(host)


def _with_answers(host: Host, ask: Ask) -> Host:
    """Ask OpenCV and every runtime here, two at a time."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        opencv = pool.submit(ask, ["opencv"])
        backends = ask(["backends"])
        trials = {
            backend: pool.submit(ask, ["trial", backend, *(str(file) for file in files)])
            for backend, files in _to_try(backends).items()
        }
        answers = {backend: answer.result() for backend, answer in trials.items()}
        return dataclasses.replace(host, backends=backends, opencv=opencv.result(), trials=answers)


def _to_try(backends: Answer) -> dict[str, list[Path]]:
    """Find for each runtime here the shipped int8 files it runs; none where that cannot be found out."""
    shipped: tuple[Path, ...] = _told(shipped_models, ())
    names = [(file, parse_name(file)) for file in shipped]
    files = [(file, name.format) for file, name in names if name.precision == "int8" and name.output != "labels"]
    found = {
        str(event["backend"]): [file for file, known in files if known in event["formats"] and known in _TRIED_FORMATS]
        for event in backends.events
        # Opening an accelerator may take minutes (TensorRT builds an engine), or fail where there is none. What ONNX
        # Runtime offers is asked apart, and ``tune`` tries them.
        if event.get("available") and not event.get("accelerated")
    }
    return {backend: fitting for backend, fitting in found.items() if fitting}


def _machine(host: Host) -> Mapping[str, Any]:
    return {
        "board": board_model(host.root) or cpu_name(host.root) or platform.processor() or "unknown",
        "machine": host.machine,
        "cpu": cpu_name(host.root) or "",
        "isa": list(instruction_sets(host.root)),
        "cpus": len(allowed_cpus()),
        "system": f"{platform.system()} {platform.release()}",
        "python": ".".join(str(n) for n in host.python.version),
        "packages": {
            "fcn-edge": fcn_edge.__version__,
            **{name: host.packages[name] for name in (*_LISTED, *_LISTED_TOO) if name in host.packages},
        },
    }
