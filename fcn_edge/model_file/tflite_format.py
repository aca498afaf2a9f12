"""TensorFlow Lite files: a flatbuffer, and a zip with associated files at its end.

The flatbuffer knows its own extent, so runtimes read over the zip; a zip is found from its end, so zip readers read
over the flatbuffer. See https://ai.google.dev/edge/litert/conversion/tensorflow/metadata.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from fcn_edge.errors import ModelFileError
from fcn_edge.model_file import flatbuffer

CARD_MEMBER = "fcn_edge_card.json"
LABELS_MEMBER = "labels.txt"

IDENTIFIER = b"TFL3"
# The earliest time a zip can hold: the same card gives the same bytes.
FIXED_TIME = (1980, 1, 1, 0, 0, 0)
# A flatbuffer's root offset (4 bytes) and identifier (4 bytes).
_HEADER_BYTES = 8


def read_text(path: Path) -> str | None:
    """Read the card's JSON, None where there is none.

    Raises:
        ModelFileError: Not a TensorFlow Lite file.
    """
    flatbuffer_bytes(path)
    return _members(path).get(CARD_MEMBER, b"").decode(errors="replace") or None


def write_text(source: Path, target: Path, text: str, labels: tuple[str, ...]) -> None:
    """Write *source* with a card and ``labels.txt`` to *target*; other associated files stay.

    Raises:
        ModelFileError: *source* is not a TensorFlow Lite file.
    """
    members = _members(source)
    members[CARD_MEMBER] = text.encode()
    members[LABELS_MEMBER] = "".join(f"{label}\n" for label in labels).encode()
    target.write_bytes(flatbuffer_bytes(source))
    with zipfile.ZipFile(target, "a") as archive:
        for name in sorted(members):
            # Stored, not compressed: MediaPipe's readers map associated files as they lie.
            archive.writestr(zipfile.ZipInfo(name, FIXED_TIME), members[name])


def fingerprint(path: Path) -> str:
    """Compute the SHA-256 of the flatbuffer alone."""
    return hashlib.sha256(flatbuffer_bytes(path)).hexdigest()


def flatbuffer_bytes(path: Path) -> bytes:
    """Read the flatbuffer without the zip at its end.

    Raises:
        ModelFileError: Not a TensorFlow Lite file, cut off or damaged.
    """
    data = path.read_bytes()
    archive = _archive(path)
    if archive is not None:
        with archive:
            data = data[: min((info.header_offset for info in archive.infolist()), default=len(data))]
    hint = "copy or export the file again; a download may have stopped early"
    if data[4:_HEADER_BYTES] != IDENTIFIER:
        found = "it is empty" if not data else f"bytes 4 to 8 are {data[4:_HEADER_BYTES]!r}, not {IDENTIFIER!r}"
        raise ModelFileError(f"{path}: not a TensorFlow Lite file: {found}", hint=hint)
    if archive is None and CARD_MEMBER.encode() in data:
        raise ModelFileError(f"{path}: truncated: the card at its end is cut off", hint=hint)
    try:
        flatbuffer.check(data)
    except ValueError as error:
        raise ModelFileError(f"{path}: truncated or damaged: {error}", hint=hint) from error
    return data


def _members(path: Path) -> dict[str, bytes]:
    archive = _archive(path)
    if archive is None:
        return {}
    with archive:
        try:
            return {info.filename: archive.read(info) for info in archive.infolist()}
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            hint = "copy or export the file again"
            raise ModelFileError(f"{path}: the files at its end are damaged: {error}", hint=hint) from error


def _archive(path: Path) -> zipfile.ZipFile | None:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        # Most foreign files have no zip; one cut off inside its zip has none that can be found either.
        return None
