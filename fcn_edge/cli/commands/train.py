"""Train a network on a data folder; run the same command again to resume a run that was stopped.

The run folder gets model.keras (the best epoch by mIoU on val, with its card), history.json, curves.png, samples/ and
checkpoint.npz. Several machines train together where TF_CONFIG names them, as TensorFlow wants it: the same command on
each, a run folder that all see, and the batch is shared among them.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import re
import shlex
import sys
from pathlib import Path
from typing import Any

from fcn_edge.atomic import write_report
from fcn_edge.networks import ARCHITECTURES
from fcn_edge.train import NO_AUGMENTATION, AugmentConfig, EpochStats, TrainConfig, TrainReport, train_model

EXAMPLE = "fcn-edge train data/nuclei --arch fcn --size 128x128 --top-down --out runs/nuclei"

_VARIED = {
    "zoom": "largest factor of enlarging and shrinking",
    "stretch": "largest change of aspect ratio, as a part of 1",
    "tilt": "largest turn to either side, in degrees",
    "contrast": "largest change of contrast, as a part of 1",
    "brightness": "largest shift of all values, as a part of the range",
    "gamma": "largest exponent of values, and of its inverse; 1 for none",
    "color": "largest shift of each channel, as a part of the range",
    "saturation": "largest change of saturation, as a part of 1",
    "soften": "probability of blur, and of noise",
    "cutout": "probability that a box is painted over",
    "mix": "probability that a box of another image covers a part",
}
_DEFAULTS = {f.name: f.default for f in dataclasses.fields(TrainConfig)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "data",
        metavar="DATA",
        type=Path,
        nargs="+",
        help="data folder with images/, masks/ and classes.txt; or several",
    )
    parser.add_argument("--out", type=Path, required=True, help="run folder to write, or to resume")
    parser.add_argument("--arch", default="fcn", help=f"{', '.join(ARCHITECTURES)} (default: fcn)")
    parser.add_argument("--size", type=_size, default=(128, 128), metavar="HxW", help="input size (default: 128x128)")
    parser.add_argument("--geometry", default="stretch", choices=("stretch", "letterbox"), help="default: stretch")
    _add_network(parser.add_argument_group("network"))
    _add_schedule(parser.add_argument_group("training"))
    _add_augmentation(parser.add_argument_group("augmentation"))
    _add_card(parser.add_argument_group("model card"))
    parser.add_argument("--fresh", action="store_true", help="begin anew, whatever the run folder holds")
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON; - is standard output")


def run(args: argparse.Namespace) -> int:
    """Train, print each epoch and the result."""
    config = _config(args)
    # With --json - standard output is the result's alone.
    told = io.StringIO() if args.json == "-" else sys.stdout
    report = train_model(
        config,
        quiet=args.quiet,
        on_epoch=lambda stats: print(_line(stats, config.epochs), file=told, flush=True),
    )
    if args.json:
        write_report(args.json, "train", _content(report))
    print(_summary(report, config), file=told)
    return 0


def _summary(report: TrainReport, config: TrainConfig) -> str:
    best = report.best
    early = f", stopped early after {len(report.epochs)}" if report.stopped_early else ""
    return (
        f"{report.model_path}: epoch {best.epoch} of {config.epochs}{early}\n"
        f"  val ({report.val_images} images): mIoU {best.val_miou:.4f}, {_per_class(best, 4)}\n"
        f"next: fcn-edge export {report.out} --data {config.data} --formats tflite-int8 --out build"
    )


def _add_network(group: Any) -> None:  # noqa: ANN401 - argparse names no public type for a group
    group.add_argument("--filters", type=_numbers, metavar="N,N,…", help="fcn: filters of each level (64,128,256)")
    group.add_argument("--depth", type=int, help="fcn: levels, of 64, 128, … filters (3)")
    group.add_argument("--skip", choices=("concat", "add"), help="fcn: how skips join (concat)")
    group.add_argument("--convs", type=int, help="fcn: convolutions on each level (1)")
    group.add_argument("--batch-norm", action="store_true", default=None, help="fcn: batch normalisation")
    group.add_argument("--width", type=float, help="fcn32s, fcn16s, fcn8s, fcn_light: factor on all filters (1)")
    group.add_argument("--decoder", type=int, help="fcn_lite0, fcn_light: channels of the decoder (64, 48)")
    group.add_argument("--deepest", type=int, help="fcn_lite0, fcn_light: stride where the encoder ends, 16 or 32 (32)")
    group.add_argument("--shrink", type=int, help="fcn_lite0, fcn_light: 2 for large inputs, to save work (1)")
    group.add_argument("--nonlinear", type=int, help="fcn_lite0, fcn_light: 4 or 2 for finer maps at some cost (8)")
    group.add_argument(
        "--no-pretrained", dest="pretrained", action="store_false", default=None, help="fcn_lite0: start from noise"
    )
    group.add_argument("--dropout", type=float, help="fcn32s, fcn16s, fcn8s: dropout after fc6 and fc7 (0.5)")


def _add_schedule(group: Any) -> None:  # noqa: ANN401 - argparse names no public type for a group
    for flag, kind, text in (
        ("--epochs", int, "passes over the training split"),
        ("--batch-size", int, "images a step, shared among several machines"),
        ("--learning-rate", float, "after the warm-up; it falls as a cosine"),
        ("--warmup-epochs", float, "over which it rises"),
        ("--weight-decay", float, "of AdamW, such as 0.01"),
        ("--average", float, "decay of a moving average of the weights, such as 0.995"),
    ):
        name = flag[2:].replace("-", "_")
        default = _DEFAULTS[name]
        group.add_argument(flag, type=kind, default=default, metavar="N", help=f"{text} ({default:g})")
    group.add_argument("--loss", default="ce+dice", choices=("ce", "dice", "ce+dice"), help="default: ce+dice")
    group.add_argument(
        "--start", default="", metavar="MODEL", help="begin with the weights of a run of the same network"
    )
    group.add_argument(
        "--int8", action="store_true", help="learn with the roundings of int8, a few epochs from --start"
    )
    group.add_argument(
        "--mask-scale", type=int, default=1, metavar="N", help="compare with masks N times as large as the input (1)"
    )
    group.add_argument(
        "--by-pixels", action="store_true", help="draw images as often as they have pixels, as the pooled IoU counts"
    )
    group.add_argument(
        "--teacher",
        action="append",
        default=[],
        metavar="MODEL",
        help="a trained .keras model to learn from as well; given again: from the mean of all",
    )
    group.add_argument(
        "--teacher-share", type=float, default=0.5, metavar="F", help="part of the loss that they decide (0.5)"
    )
    group.add_argument(
        "--class-weights", type=_weights, default="none", metavar="W", help="none, auto, or one a class: 1,2.5"
    )
    group.add_argument(
        "--val-scales",
        type=_scales,
        default=(),
        metavar="F,F,…",
        help="validate also with objects so many times as large, such as 0.7,1.4; the mean decides",
    )
    group.add_argument(
        "--patience", type=int, default=_DEFAULTS["patience"], metavar="N", help="epochs without gain; 0: never stop"
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")


def _add_augmentation(group: Any) -> None:  # noqa: ANN401 - argparse names no public type for a group
    group.add_argument("--no-augment", action="store_true", help="vary nothing")
    group.add_argument("--top-down", action="store_true", help="also turn and mirror: pictures without an up")
    for name, text in _VARIED.items():
        default = getattr(AugmentConfig(), name)
        group.add_argument(f"--{name}", type=float, default=default, metavar="F", help=f"{text} ({default:g})")


def _add_card(group: Any) -> None:  # noqa: ANN401 - argparse names no public type for a group
    for flag, text in (
        ("--name", "the model's name (the run folder's)"),
        ("--data-name", "what the data is (the data folder's name)"),
        ("--licence", "of the data"),
        ("--credit", "whom users of the weights must name"),
        ("--limits", "what the model is not made for"),
    ):
        group.add_argument(flag, default="", metavar="TEXT", help=text)


def _config(args: argparse.Namespace) -> TrainConfig:
    names = (
        *("filters", "depth", "skip", "convs", "batch_norm", "width", "dropout"),
        *("decoder", "deepest", "shrink", "nonlinear", "pretrained"),
    )
    options = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    varied = AugmentConfig(top_down=args.top_down, **{name: getattr(args, name) for name in _VARIED})
    special = {"data", "more_data", "architecture", "size_hw", "options", "augment", "teacher", "command"}
    same = {name: getattr(args, name) for name in _DEFAULTS if name not in special}
    return TrainConfig(
        data=args.data[0],
        more_data=tuple(args.data[1:]),
        architecture=args.arch,
        size_hw=args.size,
        options=options,
        augment=NO_AUGMENTATION if args.no_augment else varied,
        teacher=tuple(args.teacher),
        command=shlex.join(["fcn-edge", *sys.argv[1:]]),
        **same,
    )


def _line(stats: EpochStats, epochs: int) -> str:
    return (
        f"epoch {stats.epoch}/{epochs}: loss {stats.loss:.4f}, val loss {stats.val_loss:.4f}, "
        f"val mIoU {stats.val_miou:.4f} ({_per_class(stats, 3)}), {stats.seconds:.0f} s"
    )


def _per_class(stats: EpochStats, digits: int) -> str:
    iou = ", ".join(
        f"{name} {'absent' if value is None else format(value, f'.{digits}f')}"
        for name, value in stats.val_per_class_iou.items()
    )
    if stats.threshold is not None:
        iou += f", threshold {stats.threshold}"
    return iou + "".join(f", mIoU {miou:.{digits}f} at {scale}x" for scale, miou in stats.val_scales.items())


def _content(report: TrainReport) -> dict[str, Any]:
    return {
        "model": str(report.model_path),
        "epochs": len(report.epochs),
        "stopped_early": report.stopped_early,
        "best": dataclasses.asdict(report.best),
        "images": {"train": report.train_images, "val": report.val_images},
    }


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, such as 128x128")
    return int(match[1]), int(match[2])


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers, such as 64,128,256") from None


def _scales(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of factors, such as 0.7,1.4") from None


def _weights(text: str) -> str | tuple[float, ...]:
    try:
        return text if text in ("none", "auto") else tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not none, auto or a list of numbers, such as 1,2.5") from None
