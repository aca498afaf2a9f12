"""Endurance: a live stream for minutes, a server that dies again and again, and starting."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from camera_proof.model_files import film
from camera_proof.process import CameraProcess
from camera_proof.report import Bar
from camera_proof.server import StreamServer

Found = tuple[tuple[Bar, ...], Mapping[str, Any]]

KILLS = 10
STARTS = 7
_SETTLED_S = 60.0
_END_SAMPLES = 10


def live(work: Path, model: Path, minutes: float) -> Found:
    """Segment a real stream at 30 frames a second with page and rotating recording on."""
    server = StreamServer(film(work))
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        arguments = [str(model), "--source", server.url, "--view", "web", "--port", "0", "--minutes", str(minutes)]
        arguments += ["--record", f"{folder}/films", "--keep-mb", "200"]
        try:
            with CameraProcess(arguments, Path(folder)) as camera:
                samples = sample_memory(camera)
                report = camera.wait(10)
        finally:
            server.kill()
    bars, memory = judge_memory(samples)
    inference, total = report["stages_ms"]["inference"]["p50"], report["capture_to_result_ms"]["p90"]
    bars = (Bar("capture to result, p90", total, round(1.5 * inference + 10, 3), unit="ms"), *bars)
    figures = {
        "minutes": minutes,
        "inference_ms_p50": inference,
        "capture_to_result_ms": report["capture_to_result_ms"],
        "frames": report["frames"],
        "fps": report["fps"],
        "sustained": report["sustained"],
        "source_health": report["source_health"],
        "outputs": report["outputs"]["each"],
        **memory,
    }
    return bars, figures


def sample_memory(camera: CameraProcess) -> list[tuple[float, float]]:
    """Look once a second until the camera ends: seconds since now, and its resident memory in MB."""
    samples: list[tuple[float, float]] = []
    began_at = time.monotonic()
    while camera.running:
        time.sleep(1.0)
        # It may end between two looks, and what has ended has no memory.
        with contextlib.suppress(OSError, IndexError):
            samples.append((time.monotonic() - began_at, camera.resident_mb()))
    return samples


def judge_memory(samples: Sequence[tuple[float, float]]) -> Found:
    """Hold the memory's growth after the first minute against its bar; of a shorter run nothing is claimed."""
    settled = [(at, mb) for at, mb in samples if at >= _SETTLED_S]
    figures: dict[str, Any] = {
        "resident_mb": [round(mb, 1) for _, mb in samples[:: max(1, len(samples) // 60)]],
        "resident_mb_max": round(max(mb for _, mb in samples), 1),
    }
    if len(settled) < 2 * _END_SAMPLES:
        return (), figures
    # The median of ten seconds at either end, so that one sample says little.
    first, last = settled[:_END_SAMPLES], settled[-_END_SAMPLES:]
    growth = statistics.median(mb for _, mb in last) - statistics.median(mb for _, mb in first)
    slope = statistics.linear_regression([at for at, _ in settled], [mb for _, mb in settled]).slope
    figures["resident_mb_per_minute"] = round(60 * slope, 4)
    return (Bar("growth of resident memory after the first minute", round(growth, 2), 5.0, unit="MB"),), figures


def server_killed(work: Path, model: Path) -> Found:
    """Kill the stream's server and start it again, ten times, while the camera runs."""
    server = StreamServer(film(work))
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        seen = []
        try:
            with CameraProcess([str(model), "--source", server.url, "--view", "none"], Path(folder)) as camera:
                for _ in range(KILLS):
                    # Long enough that the next loss begins with the shortest pause again.
                    time.sleep(14.0)
                    seen.append(camera.holds())
                    server.kill()
                    time.sleep(1.0)
                    server.start()
                time.sleep(6.0)
                seen.append(camera.holds())
                report = camera.end()
        finally:
            server.kill()
    health = report["source_health"]
    # From the first reconnect on, by when everything has been loaded.
    bars = (
        Bar("reconnects after ten kills", health["reconnects"], KILLS, at_least=True),
        Bar("reconnects beyond those", health["reconnects"] - KILLS, 0),
        Bar("descriptors more than before", max(s[0] for s in seen[1:]) - seen[1][0], 1),
        Bar("threads more than before", max(s[1] for s in seen[1:]) - seen[1][1], 1),
        Bar("growth of resident memory", round(seen[-1][2] - seen[1][2], 2), 5.0, unit="MB"),
    )
    return bars, {"source_health": health, "frames": report["frames"], "descriptors_threads_mb": seen}


def start(work: Path, model: Path) -> Found:
    """Start the camera with a shipped model and end it after its first mask, again and again."""
    del model
    source = str(film(work))
    whole: dict[str, list[float]] = {"none": [], "web": []}
    for _ in range(STARTS):
        for view, times in whole.items():
            began_at = time.perf_counter()
            run_once(["people", "--source", source, "--view", view, "--port", "0", "--max-frames", "1"])
            times.append(time.perf_counter() - began_at)
    long = ["people", "--source", source, "--view", "web", "--port", "0", "--max-frames", "600", "--fast", "--loop"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "camera.json"
        run_once([*long, "--json", str(report)])
        # By its own account: what the system tells of an ended process holds what its parent had before it began.
        peak_mb = json.loads(report.read_text(encoding="utf-8"))["machine"]["resident_peak_mb"]
    code = (
        "import sys; from fcn_edge.cli.main import main; "
        f"main(['camera', 'people', '--source', {source!r}, '--view', 'none', '--max-frames', '2', '--quiet']); "
        "print([name for name in ('tensorflow', 'torch', 'keras') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    bars = (
        Bar("from the start of the process to its end after the first mask", _median(whole["none"]), 1.5, unit="s"),
        Bar("the same with the page", _median(whole["web"]), 1.5, unit="s"),
        Bar("peak of resident memory, with the page", round(peak_mb, 1), 200.0, unit="MB"),
        Bar("training packages loaded", 0 if loaded.endswith("[]") else 1, 0),
    )
    return bars, {"seconds": {view: [round(s, 3) for s in times] for view, times in whole.items()}}


def run_once(arguments: list[str]) -> None:
    """Run the camera to its end."""
    subprocess.run([sys.executable, "-m", "fcn_edge", "camera", *arguments, "--quiet"], check=True)


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 3)
