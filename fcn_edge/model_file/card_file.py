"""The card inside a model file, whatever its format."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from fcn_edge import atomic, card
from fcn_edge.card import ModelCard
from fcn_edge.errors import ModelFileError, UsageError
from fcn_edge.model_file.name import Format, parse_name

_MODULES: dict[Format, str] = {
    "tflite": "fcn_edge.model_file.tflite_format",
    "onnx": "fcn_edge.model_file.onnx_format",
    "keras": "fcn_edge.model_file.keras_format",
}


@dataclass(frozen=True, slots=True)
class _Functions:
    """What each format's module offers."""

    read_text: Callable[[Path], str | None]
    write_text: Callable[[Path, Path, str, tuple[str, ...]], None]
    fingerprint: Callable[[Path], str]


def read_card(path: Path | str) -> ModelCard | None:
    """Read the card of a model file; None for a foreign model, which has none.

    Raises:
        UsageError: The file does not exist.
        ModelFileError: The file is not of the format its suffix says, is truncated, or has a card that cannot be read.
    """
    path = existing(path)
    text = _format_of(path).read_text(path)
    return None if text is None else card.from_json(text, where=str(path))


def write_card(path: Path | str, model_card: ModelCard) -> ModelCard:
    """Put a card into an existing model file, in place of the one it may have.

    The file is replaced whole or not at all. Everything else in it stays as it is.

    Returns:
        The card as written: with the file's fingerprint.

    Raises:
        UsageError: The file does not exist.
        ModelFileError: The file is not of the format its suffix says, or is truncated.
        OutputError: The file cannot be written.
    """
    path = existing(path)
    functions = _format_of(path)
    complete = dataclasses.replace(model_card, fingerprint=functions.fingerprint(path))
    labels = tuple(spec.name for spec in complete.classes)
    if complete.output == "logits" and complete.score_channels == 1:
        # Other tools take labels.txt for the names of the score channels; one channel is the foreground alone.
        labels = labels[-1:]
    with atomic.replacing(path) as temporary:
        functions.write_text(path, temporary, card.to_json(complete), labels)
    return complete


def fingerprint(path: Path | str) -> str:
    """Compute the SHA-256 (hexadecimal) of a model file without its card.

    Raises:
        UsageError: The file does not exist.
        ModelFileError: The file is not of the format its suffix says, or is truncated.
    """
    path = existing(path)
    return _format_of(path).fingerprint(path)


def existing(path: Path | str) -> Path:
    """Give *path* back if a file is there that can be read.

    Raises:
        UsageError: There is none.
        ModelFileError: It may not be read.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UsageError(
            f"{path}: {what}; a model file was expected", hint="check the path; fcn-edge models lists names"
        )
    try:
        path.open("rb").close()
    except OSError as error:
        hint = "give a model file that you may read"
        raise ModelFileError(f"{path}: cannot be read: {error.strerror or error}", hint=hint) from error
    return path


def _format_of(path: Path) -> _Functions:
    module = importlib.import_module(_MODULES[parse_name(path).format])
    return cast("_Functions", module)
