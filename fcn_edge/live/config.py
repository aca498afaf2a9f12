"""What a user may ask of the camera."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fcn_edge.atomic import check_writable
from fcn_edge.card import Activation
from fcn_edge.errors import UsageError
from fcn_edge.live.output.mask_files import check_masks
from fcn_edge.live.output.mqtt import MqttConfig, check_mqtt
from fcn_edge.live.output.prometheus import MetricsConfig, check_metrics
from fcn_edge.live.output.recording import NO_LIMITS, RecordLimits, check_recording
from fcn_edge.live.painter import OPACITY
from fcn_edge.live.source import SourceConfig, check_source
from fcn_edge.live.web.config import WebConfig, check_web_config
from fcn_edge.runtime.segmenter import Preprocessing

View = Literal["window", "web", "none"]
VIEWS: tuple[View, ...] = ("window", "web", "none")
_LONGEST_SMOOTH_S = 60.0


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """What to run, on what, and where the results go.

    Where neither backend nor threads nor delegate is given, what ``fcn-edge tune`` chose for the model on this device
    counts.

    Attributes:
        model: A model file or the name of a shipped model.
        source: Where frames come from.
        backend: Runtime; None for the one that fits the file.
        threads: Of the runtime; None for one.
        delegate: An external delegate for a ``.tflite``: ``PATH`` or ``PATH,key=value,…``.
        classes: Class names in id order, for a model without a card.
        preprocessing: For a model without a card.
        activation: What the scores of a model without a card already went through.
        view: ``window``, ``web`` (a page for browsers) or ``none``; None for a window where there is a display, else
            the page.
        web: Where the page is served, and to whom.
        record: Film to write, ``.mkv`` or ``.avi``, or a folder for films of ten minutes.
        record_limits: How large the recording may become.
        report: JSON file for the statistics; ``-`` is standard output.
        frame_log: JSON-lines file with a line for each frame.
        frame_log_mb: Beyond this a new one begins, and only the last is kept beside it; None for no limit.
        masks: Folder for masks as PNG.
        masks_per_second: At most so many; None for every frame.
        keep_masks: Only the newest so many; None for all.
        mqtt: The broker that is told of frames and status.
        metrics: Where Prometheus finds figures.
        max_frames: End after so many processed frames.
        minutes: End after so many minutes.
        smooth_s: Average scores over time with this time constant, in seconds, against flicker; None for not at all.
        fast: Do not keep a film to its own rate.
        opacity: Of the classes' colours, 0..1.
    """

    model: str
    source: SourceConfig = field(default_factory=SourceConfig)
    backend: str | None = None
    threads: int | None = None
    delegate: str | None = None
    classes: tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None
    activation: Activation = "none"
    view: View | None = None
    web: WebConfig = field(default_factory=WebConfig)
    record: Path | None = None
    record_limits: RecordLimits = NO_LIMITS
    report: Path | str | None = None
    frame_log: Path | None = None
    frame_log_mb: float | None = None
    masks: Path | None = None
    masks_per_second: float | None = None
    keep_masks: int | None = None
    mqtt: MqttConfig | None = None
    metrics: MetricsConfig | None = None
    max_frames: int | None = None
    minutes: float | None = None
    smooth_s: float | None = None
    fast: bool = False
    opacity: float = OPACITY


def check_config(config: CameraConfig) -> None:
    """Find what is wrong with *config* before anything is loaded or written.

    Raises:
        UsageError: A path that does not exist, a value out of range, a recording of a format that cannot be written.
    """
    check_source(config.source)
    _check_outputs(config)
    if config.max_frames is not None and config.max_frames < 1:
        message = f"--max-frames {config.max_frames}: expected 1 or more"
        raise UsageError(message, hint="leave --max-frames out to run until the source ends")
    if config.minutes is not None and not 0 < config.minutes < math.inf:
        raise UsageError(
            f"--minutes {config.minutes}: expected above 0", hint="leave it out to run until the source ends"
        )
    if config.smooth_s is not None and not 0 < config.smooth_s <= _LONGEST_SMOOTH_S:
        message = f"--smooth {config.smooth_s}: expected seconds above 0, at most {_LONGEST_SMOOTH_S:g}"
        raise UsageError(message, hint="use --smooth 0.3, or leave it out")
    check_web_config(config.web)
    if config.threads is not None and config.threads < 1:
        raise UsageError(f"--threads {config.threads}: expected 1 or more", hint="use --threads 1")


def _check_outputs(config: CameraConfig) -> None:
    if config.record is not None:
        check_recording(config.record, config.source.target, config.record_limits)
    elif config.record_limits.any or config.record_limits.min_free_mb is not None:
        raise UsageError("limits for a recording, but no recording", hint="name it: --record camera.mkv")
    if config.frame_log_mb is not None and (config.frame_log is None or not 0 < config.frame_log_mb < math.inf):
        message = f"--jsonl-mb {config.frame_log_mb:g}: expected above 0, and a log: --jsonl FILE"
        raise UsageError(message, hint="leave it out for no limit")
    if config.masks is not None:
        check_masks(config.masks, config.masks_per_second, config.keep_masks)
    elif config.masks_per_second is not None or config.keep_masks is not None:
        raise UsageError("limits for masks, but no masks", hint="name a folder: --masks DIR")
    if config.mqtt is not None:
        check_mqtt(config.mqtt)
    if config.metrics is not None:
        check_metrics(config.metrics)
    _check_places(config)


def _check_places(config: CameraConfig) -> None:
    """Refuse places that cannot be written to, or that two things would be written to, before anything begins."""
    report = None if config.report in (None, "-") else Path(str(config.report))
    files = [path for path in (report, config.frame_log) if path is not None]
    if config.record is not None and config.record.suffix:
        files.append(config.record)
    if len({path.absolute() for path in files}) < len(files):
        raise UsageError("two outputs would go into one file", hint="give each of --json, --jsonl and --record its own")
    for path in files:
        check_writable(path)
    if config.masks is not None:
        source = Path(config.source.target)
        if source.is_dir() and config.masks.is_dir() and config.masks.samefile(source):
            message = f"--masks {config.masks}: this is the folder that is being read"
            raise UsageError(message, hint="choose another folder")
        check_writable(config.masks, folder=True)
