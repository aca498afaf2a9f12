"""Just enough of the protobuf wire format to walk over messages without their schema.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

_MAX_VARINT_BYTES = 10


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes:
        number: Of the field in the schema.
        value: The integer of a varint, else None.
        payload: The content of a length-delimited field, a view of the message; empty for others.
        start: Where the field begins in the message, tag included.
        end: Where the next one begins.
    """

    number: int
    value: int | None
    payload: memoryview
    start: int
    end: int


def fields(message: memoryview) -> Iterator[Field]:
    """Walk over the fields of a message; nested messages are stepped over by their length.

    Raises:
        ValueError: The bytes are no protobuf message, or end inside a field.
    """
    position = 0
    while position < len(message):
        start = position
        key, position = _varint(message, position)
        number, wire_type = key >> 3, key & 7
        value: int | None = None
        payload = message[:0]
        if wire_type == VARINT:
            value, position = _varint(message, position)
        elif wire_type == BYTES:
            size, position = _varint(message, position)
            payload = message[position : position + size]
            position += size
        elif wire_type in (FIXED32, FIXED64):
            position += 4 if wire_type == FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire_type} at byte {start}")
        if number == 0 or position > len(message):
            raise ValueError(f"field {number} at byte {start} reaches to byte {position} of {len(message)}")
        yield Field(number, value, payload, start, position)


def string_field(number: int, content: bytes) -> bytes:
    """Encode a length-delimited field."""
    return _encode_varint(number << 3 | BYTES) + _encode_varint(len(content)) + content


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    result = 0
    for index in range(_MAX_VARINT_BYTES):
        if position + index >= len(message):
            break
        byte = message[position + index]
        result |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return result, position + index + 1
    raise ValueError(f"no whole number at byte {position}")


def _encode_varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
