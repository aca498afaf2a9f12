"""Segment a camera, film, folder of images or stream, live.

A camera or stream is shown as it is now: what cannot be processed in time is dropped and counted. Of a film or folder
every frame is processed, at the film's own rate or, with --fast, as quickly as it goes. Where there is a display a
window opens; q ends. Ctrl-C (SIGINT) and SIGTERM end well too: the recording plays and the report is written.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fcn_edge.cli import foreign
from fcn_edge.live.config import VIEWS, CameraConfig
from fcn_edge.live.run import run_camera
from fcn_edge.live.source import SourceConfig
from fcn_edge.live.stats import CameraStats
from fcn_edge.live.stopping import stop_on_signals

EXAMPLE = """fcn-edge camera people
  fcn-edge camera people --source film.mp4 --fast --record people.mkv --json people.json
  fcn-edge camera people --source rtsp://192.168.1.20/stream1 --view none --jsonl people.jsonl"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add model, source and outputs."""
    parser.add_argument("model", metavar="MODEL", help="a model file, a run folder, or a shipped model's name")
    source_help = "camera number, /dev/videoN, film, folder of images, or URL (http://, rtsp://); 0 by default"
    parser.add_argument("--source", default="0", metavar="SRC", help=source_help)
    parser.add_argument("--view", choices=VIEWS, help="a window where there is a display, else none")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write what is shown to a .mkv or .avi")
    parser.add_argument("--json", metavar="FILE", help="write counts, rates and times as JSON; - is standard output")
    parser.add_argument("--jsonl", type=Path, metavar="FILE", help="write a line of JSON for each frame")
    parser.add_argument("--max-frames", type=int, metavar="N", help="end after N processed frames")
    parser.add_argument("--fast", action="store_true", help="do not keep a film to its own rate")
    parser.add_argument("--loop", action="store_true", help="play a film or folder again and again")
    wishes = parser.add_argument_group("wishes to a camera", "it takes the nearest that it can do")
    wishes.add_argument("--width", type=int, metavar="PIXELS")
    wishes.add_argument("--height", type=int, metavar="PIXELS")
    wishes.add_argument("--fps", type=float, metavar="N", help="frames a second; of a folder: images a second")
    foreign.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run until the source ends or the user ends it, and print the figures."""
    config = CameraConfig(
        model=args.model,
        source=SourceConfig(args.source, loop=args.loop, width=args.width, height=args.height, fps=args.fps),
        view=args.view,
        record=args.record,
        report=args.json,
        frame_log=args.jsonl,
        max_frames=args.max_frames,
        fast=args.fast,
        **foreign.options(args),
    )
    with stop_on_signals() as stop:
        stats = run_camera(config, stop=stop, quiet=args.quiet)
    if args.json != "-":
        print(_summary(stats))
    return 0


def _summary(stats: CameraStats) -> str:
    frames, total = stats.frames, stats.capture_to_result_ms
    causes = ", ".join(
        f"{count} {cause.replace('_', ' ')}" for cause, count in frames.dropped_by_cause.items() if count
    )
    lines = [
        f"{frames.processed} of {frames.captured} frames processed in {stats.duration_s:.1f} s"
        + (f", {frames.dropped} dropped ({causes})" if causes else "")
    ]
    if stats.fps.processed is not None and total.p50 is not None:
        inference = stats.stages_ms["inference"].p50
        lines.append(
            f"{stats.fps.processed:.1f} frames a second; capture to mask {total.p50:.1f} ms, of it inference "
            f"{inference:.1f} ms (medians; {stats.backend['runtime']}, threads: {stats.threads or 'its own choice'})"
        )
    lines += [f"recording: {stats.outputs.record}"] if stats.outputs.record else []
    return "\n".join(lines)
