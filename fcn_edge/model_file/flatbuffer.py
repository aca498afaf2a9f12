"""Checking that a TensorFlow Lite flatbuffer lies whole inside its bytes.

LiteRT verifies a model before it uses it; tflite-runtime 2.14 does not and dies of a segmentation fault when a file was
cut off. So every table, vector and string that a runtime will follow is followed here first, by the schema
https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs. Offsets are checked, not values:
this finds files cut off or overwritten, not every possible forgery.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

_OFFSET_BYTES = 4
_VTABLE_HEADER_BYTES = 4


@dataclass(frozen=True, slots=True)
class _Table:
    """The fields of a table that point elsewhere, by their number in the schema.

    Attributes:
        vectors: Vectors of scalars, and strings: the size of one element in bytes.
        tables: Tables.
        table_vectors: Vectors of tables.
    """

    vectors: Mapping[int, int] = field(default_factory=dict)
    tables: Mapping[int, _Table] = field(default_factory=dict)
    table_vectors: Mapping[int, _Table] = field(default_factory=dict)


_OPTIONS = _Table()
_QUANTIZATION = _Table(vectors={0: 4, 1: 4, 2: 4, 3: 8})
_TENSOR = _Table(vectors={0: 4, 3: 1, 7: 4}, tables={4: _QUANTIZATION})
_OPERATOR = _Table(vectors={1: 4, 2: 4, 5: 1, 7: 1, 8: 4}, tables={4: _OPTIONS})
_SUBGRAPH = _Table(vectors={1: 4, 2: 4, 4: 1}, table_vectors={0: _TENSOR, 3: _OPERATOR})
_BUFFER = _Table(vectors={0: 1})
_OPERATOR_CODE = _Table(vectors={1: 1})
_NAMED = _Table(vectors={0: 1})
_SIGNATURE = _Table(vectors={2: 1}, table_vectors={0: _NAMED, 1: _NAMED})
_MODEL = _Table(
    vectors={3: 1, 5: 4},
    table_vectors={1: _OPERATOR_CODE, 2: _SUBGRAPH, 4: _BUFFER, 6: _NAMED, 7: _SIGNATURE},
)


def check(data: bytes) -> None:
    """Follow every offset of a model.

    Raises:
        ValueError: One of them leads outside of *data*.
    """
    try:
        _follow_table(data, _uint(data, 0), _MODEL)
    except struct.error as error:
        raise ValueError(f"an offset leads beyond its {len(data)} bytes") from error


def _follow_table(data: bytes, start: int, kind: _Table) -> None:
    vtable = start - _int(data, start)
    vtable_bytes, table_bytes = _ushort(data, vtable), _ushort(data, vtable + 2)
    _within(data, vtable, vtable_bytes)
    _within(data, start, table_bytes)
    positions = {}
    for number in (*kind.vectors, *kind.tables, *kind.table_vectors):
        entry = _VTABLE_HEADER_BYTES + 2 * number
        relative = _ushort(data, vtable + entry) if entry + 2 <= vtable_bytes else 0
        if relative:
            positions[number] = start + relative + _uint(data, start + relative)
    for number, position in positions.items():
        if number in kind.vectors:
            _within(data, position + _OFFSET_BYTES, _uint(data, position) * kind.vectors[number])
        elif number in kind.tables:
            _follow_table(data, position, kind.tables[number])
        else:
            _follow_vector(data, position, kind.table_vectors[number])


def _follow_vector(data: bytes, start: int, kind: _Table) -> None:
    count = _uint(data, start)
    _within(data, start + _OFFSET_BYTES, count * _OFFSET_BYTES)
    for index in range(count):
        position = start + _OFFSET_BYTES * (1 + index)
        _follow_table(data, position + _uint(data, position), kind)


def _within(data: bytes, start: int, size: int) -> None:
    # struct counts negative positions from the end, so they are refused here.
    if start < 0 or start + size > len(data):
        raise ValueError(f"bytes {start} to {start + size} are needed, but it has {len(data)}")


def _uint(data: bytes, position: int) -> int:
    return int(struct.unpack_from("<I", data, position)[0])


def _int(data: bytes, position: int) -> int:
    return int(struct.unpack_from("<i", data, position)[0])


def _ushort(data: bytes, position: int) -> int:
    _within(data, position, 2)
    return int(struct.unpack_from("<H", data, position)[0])
