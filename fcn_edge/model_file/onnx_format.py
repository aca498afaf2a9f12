"""ONNX files: the card is an entry of ``ModelProto.metadata_props``.

Read and written on the wire format, so that a device needs neither ``onnx`` nor ``onnxruntime`` for it: appending a
field to a protobuf message is legal, and the graph is stepped over by its length. Field numbers are those of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from fcn_edge.errors import ModelFileError
from fcn_edge.model_file import protobuf

CARD_KEY = "fcn_edge_card"

_MODEL_IR_VERSION, _MODEL_GRAPH, _MODEL_METADATA_PROPS = 1, 7, 14
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_OP_TYPE = 1, 4
_TENSOR_DATA_TYPE, _TENSOR_NAME = 2, 8
_INT8 = 3
_QUANTIZE_INPUTS_WITH_ZERO_POINT = 3


def read_text(path: Path) -> str | None:
    """Read the card's JSON, None where there is none.

    Raises:
        ModelFileError: Not an ONNX file, or truncated.
    """
    text = None
    for field in _model_fields(path, memoryview(path.read_bytes())):
        found = _card_entry(field)
        text = text if found is None else found.decode(errors="replace")
    return text


def write_text(source: Path, target: Path, text: str, labels: tuple[str, ...]) -> None:  # noqa: ARG001 - one signature for all formats
    """Write *source* with a card to *target*.

    Raises:
        ModelFileError: *source* is not an ONNX file, or is truncated.
    """
    entry = protobuf.string_field(_ENTRY_KEY, CARD_KEY.encode()) + protobuf.string_field(_ENTRY_VALUE, text.encode())
    with target.open("wb") as file:
        file.writelines(_without_card(source))
        file.write(protobuf.string_field(_MODEL_METADATA_PROPS, entry))


def fingerprint(path: Path) -> str:
    """Compute the SHA-256 of the file's bytes without the card's entry."""
    digest = hashlib.sha256()
    for piece in _without_card(path):
        digest.update(piece)
    return digest.hexdigest()


def has_int8_activations(path: Path) -> bool:
    """Tell whether any activation is quantised to int8 (and not uint8): a QuantizeLinear with an int8 zero point.

    Raises:
        ModelFileError: Not an ONNX file, or truncated.
    """
    zero_points: set[bytes] = set()
    int8_names: set[bytes] = set()
    for field in _model_fields(path, memoryview(path.read_bytes())):
        if field.number != _MODEL_GRAPH:
            continue
        try:
            for part in protobuf.fields(field.payload):
                if part.number == _GRAPH_NODE:
                    zero_points.update(_quantize_zero_point(part.payload))
                elif part.number == _GRAPH_INITIALIZER:
                    int8_names.update(_int8_name(part.payload))
        except ValueError as error:
            raise _not_onnx(path, str(error)) from error
    return bool(zero_points & int8_names)


def _quantize_zero_point(node: memoryview) -> list[bytes]:
    parts = list(protobuf.fields(node))
    inputs = [bytes(part.payload) for part in parts if part.number == _NODE_INPUT]
    is_quantize = any(part.number == _NODE_OP_TYPE and bytes(part.payload) == b"QuantizeLinear" for part in parts)
    return inputs[2:] if is_quantize and len(inputs) == _QUANTIZE_INPUTS_WITH_ZERO_POINT else []


def _int8_name(tensor: memoryview) -> list[bytes]:
    parts = list(protobuf.fields(tensor))
    is_int8 = any(part.number == _TENSOR_DATA_TYPE and part.value == _INT8 for part in parts)
    return [bytes(part.payload) for part in parts if part.number == _TENSOR_NAME] if is_int8 else []


def _without_card(path: Path) -> Iterator[memoryview]:
    data = memoryview(path.read_bytes())
    kept_from = 0
    for field in _model_fields(path, data):
        if _card_entry(field) is not None:
            yield data[kept_from : field.start]
            kept_from = field.end
    yield data[kept_from:]


def _model_fields(path: Path, data: memoryview) -> Iterator[protobuf.Field]:
    seen: set[int] = set()
    try:
        for field in protobuf.fields(data):
            seen.add(field.number)
            yield field
    except ValueError as error:
        raise _not_onnx(path, str(error)) from error
    if not {_MODEL_IR_VERSION, _MODEL_GRAPH} <= seen:
        raise _not_onnx(path, "it has no graph" if data else "it is empty")


def _card_entry(field: protobuf.Field) -> bytes | None:
    if field.number != _MODEL_METADATA_PROPS:
        return None
    try:
        entry = {part.number: bytes(part.payload) for part in protobuf.fields(field.payload)}
    except ValueError:
        return None
    return entry.get(_ENTRY_VALUE, b"") if entry.get(_ENTRY_KEY) == CARD_KEY.encode() else None


def _not_onnx(path: Path, reason: str) -> ModelFileError:
    hint = "copy or export the file again; a download may have stopped early"
    return ModelFileError(f"{path}: not a whole ONNX file: {reason}", hint=hint)
