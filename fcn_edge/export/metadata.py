"""The standard metadata of TFLite: what other tools read names, labels and normalisation from.

A flatbuffer of its own (``ModelMetadata``, identifier ``M001``) in a buffer of the model that is listed under the name
``TFLITE_METADATA``. Field numbers are those of
https://github.com/google-ai-edge/mediapipe/blob/master/mediapipe/tasks/metadata/metadata_schema.fbs, schema version
1.5.0; all but the custom metadata is in 1.0.0. That is a flatbuffer once more (``ImageSegmenterOptions``, identifier
``V001``): MediaPipe's segmenter reads from it what to do to the scores, and takes them for probabilities without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fcn_edge.card import Activation, ModelCard
from fcn_edge.export.tflite_graph import schema
from fcn_edge.optional import load

ENTRY_NAME = "TFLITE_METADATA"
IDENTIFIER = b"M001"
LABELS_FILE = "labels.txt"
MIN_PARSER_VERSION = "1.0.0"
CUSTOM_PARSER_VERSION = "1.5.0"
SEGMENTER_NAME = "SEGMENTER_METADATA"
SEGMENTER_IDENTIFIER = b"V001"

_COLOUR_RGB = 1
_IMAGE_PROPERTIES = 2
_FEATURE_PROPERTIES = 1
_NORMALIZATION_OPTIONS = 1
_AXIS_LABELS = 2
_VALUE_LABELS = 3
_ACTIVATIONS = {"none": 0, "sigmoid": 1, "softmax": 2}
# The schema wants nested buffers at multiples of it.
_ALIGNMENT = 16

# A slot writer: (builder, slot number) -> None, for one field of a table.
_Slot = Callable[[Any, int], None]


def add_metadata(model: Any, card: ModelCard) -> None:  # noqa: ANN401 - schema.ModelT
    """Put the standard metadata into a model, in place of what it may have."""
    generated = schema()
    buffer = generated.BufferT()
    buffer.data = np.frombuffer(build_metadata(card), np.uint8)
    model.buffers.append(buffer)
    entry = generated.MetadataT()
    entry.name = ENTRY_NAME
    entry.buffer = len(model.buffers) - 1
    others = [other for other in model.metadata or () if _text(other.name) != ENTRY_NAME]
    model.metadata = [*others, entry]


def build_metadata(card: ModelCard) -> bytes:
    """Write the ``ModelMetadata`` flatbuffer that describes *card*."""
    builder = load("flatbuffers", feature="exporting to TFLite", extra="export").Builder(1024)
    graph_fields: dict[int, _Slot | None] = {
        2: _tables(builder, [_input(builder, card)]),
        3: _tables(builder, [_output(builder, card)]),
    }
    version = MIN_PARSER_VERSION
    if card.output == "logits":
        graph_fields[9] = _tables(builder, [_segmenter(builder, card)])
        version = CUSTOM_PARSER_VERSION
    subgraph = _table(builder, 10, graph_fields)
    training = card.training
    fields: dict[int, _Slot | None] = {
        0: _string(builder, card.name),
        1: _string(builder, _description(card)),
        2: _string(builder, str(card.schema_version)),
        3: _tables(builder, [subgraph]),
        4: _string(builder, training.credit),
        5: _string(builder, training.licence),
        7: _string(builder, version),
    }
    builder.Finish(_table(builder, 8, fields), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def _input(builder: Any, card: ModelCard) -> int:  # noqa: ANN401 - flatbuffers has no types
    height, width = card.input_size_hw
    size = _table(builder, 2, {0: _number(width, "Uint32"), 1: _number(height, "Uint32")})
    image = _table(builder, 2, {0: _number(_COLOUR_RGB, "Int8"), 1: _offset(size)})
    content = _table(builder, 3, {0: _number(_IMAGE_PROPERTIES, "Uint8"), 1: _offset(image)})
    # Mean 0 and std 1: normalisation is in the graph, raw pixels go in.
    options = _table(builder, 2, {0: _floats(builder, [0.0]), 1: _floats(builder, [1.0])})
    unit = _table(builder, 2, {0: _number(_NORMALIZATION_OPTIONS, "Uint8"), 1: _offset(options)})
    stats = _table(builder, 2, {0: _floats(builder, [255.0]), 1: _floats(builder, [0.0])})
    fields: dict[int, _Slot | None] = {
        0: _string(builder, "image"),
        1: _string(builder, f"Raw RGB pixels 0 to 255, {height}x{width} (height x width)."),
        3: _offset(content),
        4: _tables(builder, [unit]),
        5: _offset(stats),
    }
    return _table(builder, 7, fields)


def _output(builder: Any, card: ModelCard) -> int:  # noqa: ANN401 - flatbuffers has no types
    labels = card.output == "labels"
    kind = _VALUE_LABELS if labels else _AXIS_LABELS
    described = "Names of the class ids." if labels else "Names of the score channels."
    fields: dict[int, _Slot | None] = {
        0: _string(builder, LABELS_FILE),
        1: _string(builder, described),
        2: _number(kind, "Int8"),
    }
    file = _table(builder, 4, fields)
    properties = _table(builder, 0, {})
    content = _table(builder, 3, {0: _number(_FEATURE_PROPERTIES, "Uint8"), 1: _offset(properties)})
    what = "The class id of each pixel." if labels else f"Scores of each pixel, {_unit(card)}."
    fields = {
        0: _string(builder, "labels" if labels else "scores"),
        1: _string(builder, what),
        3: _offset(content),
        6: _tables(builder, [file]),
    }
    return _table(builder, 7, fields)


def _segmenter(builder: Any, card: ModelCard) -> int:  # noqa: ANN401 - flatbuffers has no types
    """Write what MediaPipe is to do to the scores so that they become probabilities."""
    options = load("flatbuffers", feature="exporting to TFLite", extra="export").Builder(64)
    fields: dict[int, _Slot | None] = {
        0: _number(_ACTIVATIONS[_missing_activation(card)], "Int8"),
        1: _string(options, MIN_PARSER_VERSION),
    }
    options.Finish(_table(options, 2, fields), file_identifier=SEGMENTER_IDENTIFIER)
    custom: dict[int, _Slot | None] = {
        0: _string(builder, SEGMENTER_NAME),
        1: _bytes(builder, bytes(options.Output())),
    }
    return _table(builder, 2, custom)


def _missing_activation(card: ModelCard) -> Activation:
    if card.score_activation != "none":
        return "none"
    return "sigmoid" if card.score_channels == 1 else "softmax"


def _description(card: ModelCard) -> str:
    names = ", ".join(spec.name for spec in card.classes)
    return f"Semantic segmentation ({card.architecture}, {card.precision}): {names}. {card.limits}".strip()


def _unit(card: ModelCard) -> str:
    return "logits" if card.score_activation == "none" else f"after {card.score_activation}"


def _table(builder: Any, slots: int, fields: dict[int, _Slot | None]) -> int:  # noqa: ANN401 - flatbuffers has no types
    """Write a table; children must have been written before, since flatbuffers do not nest while building."""
    builder.StartObject(slots)
    for number, write in fields.items():
        if write is not None:
            write(builder, number)
    return int(builder.EndObject())


def _string(builder: Any, text: str) -> _Slot | None:  # noqa: ANN401 - flatbuffers has no types
    return _offset(builder.CreateString(text)) if text else None


def _tables(builder: Any, offsets: Sequence[int]) -> _Slot:  # noqa: ANN401 - flatbuffers has no types
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return _offset(builder.EndVector())


def _floats(builder: Any, values: Sequence[float]) -> _Slot:  # noqa: ANN401 - flatbuffers has no types
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return _offset(builder.EndVector())


def _bytes(builder: Any, content: bytes) -> _Slot:  # noqa: ANN401 - flatbuffers has no types
    builder.StartVector(1, len(content), _ALIGNMENT)
    for value in reversed(content):
        builder.PrependByte(value)
    return _offset(builder.EndVector())


def _offset(offset: int) -> _Slot:
    return lambda builder, slot: builder.PrependUOffsetTRelativeSlot(slot, offset, 0)


def _number(value: int, kind: str) -> _Slot:
    return lambda builder, slot: getattr(builder, f"Prepend{kind}Slot")(slot, value, 0)


def _text(name: Any) -> str:  # noqa: ANN401 - str, or bytes in older schemas
    return name.decode() if isinstance(name, bytes) else str(name)
