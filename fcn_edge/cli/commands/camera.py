"""Segment a camera, film, folder of images or stream, live.

A camera or stream is shown as it is now: what cannot be processed in time is dropped and counted. A lost one is
opened again. Of a film or folder every frame is processed, at the film's own rate or, with --fast, as quickly as it
goes. Where there is a display a window opens (q ends), elsewhere a page for browsers on this machine; with --host
others can see it too, with the token that is printed. Ctrl-C (SIGINT) and SIGTERM end well: the recording plays and the
report is written.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from fcn_edge.cli import foreign
from fcn_edge.live.config import VIEWS, CameraConfig
from fcn_edge.live.output.mqtt import PASSWORD_VARIABLE, MqttConfig
from fcn_edge.live.output.prometheus import MetricsConfig
from fcn_edge.live.output.recording import RecordLimits
from fcn_edge.live.run import run_camera
from fcn_edge.live.source import SourceConfig
from fcn_edge.live.stats import CameraStats
from fcn_edge.live.stopping import stop_on_signals
from fcn_edge.live.web.config import PORT, WebConfig

# On a command line every user of the machine can read it.
TOKEN_VARIABLE = "FCN_EDGE_TOKEN"  # noqa: S105 - the name of a variable, not a token

EXAMPLE = """fcn-edge camera people
  fcn-edge camera people --source film.mp4 --fast --record people.mkv --json people.json
  fcn-edge camera people --source rtsp://192.168.1.20/stream1 --view none --jsonl people.jsonl
  fcn-edge camera people --source picamera --view web --host 0.0.0.0
  fcn-edge camera people --record films/ --keep-mb 5000 --jsonl people.jsonl --jsonl-mb 50
  fcn-edge camera people --source test --minutes 10 --json sustained.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add model, source and outputs."""
    parser.add_argument("model", metavar="MODEL", help="a model file, a run folder, or a shipped model's name")
    source_help = (
        "camera number (0 by default), /dev/video0, picamera, csi, URL (http://, rtsp://), film, folder of images, "
        "gst:PIPELINE, or test for a drawn scene"
    )
    parser.add_argument("--source", default="0", metavar="SRC", help=source_help)
    parser.add_argument("--no-reconnect", action="store_true", help="a live source that is lost ends the run")
    parser.add_argument("--view", choices=VIEWS, help="a window where there is a display, else a page (web)")
    parser.add_argument("--json", metavar="FILE", help="write counts, rates and times as JSON; - is standard output")
    parser.add_argument("--max-frames", type=int, metavar="N", help="end after N processed frames")
    parser.add_argument("--minutes", type=float, metavar="N", help="end after N minutes; tells first minute and last")
    smooth_help = "average scores over time against flicker, with this time constant (0.3)"
    parser.add_argument("--smooth", type=float, nargs="?", const=0.3, metavar="SECONDS", help=smooth_help)
    parser.add_argument("--fast", action="store_true", help="do not keep a film to its own rate")
    parser.add_argument("--loop", action="store_true", help="play a film or folder again and again")
    wishes = parser.add_argument_group("wishes to a camera", "it takes the nearest that it can do")
    wishes.add_argument("--width", type=int, metavar="PIXELS")
    wishes.add_argument("--height", type=int, metavar="PIXELS")
    wishes.add_argument("--fourcc", metavar="CODE", help="how frames come in: MJPG, YUYV (V4L2)")
    wishes.add_argument("--fps", type=float, metavar="N", help="frames a second; of a folder: images a second")
    page = parser.add_argument_group("the page for browsers")
    page.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="0.0.0.0 for all; others need the token")
    page.add_argument("--port", type=int, default=PORT, metavar="N", help=f"{PORT}; 0 for any that is free")
    token_help = f"16 characters or more, or in {TOKEN_VARIABLE}; made and printed if none is given"
    page.add_argument("--token", metavar="TEXT", help=token_help)
    _add_outputs(parser)
    foreign.add_arguments(parser)
    # Not one thread, as elsewhere, but what was tuned.
    parser.set_defaults(threads=None)


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    films = parser.add_argument_group("recording", "with any limit it is many films, named by their time")
    films.add_argument(
        "--record", type=Path, metavar="FILE", help="what is shown: a .mkv or .avi, or a folder for films"
    )
    films.add_argument("--segment-minutes", type=float, metavar="N", help="length of a film (10)")
    films.add_argument("--segment-mb", type=float, metavar="N", help="size of a film at most")
    films.add_argument("--keep-mb", type=float, metavar="N", help="all films together; the oldest go")
    films.add_argument("--keep-hours", type=float, metavar="N", help="older films go")
    films.add_argument("--min-free-mb", type=float, metavar="N", help="room to leave on the disk (200)")
    outputs = parser.add_argument_group("other outputs")
    jsonl_help = "a line of JSON for each frame: class shares, boxes of regions, times"
    outputs.add_argument("--jsonl", type=Path, metavar="FILE", help=jsonl_help)
    outputs.add_argument("--jsonl-mb", type=float, metavar="N", help="begin a new one beyond this; FILE.1 is the last")
    outputs.add_argument("--masks", type=Path, metavar="DIR", help="masks of class ids as PNG")
    outputs.add_argument("--masks-per-second", type=float, metavar="N", help="at most so many (every frame)")
    outputs.add_argument("--keep-masks", type=int, metavar="N", help="only the newest so many (all)")
    mqtt_help = f"mqtt://USER@HOST/TOPIC; the password in {PASSWORD_VARIABLE}"
    outputs.add_argument("--mqtt", metavar="URL", help=mqtt_help)
    outputs.add_argument("--mqtt-per-second", type=float, default=1.0, metavar="N", help="frames told of (1)")
    outputs.add_argument("--mqtt-discovery", action="store_true", help="tell Home Assistant of the sensors")
    outputs.add_argument("--metrics-port", type=int, metavar="N", help="figures for Prometheus, at /metrics")
    outputs.add_argument("--metrics-host", default="127.0.0.1", metavar="ADDRESS", help="127.0.0.1")


def run(args: argparse.Namespace) -> int:
    """Run until the source ends or the user ends it, and print the figures."""
    with stop_on_signals() as stop:
        stats = run_camera(_config(args), stop=stop, quiet=args.quiet)
    if args.json != "-":
        print(_summary(stats))
    return 0


def _config(args: argparse.Namespace) -> CameraConfig:
    mqtt = None
    if args.mqtt is not None:
        mqtt = MqttConfig(args.mqtt, per_second=args.mqtt_per_second, discovery=args.mqtt_discovery)
    return CameraConfig(
        model=args.model,
        source=SourceConfig(
            args.source,
            loop=args.loop,
            width=args.width,
            height=args.height,
            fps=args.fps,
            fourcc=args.fourcc,
            reconnect=not args.no_reconnect,
        ),
        view=args.view,
        web=WebConfig(host=args.host, port=args.port, token=args.token or os.environ.get(TOKEN_VARIABLE) or None),
        record=args.record,
        record_limits=RecordLimits(
            segment_minutes=args.segment_minutes,
            segment_mb=args.segment_mb,
            keep_mb=args.keep_mb,
            keep_hours=args.keep_hours,
            min_free_mb=args.min_free_mb,
        ),
        report=args.json,
        frame_log=args.jsonl,
        frame_log_mb=args.jsonl_mb,
        masks=args.masks,
        masks_per_second=args.masks_per_second,
        keep_masks=args.keep_masks,
        mqtt=mqtt,
        metrics=None if args.metrics_port is None else MetricsConfig(args.metrics_port, args.metrics_host),
        max_frames=args.max_frames,
        minutes=args.minutes,
        smooth_s=args.smooth,
        fast=args.fast,
        **foreign.options(args),
    )


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
    lines += _sustained(stats)
    health = stats.source_health
    if health.losses:
        lines.append(
            f"lost {health.losses} times, came back {health.reconnects} times, {health.gap_s:.1f} s without frames"
        )
    recording = stats.outputs.each.get("recording")
    lines += [f"recording: {stats.outputs.record}"] if recording is not None and recording.written else []
    lines += [
        f"{name.replace('_', ' ')} failed: {output.error}"
        for name, output in stats.outputs.each.items()
        if output.error
    ]
    return "\n".join(lines)


def _sustained(stats: CameraStats) -> list[str]:
    if stats.sustained is None:
        return []
    first, last = stats.sustained.first_minute, stats.sustained.last_minute
    text = (
        f"sustained, in the last minute: {last.fps:.1f} frames a second; capture to mask "
        f"{last.capture_to_result_ms:.1f} ms, of it inference {last.inference_ms:.1f} ms "
        f"(first minute: {first.fps:.1f}; "
        f"{first.capture_to_result_ms:.1f} ms, {first.inference_ms:.1f} ms)"
    )
    return [text]
