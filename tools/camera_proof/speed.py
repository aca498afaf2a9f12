"""Throughput: the camera with everything on against the model alone, in pairs."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from camera_proof.model_files import film
from camera_proof.report import Bar
from fcn_edge.live.config import CameraConfig
from fcn_edge.live.run import run_camera
from fcn_edge.live.source import SourceConfig
from fcn_edge.live.stats import CameraStats
from fcn_edge.runtime.segmenter import Segmenter

PAIRS = 7
ARM_S = 5.0
LEAST_RATIO = 0.95
MOST_BESIDES = 0.10
_SEED = 0
_BESIDES = ("preprocess", "postprocess", "draw")


def measure_speed(work: Path, model: Path) -> tuple[tuple[Bar, ...], Mapping[str, Any]]:
    """Run the bare loop and the camera in turn, in an order drawn for each pair.

    The camera reads a 640x480 film as fast as it goes, draws the overlay and records, with one inference thread.
    """
    source = film(work)
    chance = random.Random(_SEED)  # noqa: S311 - an order, not a secret
    ratios: list[float] = []
    bare: list[float] = []
    runs: list[CameraStats] = []
    cpu_ms: list[float] = []
    bare_fps(model, 1.0)
    for _ in range(PAIRS):
        arms = ["bare", "camera"]
        chance.shuffle(arms)
        rate = 0.0
        for arm in arms:
            if arm == "bare":
                rate = bare_fps(model, ARM_S)
            else:
                stats, cpu_s = camera(model, source, round(ARM_S * (bare[-1] if bare else bare_fps(model, 1.0))))
                runs.append(stats)
                cpu_ms.append(1000 * cpu_s / stats.frames.processed)
        bare.append(rate)
        ratios.append((runs[-1].fps.processed or 0.0) / rate)
    stages = {name: statistics.median(run.stages_ms[name].p50 or 0.0 for run in runs) for name in runs[0].stages_ms}
    besides = sum(stages[name] for name in _BESIDES) / stages["inference"]
    figures = {
        "model": model.name,
        "bare_fps": [round(value, 2) for value in bare],
        "processed_fps": [run.fps.processed for run in runs],
        "ratios": [round(value, 4) for value in ratios],
        "bare_ms": round(1000 / statistics.median(bare), 3),
        "stages_ms_p50": {name: round(value, 3) for name, value in stages.items()},
        "processor_ms_per_frame": round(statistics.median(cpu_ms), 3),
        "besides_inference": round(besides, 4),
        "seed": _SEED,
    }
    what = "frames a second, overlay and recording on, against the bare invoke loop (median of pairs)"
    return (Bar(what, round(statistics.median(ratios), 4), LEAST_RATIO, at_least=True),), figures


def besides_bar(figures: Mapping[str, Any]) -> Bar:
    """Give the bar on what is done to a frame besides inference."""
    what = "preprocess, postprocess and draw together, as a share of inference (medians)"
    return Bar(what, float(figures["besides_inference"]), MOST_BESIDES)


def bare_fps(model: Path, seconds: float) -> float:
    """Call the interpreter of *model* for so long, and nothing else; give calls a second."""
    with Segmenter.open(model, threads=1) as segmenter:
        interpreter: Any = segmenter.backend._interpreter  # type: ignore[attr-defined] # noqa: SLF001 - bare, on purpose
        for _ in range(10):
            interpreter.invoke()
        calls, began_at = 0, time.perf_counter()
        while (now := time.perf_counter()) - began_at < seconds:
            interpreter.invoke()
            calls += 1
    return calls / (now - began_at)


def camera(model: Path, source: Path, frames: int) -> tuple[CameraStats, float]:
    """Run the camera over so many frames; give its figures and the processor time it took, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        config = CameraConfig(
            str(model),
            SourceConfig(str(source), loop=True),
            view="none",
            fast=True,
            record=Path(folder) / "overlay.mkv",
            max_frames=frames,
        )
        began = time.process_time()
        stats = run_camera(config)
        return stats, time.process_time() - began
