"""``compare --layers``: the diagnosis of each int8 file of a comparison, which needs the export extra."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fcn_edge.cli import foreign
from fcn_edge.errors import UsageError
from fcn_edge.model_file import resolve

if TYPE_CHECKING:
    from fcn_edge.measure.accuracy.result import CompareReport

_QUANTISED = ("tflite", "onnx")


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Declare ``--layers``."""
    parser.add_argument(
        "--layers",
        action="store_true",
        help="find the layers where int8 files lose, by leaving them in float (needs the .keras and the extra export)",
    )


def check_models(models: Sequence[str]) -> None:
    """Check before anything runs that layers can be followed.

    Raises:
        UsageError: There is no Keras model to follow them in.
    """
    if not any(resolve(model).suffix == ".keras" for model in models):
        raise UsageError(
            "--layers: there is no Keras model among MODEL to follow the layers in",
            hint="name the run folder or .keras file that the int8 files were exported from as well",
        )


def diagnose_layers(args: argparse.Namespace, report: CompareReport) -> list[dict[str, Any]]:
    """Diagnose the int8 files of a comparison, print what was found, and give the JSON of each."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if args.debug else "2")
    from fcn_edge.export import DiagnosisConfig, diagnose
    from fcn_edge.export.diagnosis import to_json
    from fcn_edge.export.diagnosis_text import format_diagnosis

    config = DiagnosisConfig(args.data, split=args.split, preprocessing=foreign.preprocessing(args))
    source = next(variant for variant in report.variants if variant.format == "keras")
    entries = []
    for variant in report.variants:
        if variant.precision != "int8" or variant.format not in _QUANTISED:
            continue
        found = diagnose(source.path, Path(variant.path), config, tell=None if args.quiet else _tell)
        if args.json != "-":
            print(f"\n{format_diagnosis(found)}")
        entries.append({**to_json(found), "candidate": variant.name})
    return entries


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
