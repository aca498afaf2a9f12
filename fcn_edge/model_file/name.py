"""File names of models: ``NAME.PRECISION.FORMAT``, or ``NAME.labels.PRECISION.FORMAT`` for one that gives class ids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from fcn_edge.card import OutputKind, Precision
from fcn_edge.errors import ModelFileError

Format = Literal["tflite", "onnx", "keras"]

FORMATS: tuple[Format, ...] = get_args(Format)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True, slots=True)
class ModelName:
    """What a model file's name says.

    Attributes:
        name: The NAME part; may have dots of its own.
        precision: None where the name has none, as ``model.keras`` and most foreign files.
        output: ``labels`` only where the name says so.
        format: The suffix.
    """

    name: str
    precision: Precision | None
    output: OutputKind
    format: Format


def parse_name(path: Path | str) -> ModelName:
    """Read a model file's name; the file itself is not looked at.

    Raises:
        ModelFileError: The suffix is of no format that can be run.
    """
    path = Path(path)
    suffix = path.suffix.lower().lstrip(".")
    if suffix not in FORMATS:
        hint = "export it first: fcn-edge export MODEL --formats tflite-int8 --out DIR"
        known = ", ".join(f".{known}" for known in FORMATS)
        raise ModelFileError(f"{path}: not a model file: its name ends in none of {known}", hint=hint)
    parts = path.stem.split(".")
    precision: Precision | None = None
    output: OutputKind = "logits"
    if len(parts) > 1 and parts[-1] in PRECISIONS:
        precision = cast("Precision", parts.pop())
    if len(parts) > 1 and parts[-1] == "labels":
        output = "labels"
        parts.pop()
    return ModelName(".".join(parts), precision, output, suffix)


def file_name(name: str, precision: Precision | None, format: Format, output: OutputKind = "logits") -> str:  # noqa: A002 - the domain's word
    """Put a file name together; :func:`parse_name` takes it apart again."""
    parts = [name, "labels" if output == "labels" else None, precision, format]
    return ".".join(part for part in parts if part)
