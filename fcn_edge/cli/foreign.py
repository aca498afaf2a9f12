"""The options that let a command run a model without a card: names, and what to do to the pixels."""

from __future__ import annotations

import argparse
from fractions import Fraction
from typing import Any

from fcn_edge.card import Activation
from fcn_edge.errors import UsageError
from fcn_edge.runtime.pixels import Preprocessing
from fcn_edge.runtime.registry import BACKENDS

_CHANNELS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--backend``, ``--threads``, ``--delegate`` and the options for models without a card."""
    parser.add_argument("--backend", metavar="NAME", help=f"runtime: {', '.join(BACKENDS)}")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of the runtime (1)")
    add_delegate(parser)
    group = add_pixels_and_scores(parser)
    group.add_argument("--classes", metavar="A,B", help="class names in the order of their ids, background first")


def add_delegate(parser: argparse.ArgumentParser) -> None:
    """Add ``--delegate``."""
    help_text = "external delegate for a .tflite, as libedgetpu.so.1; its options behind it: PATH,key=value"
    parser.add_argument("--delegate", metavar="PATH", help=help_text)


def add_pixels_and_scores(parser: argparse.ArgumentParser) -> Any:  # noqa: ANN401 - argparse's groups are private
    """Add the options for models without a card, but for their classes; give the group."""
    group = parser.add_argument_group("models without a card", "pixels become (pixel * SCALE - MEAN) / STD")
    add_preprocessing(group)
    group.add_argument("--probabilities", action="store_true", help="one score per pixel: cut at 0.5, not at logit 0")
    return group


def add_preprocessing(group: Any) -> None:  # noqa: ANN401 - argparse keeps the class of its groups private
    """Add ``--scale``, ``--mean``, ``--std`` and ``--bgr``."""
    group.add_argument("--scale", metavar="X", help="factor on 0..255, for example 1/255")
    group.add_argument("--mean", metavar="R,G,B", help="per channel, in the model's colour order")
    group.add_argument("--std", metavar="R,G,B", help="per channel, in the model's colour order")
    group.add_argument("--bgr", action="store_true", help="the model takes BGR, not RGB")


def options(args: argparse.Namespace) -> dict[str, Any]:
    """Turn the options into keyword arguments of :meth:`fcn_edge.Segmenter.open`.

    Raises:
        UsageError: A value is not a number, or not as many as there are channels.
    """
    return {
        "backend": args.backend,
        "threads": args.threads,
        "delegate": args.delegate,
        "classes": tuple(name.strip() for name in args.classes.split(",")) if args.classes else None,
        "preprocessing": preprocessing(args),
        "activation": activation(args),
    }


def activation(args: argparse.Namespace) -> Activation:
    """Read ``--probabilities``."""
    return "sigmoid" if args.probabilities else "none"


def preprocessing(args: argparse.Namespace) -> Preprocessing | None:
    """Read ``--scale``, ``--mean``, ``--std`` and ``--bgr``; None where none is given.

    Raises:
        UsageError: A value is not a number, or not as many as there are channels.
    """
    if args.scale is None and args.mean is None and args.std is None and not args.bgr:
        return None
    return Preprocessing(
        scale=_number("--scale", args.scale or "1"),
        mean=_triple("--mean", args.mean or "0,0,0"),
        std=_triple("--std", args.std or "1,1,1"),
        bgr=args.bgr,
    )


def _triple(option: str, text: str) -> tuple[float, float, float]:
    parts = text.split(",")
    if len(parts) == 1:
        parts *= _CHANNELS
    if len(parts) != _CHANNELS:
        raise UsageError(
            f"{option} {text}: {len(parts)} numbers, but 3 were expected", hint=f"write {option} 0.5,0.5,0.5"
        )
    first, second, third = (_number(option, part) for part in parts)
    return first, second, third


def _number(option: str, text: str) -> float:
    try:
        return float(Fraction(text)) if "/" in text else float(text)
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(
            f"{option} {text}: not a number", hint=f"write {option} 0.5, or a fraction such as 1/255"
        ) from error
