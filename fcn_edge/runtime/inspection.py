"""Finding out what a model file is, for people and programs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn_edge.card import ModelCard
from fcn_edge.errors import ModelFileError
from fcn_edge.model_file import fingerprint, keras_format, parse_name, read_card, resolve
from fcn_edge.runtime.backend import TensorInfo
from fcn_edge.runtime.contract import RawTensor, describe, image_hw
from fcn_edge.runtime.delegation import DelegationInfo
from fcn_edge.runtime.interpreter import InterpreterBackend
from fcn_edge.runtime.registry import open_backend

_INTEGER_SCORES = ("int8", "uint8")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What was found in a model file.

    Attributes:
        path: The file.
        precision: ``fp32``, ``fp16`` or ``int8``: from the card, else from the name, else from the tensors, else None.
        format: ``tflite``, ``onnx`` or ``keras``.
        size_bytes: Of the whole file, card included.
        input: What goes in.
        output: What comes out; a quantised file's scale and zero point also where only the card knows them.
        card: None for a foreign model.
        delegation: Which operations of a ``.tflite`` XNNPACK takes here; None for other formats.
        warnings: What does not fit together, in plain words.
    """

    path: Path
    precision: str | None
    format: str
    size_bytes: int
    input: TensorInfo
    output: TensorInfo
    card: ModelCard | None
    delegation: DelegationInfo | None
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the content of ``info --json``."""
        return {
            "path": str(self.path),
            "precision": self.precision,
            "format": self.format,
            "bytes": self.size_bytes,
            "input": dataclasses.asdict(self.input),
            "output": dataclasses.asdict(self.output),
            "card": None if self.card is None else dataclasses.asdict(self.card),
            "delegation": None if self.delegation is None else dataclasses.asdict(self.delegation),
            "warnings": list(self.warnings),
        }


def inspect_model(model: str | Path, *, backend: str | None = None) -> ModelInfo:
    """Find out what a model file is.

    A ``.keras`` file with a card is read without Keras; others are opened in a runtime.

    Args:
        model: A model file, a run folder, or the name of a shipped model.
        backend: The runtime to open it in; None for the first that fits.

    Raises:
        UsageError: There is no such model.
        ModelFileError: The file is damaged, or is no segmentation model.
        MissingPackageError: The runtime is not installed.
    """
    path = resolve(model)
    name = parse_name(path)
    card = read_card(path)
    delegation = None
    if name.format == "keras" and card is not None and backend is None:
        source, result = _keras_tensors(path, card)
    else:
        opened = open_backend(path, backend=backend)
        source, result = opened.info.input, opened.info.output
        if isinstance(opened, InterpreterBackend):
            delegation = opened.delegation()
        opened.close()
    if card is not None and card.score_quantization is not None and result.scale is None:
        quantization = card.score_quantization
        result = dataclasses.replace(result, scale=quantization.scale, zero_point=quantization.zero_point)
    precision = name.precision if card is None else card.precision
    if precision is None and result.dtype in _INTEGER_SCORES and result.layout != "NHW":
        precision = "int8"
    warnings = () if card is None else tuple(_warnings(path, card, source))
    size_bytes = path.stat().st_size
    return ModelInfo(path, precision, name.format, size_bytes, source, result, card, delegation, warnings)


def _keras_tensors(path: Path, card: ModelCard) -> tuple[TensorInfo, TensorInfo]:
    """Read the input from the configuration and take the output from the card, so that no Keras is needed."""
    try:
        config = keras_format.read_config(path)["config"]
        inputs = [layer["config"] for layer in config["layers"] if layer["class_name"] == "InputLayer"]
        raw = [RawTensor(c["name"], tuple(c["batch_shape"]), str(c["dtype"])) for c in inputs]
    except (KeyError, TypeError) as error:
        hint = "save it as a functional Keras 3 model"
        raise ModelFileError(f"{path}: its {keras_format.CONFIG_MEMBER} lacks {error}", hint=hint) from error
    outputs = RawTensor("output", (None, *card.input_size_hw, card.score_channels), "float32")
    return describe(path, raw, [outputs])


def _warnings(path: Path, card: ModelCard, source: TensorInfo) -> list[str]:
    found = []
    if card.fingerprint and fingerprint(path) != card.fingerprint:
        found.append("the file was changed after its card was written: its fingerprint differs")
    if image_hw(source) != card.input_size_hw:
        found.append(
            f"its card describes a {card.input_size_hw} input (height, width), the model takes {image_hw(source)}"
        )
    named = parse_name(path).precision
    if named is not None and named != card.precision:
        found.append(f"its name says {named}, its card {card.precision}")
    return found
