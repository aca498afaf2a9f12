"""What a user may ask of the camera."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fcn_edge.card import Activation
from fcn_edge.errors import UsageError
from fcn_edge.live.output.recording import check_recording
from fcn_edge.live.painter import OPACITY
from fcn_edge.live.source import SourceConfig, check_source
from fcn_edge.runtime.segmenter import Preprocessing

View = Literal["window", "none"]
VIEWS: tuple[View, ...] = ("window", "none")


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
        view: ``window`` or ``none``; None for a window where there is a display.
        record: Film to write, ``.mkv`` or ``.avi``.
        report: JSON file for the statistics; ``-`` is standard output.
        frame_log: JSON-lines file with a line for each frame.
        max_frames: End after so many processed frames.
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
    record: Path | None = None
    report: Path | str | None = None
    frame_log: Path | None = None
    max_frames: int | None = None
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
    if config.threads < 1:
        raise UsageError(f"--threads {config.threads}: expected 1 or more", hint="use --threads 1")
