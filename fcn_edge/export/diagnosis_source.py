"""The Keras model of a file, taken through the passes that the file was made with."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import ModelCard
from fcn_edge.errors import ModelFileError
from fcn_edge.export import leave_float, onnx_graph, tflite_graph
from fcn_edge.export.config import ExportConfig
from fcn_edge.export.graph import Model
from fcn_edge.export.layer_names import scope_of, scopes_of_node, tflite_operations
from fcn_edge.export.load import Source
from fcn_edge.export.passes import run_passes
from fcn_edge.export.prepare import make_card, prepare
from fcn_edge.model_file import parse_name
from fcn_edge.model_file.tflite_format import flatbuffer_bytes
from fcn_edge.runtime.pixels import Preprocessing

# Fusing hides some names, but never this many.
_LEAST_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class PreparedSource:
    """A flat model whose layers are those of a file.

    Attributes:
        path: Of the Keras model.
        model: Flat, all passes done.
        card: For files made from it.
        folded: Whether linear layers were folded.
        symmetric: Whether the file is a symmetric int8 ONNX.
    """

    path: Path
    model: Model
    card: ModelCard
    folded: bool
    symmetric: bool


def prepare_source(
    source: Source, file: Path, card: ModelCard, preprocessing: Preprocessing | None, pixels: NDArray[np.uint8]
) -> PreparedSource:
    """Prepare a model as the export of *file* did; whether that folded is told by the names in the file.

    Args:
        source: Loaded.
        file: ``.tflite`` or ``.onnx``.
        card: Of the file.
        preprocessing: Of a foreign model.
        pixels: ``(N, H, W, 3)`` uint8 RGB at the file's input size.

    Raises:
        ModelFileError: The file has other layers.
    """
    config = ExportConfig(
        data=Path(),
        out=Path(),
        name=card.name or None,
        size_hw=card.input_size_hw,
        classes=tuple(spec.name for spec in card.classes),
        threshold=card.threshold,
        geometry=card.geometry,
        preprocessing=preprocessing,
    )
    prepared = prepare(source, config, pixels)
    own = make_card(source, prepared, config, None)
    scopes, symmetric = _look_into(file)
    models = {fold: run_passes(prepared.model, fold=fold).model for fold in (False, True)}
    shares = {fold: _share(model, scopes) for fold, model in models.items()}
    # A model without anything to fold is the same either way; unfolded, ConvTranspose would not be rewritten.
    folded = shares[True] >= shares[False]
    if shares[folded] < _LEAST_SHARE:
        raise ModelFileError(
            f"{file}: only {shares[folded]:.0%} of the layers of {source.path} are found in it",
            hint="name the Keras model that this file was exported from",
        )
    kept = dataclasses.replace(own, classes=card.classes)
    return PreparedSource(source.path, models[folded], kept, folded, symmetric)


def _share(model: Model, scopes: frozenset[str]) -> float:
    names = leave_float.layer_names(model)
    return sum(scope_of(name) in scopes for name in names) / max(len(names), 1)


def _look_into(file: Path) -> tuple[frozenset[str], bool]:
    """List the scopes of all layers named in a file, and tell whether its activations are int8 around zero."""
    if parse_name(file).format == "tflite":
        graph = tflite_graph.read_model(flatbuffer_bytes(file))
        return frozenset(scope for _, _, found in tflite_operations(graph) for scope in found), False
    model = onnx_graph.onnx().load(str(file))
    values = onnx_graph.constants(model)
    scopes = frozenset(scope for node in model.graph.node for scope in scopes_of_node(node))
    quantizing = [node for node in model.graph.node if node.op_type == "QuantizeLinear" and node.name != "scores"]
    zeros = [values[node.input[2]] for node in quantizing if node.input[2:] and node.input[2] in values]
    return scopes, bool(zeros) and all(zero.dtype == np.int8 for zero in zeros)
