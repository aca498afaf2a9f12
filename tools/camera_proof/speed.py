"""Throughput: the camera with everything on against the model alone, in pairs."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from camera_proof.model_files import film
from camera_proof.report import Bar
from fcn_edge.live.config import CameraConfig
from fcn_edge.live.frame import Frame
from fcn_edge.live.painter import Painter
from fcn_edge.live.result import Result
from fcn_edge.live.run import run_camera
from fcn_edge.live.scheduling import scheduled_for_live
from fcn_edge.live.source import SourceConfig
from fcn_edge.live.stats import CameraStats
from fcn_edge.runtime.segmenter import Segmenter
from fcn_edge.scoring import class_shares

PAIRS = 7
ARM_S = 5.0
LEAST_RATIO = 0.95
MOST_BESIDES = 0.10
_SEED = 0
_ALONE_FRAMES = 200
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
        "besides_inference_in_stages": round(besides, 4),
        "alone_ms": alone_ms(model, source),
        "seed": _SEED,
    }
    what = "frames a second, overlay and recording on, against the bare invoke loop (median of pairs)"
    return (Bar(what, round(statistics.median(ratios), 4), LEAST_RATIO, at_least=True),), figures


def besides_bar(figures: Mapping[str, Any]) -> Bar:
    """Give the bar on what is done to a frame besides inference."""
    what = "work of preprocess, postprocess and draw, as a share of inference (each step alone, medians)"
    alone = figures["alone_ms"]
    return Bar(what, round(sum(alone[name] for name in _BESIDES) / alone["inference"], 4), MOST_BESIDES)


def alone_ms(model: Path, source: Path) -> dict[str, float]:
    """Time the steps of a frame one after the other with nothing beside them, in memory that is used again.

    Where everything runs at once, a stage's time holds what it waits for a processor too.
    """
    capture = cv2.VideoCapture(str(source))
    times: dict[str, list[float]] = {"preprocess": [], "inference": [], "postprocess": [], "draw": []}
    with scheduled_for_live(), Segmenter.open(model, threads=1) as segmenter:
        source_tensor, result_tensor = segmenter.tensors
        pixels = np.empty(source_tensor.shape, source_tensor.dtype)
        raw = np.empty(result_tensor.shape, result_tensor.dtype)
        paint, labels = Painter(segmenter.classes), np.empty(0, np.uint8)
        for number in range(_ALONE_FRAMES):
            image: Any = capture.read()[1]
            if labels.shape != image.shape[:2]:
                labels = np.empty(image.shape[:2], np.uint8)
            marks = [time.perf_counter()]
            _, place = segmenter.preprocess(image, out=pixels)
            marks.append(time.perf_counter())
            segmenter.infer(pixels, out=raw)
            marks.append(time.perf_counter())
            segmenter.postprocess(raw, place, out=labels)
            marks.append(time.perf_counter())
            frame = Frame(image, number, marks[0], marks[0], 0.0)
            shares = class_shares(labels, len(segmenter.classes))
            paint(Result(frame, labels, (0.0,) * 5, shares, 30.0), image)
            marks.append(time.perf_counter())
            for name, began, ended in zip(times, marks, marks[1:], strict=False):
                times[name].append(1000 * (ended - began))
    capture.release()
    return {name: round(statistics.median(found), 4) for name, found in times.items()}


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
