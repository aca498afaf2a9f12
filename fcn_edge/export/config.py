"""What an export is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fcn_edge.card import Geometry, OutputKind
from fcn_edge.errors import UsageError
from fcn_edge.export.ranges import METHODS, Method
from fcn_edge.runtime.pixels import Preprocessing

DEFAULT_FORMATS = ("tflite-int8", "tflite-fp32", "onnx-int8", "onnx-fp32")
MAX_SIDE = 8192


@dataclass(frozen=True, slots=True)
class ExportConfig:
    """A wish for an export; every field but the first two has a default that suits most models.

    Attributes:
        data: Data folder: calibration images come from *calibration_split*, the proof from *split*.
        out: Folder for the files and ``export.json``.
        formats: Names of :data:`fcn_edge.export.formats.FORMATS`.
        name: NAME of the files; by default the card's name, or the name of the run folder or file.
        size_hw: Input height and width; by default the model's own.
        output: ``logits`` for scores, ``labels`` for class ids decided in the graph.
        fold: Rewrite linear layers as fewer (exactly); otherwise the graph stays as it is.
        symmetric: int8 ONNX with symmetric int8 activations, as TensorRT wants it; slow on a CPU.
        max_drop: Absolute points of mIoU a file may lose against Keras; judged where *split* has masks.
        repair: Mend an int8 file that loses more, or that misses its tolerance: its guilty layers stay in floating
            point, fewest first. Not where *float_layers* were chosen by hand.
        calibration_images: Most images to calibrate int8 on.
        calibration_split: Where they come from.
        calibration_method: How the ranges of int8 are found on them: all of what was seen (``min-max``), without the
            rarest values (``percentile``), or with the least mean squared error (``mse``).
        split: Where the samples of the ladder come from.
        verify_images: Most images of *split* to prove the files on, evenly spaced; 0 for all.
        seed: Of the choice of calibration images.
        classes: Class names in id order, background first; by default the card's, or those of the data folder.
        threshold: Probability from which a pixel is foreground, for one score channel; by default the card's, or 0.5.
        geometry: How an image becomes the input; by default the card's, or ``stretch``.
        preprocessing: What a foreign model expects of its input; it goes into the graph. By default 0..255 RGB.
        float_layers: Names of layers that int8 files compute in floating point, as ``diagnose`` names them.
    """

    data: Path
    out: Path
    formats: tuple[str, ...] = DEFAULT_FORMATS
    name: str | None = None
    size_hw: tuple[int, int] | None = None
    output: OutputKind = "logits"
    fold: bool = True
    symmetric: bool = False
    max_drop: float = 1.0
    repair: bool = True
    calibration_images: int = 100
    calibration_split: str = "train"
    calibration_method: Method = "min-max"
    split: str = "val"
    verify_images: int = 200
    seed: int = 0
    classes: tuple[str, ...] | None = None
    threshold: float | None = None
    geometry: Geometry | None = None
    preprocessing: Preprocessing | None = None
    float_layers: tuple[str, ...] = ()


def check_config(config: ExportConfig) -> None:
    """Check what can be checked before anything is loaded.

    Raises:
        UsageError: A value is out of range.
    """
    if not config.formats:
        raise UsageError("no format is asked for", hint=f"for example {','.join(DEFAULT_FORMATS)}")
    if config.output not in ("logits", "labels"):
        raise UsageError(f"output {config.output!r} is unknown", hint="use logits or labels")
    if config.size_hw is not None and min(config.size_hw) < 1:
        raise UsageError(
            f"size {config.size_hw} is not two positive numbers", hint="give HEIGHTxWIDTH, such as 128x128"
        )
    if config.size_hw is not None and max(config.size_hw) > MAX_SIDE:
        raise UsageError(
            f"size {config.size_hw} is more than {MAX_SIDE} on a side", hint="give HEIGHTxWIDTH, such as 128x128"
        )
    _check_calibration(config)
    if config.verify_images < 0:
        raise UsageError(
            f"--verify-images {config.verify_images} is not a number of images", hint="give 1 or more, or 0 for all"
        )
    if config.threshold is not None and not 0 < config.threshold < 1:
        raise UsageError(f"threshold {config.threshold} is not between 0 and 1", hint="0.5 is the usual one")
    if not config.max_drop >= 0:
        raise UsageError(f"--max-drop {config.max_drop} is not a number of points from 0", hint="the default is 1.0")
    wanted = config.preprocessing
    if wanted is not None and (not wanted.scale or not all(wanted.std)):
        raise UsageError("a scale or std of 0 makes every image the same", hint="give the values of the training")


def _check_calibration(config: ExportConfig) -> None:
    if config.calibration_images < 1:
        raise UsageError("calibration needs at least one image", hint="the default of 100 suits most models")
    if config.calibration_method not in METHODS:
        raise UsageError(
            f"calibration method {config.calibration_method!r} is unknown", hint=f"use {', '.join(METHODS)}"
        )
