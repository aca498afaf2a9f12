"""What a user may ask of the camera."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fcn_edge.card import Activation
from fcn_edge.errors import UsageError
from fcn_edge.live.output.recording import check_recording
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

    Attributes:
        model: A model file or the name of a shipped model.
        source: Where frames come from.
        backend: Runtime; None for the one that fits the file.
        threads: Of the runtime.
        classes: Class names in id order, for a model without a card.
        preprocessing: For a model without a card.
        activation: What the scores of a model without a card already went through.
        view: ``window``, ``web`` (a page for browsers) or ``none``; None for a window where there is a display, else
            the page.
        web: Where the page is served, and to whom.
        record: Film to write, ``.mkv`` or ``.avi``.
        report: JSON file for the statistics; ``-`` is standard output.
        frame_log: JSON-lines file with a line for each frame.
        max_frames: End after so many processed frames.
        minutes: End after so many minutes.
        smooth_s: Average scores over time with this time constant, in seconds, against flicker; None for not at all.
        fast: Do not keep a film to its own rate.
        opacity: Of the classes' colours, 0..1.
    """

    model: str
    source: SourceConfig = field(default_factory=SourceConfig)
    backend: str | None = None
    threads: int = 1
    classes: tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None
    activation: Activation = "none"
    view: View | None = None
    web: WebConfig = field(default_factory=WebConfig)
    record: Path | None = None
    report: Path | str | None = None
    frame_log: Path | None = None
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
    if config.record is not None:
        check_recording(config.record, config.source.target)
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
    if config.threads < 1:
        raise UsageError(f"--threads {config.threads}: expected 1 or more", hint="use --threads 1")
