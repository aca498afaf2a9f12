"""Show what a model file is: input, output, precision, and the card inside it."""

from __future__ import annotations

import argparse
import sys

from fcn_edge.atomic import write_report
from fcn_edge.card import ModelCard
from fcn_edge.runtime.backend import TensorInfo
from fcn_edge.runtime.delegation import describe_delegation
from fcn_edge.runtime.inspection import ModelInfo, inspect_model

EXAMPLE = "fcn-edge info people"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add model, backend and the option for JSON."""
    parser.add_argument("model", metavar="MODEL", help="a model file, a run folder, or a shipped model's name")
    parser.add_argument("--backend", metavar="NAME", help="litert, tflite-runtime, onnxruntime, openvino or keras")
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON; - is standard output")


def run(args: argparse.Namespace) -> int:
    """Print what was found."""
    info = inspect_model(args.model, backend=args.backend)
    if args.json != "-":
        print(render(info))
    if args.json:
        write_report(args.json, "info", info.to_dict())
    for warning in info.warnings:
        print(f"warning: {info.path}: {warning}", file=sys.stderr)
    return 0


def render(info: ModelInfo) -> str:
    """Give the text for people, one fact a line."""
    rows = [
        ("file", str(info.path)),
        ("format", f"{info.format}, {info.precision or 'precision unknown'}, {info.size_bytes:,} bytes"),
        ("input", _tensor(info.input)),
        ("output", _tensor(info.output)),
        ("delegation", "" if info.delegation is None else describe_delegation(info.delegation)),
    ]
    rows += (
        [("card", "none: a foreign model; name its classes with --classes")] if info.card is None else _card(info.card)
    )
    return "\n".join(f"{key:<13} {value}" for key, value in rows if value)


def _tensor(tensor: TensorInfo) -> str:
    shape = "x".join(str(n) for n in tensor.shape)
    quantized = "" if tensor.scale is None else f", real = {tensor.scale:.6g} * (raw - {tensor.zero_point})"
    colour = "" if tensor.colour is None else f" {tensor.colour}"
    return f"{tensor.name}: {shape} {tensor.dtype}, {tensor.layout}{colour}{quantized}"


def _card(card: ModelCard) -> list[tuple[str, str]]:
    training = card.training
    threshold = "" if card.threshold is None else f"foreground from probability {card.threshold:g}"
    return [
        ("name", card.name),
        ("architecture", card.architecture),
        ("classes", ", ".join(f"{i} {spec.name}" for i, spec in enumerate(card.classes))),
        ("threshold", threshold),
        ("geometry", card.geometry),
        ("scores", card.output if card.score_activation == "none" else f"after {card.score_activation}"),
        *((metric.name, f"{metric.value:.4f} on {metric.split} ({metric.images} images)") for metric in card.metrics),
        ("trained on", training.data),
        ("licence", training.licence),
        ("credit", training.credit),
        ("command", training.command),
        ("limits", card.limits),
        ("tools", ", ".join(f"{name} {version}" for name, version in card.tools.items())),
        ("fingerprint", card.fingerprint),
    ]
