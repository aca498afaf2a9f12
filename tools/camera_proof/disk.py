"""What can go wrong with a recording or a camera: a full disk, a kill, a pulled plug."""

from __future__ import annotations

import contextlib
import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2

from camera_proof.process import CameraProcess
from camera_proof.report import Bar
from fcn_edge.live.config import CameraConfig
from fcn_edge.live.fake import FakeCapture
from fcn_edge.live.run import run_camera
from fcn_edge.live.source import SourceConfig
from fcn_edge.live.source.config import Pauses

Found = tuple[tuple[Bar, ...], Mapping[str, Any]]

KILLS = 10
YANKS = 10
_DISK_MB = 6
_FRAMES_A_PLUG = 30
_SEED = 0


def disk_full(work: Path, model: Path) -> Found:
    """Record onto a disk of 6 MB, once into one film and once with rotation; the camera has to go on. Takes root."""
    del work, model
    with _small_disk() as disk, tempfile.TemporaryDirectory() as folder:
        arguments = ["people", "--source", "test", "--view", "none", "--minutes", "0.5"]
        alone = CameraProcess([*arguments, "--record", str(disk / "film.mkv")], Path(folder)).wait(90)
        played = _frames(disk / "film.mkv")
        for film in disk.iterdir():
            film.unlink()
        limits = ["--segment-mb", "1", "--keep-mb", "4", "--min-free-mb", "1"]
        rotated = CameraProcess([*arguments, "--record", f"{disk}/films", *limits], Path(folder)).wait(90)
        films = sorted((disk / "films").iterdir())
        last = _frames(films[-1])
    output = alone["outputs"]["each"]["recording"]
    bars = (
        Bar(
            "frames processed after the disk was full",
            alone["frames"]["processed"] - output["written"],
            300,
            at_least=True,
        ),
        Bar("the report names the disk", int("No space left" in output["error"]), 1, at_least=True),
        Bar("frames of the film that play, of those written", played - output["written"], 0, at_least=True),
        Bar("with rotation: results dropped by the recording", rotated["outputs"]["each"]["recording"]["dropped"], 5),
        Bar("with rotation: frames of the last film that play", last, 1, at_least=True),
    )
    return bars, {"alone": alone["outputs"], "rotated": rotated["outputs"], "films": len(films)}


def killed(work: Path, model: Path) -> Found:
    """End a recording camera with SIGKILL at moments drawn at random; each film has to play up to its last frames."""
    del work, model
    chance = random.Random(_SEED)  # noqa: S311 - moments, not a secret
    missing = []
    for turn in range(KILLS):
        with tempfile.TemporaryDirectory() as folder:
            film, log = Path(folder) / f"film{'.avi' if turn % 2 else '.mkv'}", Path(folder) / "frames.jsonl"
            arguments = ["people", "--source", "test", "--view", "none", "--record", str(film), "--jsonl", str(log)]
            camera = CameraProcess(arguments, Path(folder))
            time.sleep(2.0 + chance.uniform(0, 2))
            camera.kill()
            # Another output wrote the same frames in its own time: what it has and the film lacks was lost.
            logged = len(log.read_text(encoding="utf-8").splitlines())
            missing.append(logged - _frames(film))
    bar = Bar("frames that a film lacks of those logged, at most in ten kills", max(missing), 3)
    return (bar,), {"missing": missing, "seed": _SEED}


def yanked(work: Path, model: Path) -> Found:
    """Pull out a camera (the shipped fake) and plug it in again, ten times."""
    del work, model
    camera = FakeCapture(fps=60, size_wh=(640, 480), lost_after=_FRAMES_A_PLUG, back_after_s=0.3)
    pauses = Pauses(first_s=0.1, longest_s=0.2)
    # One frame more than ten times plugged in can give.
    frames = _FRAMES_A_PLUG * YANKS + 1
    config = CameraConfig("people", SourceConfig("0", pauses=pauses), view="none", max_frames=frames)
    threads = threading.active_count()
    stats = run_camera(config, opener=camera)
    bars = (
        Bar("reconnects", stats.source_health.reconnects, YANKS, at_least=True),
        Bar("threads left behind", threading.active_count() - threads, 0),
        Bar("losses without a reconnect", stats.source_health.losses - stats.source_health.reconnects, 1),
        Bar("devices not given back", camera.openings - camera.released, 0),
    )
    return bars, {"frames": stats.frames.processed, "openings": camera.openings, "released": camera.released}


@contextlib.contextmanager
def _small_disk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        options = f"size={_DISK_MB}m"
        subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["/bin/umount", folder], check=True)


def _frames(film: Path) -> int:
    capture = cv2.VideoCapture(str(film))
    count = 0
    while capture.grab() and capture.retrieve()[0]:
        count += 1
    capture.release()
    return count
