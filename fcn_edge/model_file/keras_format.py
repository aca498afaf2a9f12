"""Keras files: a zip of configuration and weights; the card is one more member, which Keras reads over."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fcn_edge.errors import ModelFileError

CARD_MEMBER = "fcn_edge_card.json"
CONFIG_MEMBER = "config.json"

# The earliest time a zip can hold: the same card gives the same bytes.
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


def read_text(path: Path) -> str | None:
    """Read the card's JSON, None where there is none.

    Raises:
        ModelFileError: Not a Keras file.
    """
    with _open(path) as archive:
        return archive.read(CARD_MEMBER).decode(errors="replace") if CARD_MEMBER in archive.namelist() else None


def read_config(path: Path) -> dict[str, Any]:
    """Read the model's configuration as Keras wrote it.

    Raises:
        ModelFileError: Not a Keras file.
    """
    with _open(path) as archive:
        try:
            config: dict[str, Any] = json.loads(archive.read(CONFIG_MEMBER))
        except ValueError as error:
            hint = "save it again with model.save('NAME.keras')"
            raise ModelFileError(f"{path}: its {CONFIG_MEMBER} is damaged: {error}", hint=hint) from error
    return config


def write_text(source: Path, target: Path, text: str, labels: tuple[str, ...]) -> None:  # noqa: ARG001 - one signature for all formats
    """Write *source* with a card to *target*; every other member keeps its content, time and compression.

    Raises:
        ModelFileError: *source* is not a Keras file.
    """
    with _open(source) as archive, zipfile.ZipFile(target, "w") as written:
        for info in archive.infolist():
            if info.filename != CARD_MEMBER:
                with archive.open(info) as old, written.open(info, "w") as new:
                    shutil.copyfileobj(old, new)
        written.writestr(zipfile.ZipInfo(CARD_MEMBER, _FIXED_TIME), text)


def fingerprint(path: Path) -> str:
    """Compute the SHA-256 over names and contents of all members but the card, in the order of their names."""
    digest = hashlib.sha256()
    with _open(path) as archive:
        for name in sorted(set(archive.namelist()) - {CARD_MEMBER}):
            content = archive.read(name)
            # The lengths keep two different splits into name and content apart.
            digest.update(f"{len(name.encode())} {len(content)} ".encode() + name.encode())
            digest.update(content)
    return digest.hexdigest()


@contextlib.contextmanager
def _open(path: Path) -> Iterator[zipfile.ZipFile]:
    hint = "save it again with model.save('NAME.keras'), Keras 3"
    try:
        with zipfile.ZipFile(path) as archive:
            if CONFIG_MEMBER not in archive.namelist():
                raise ModelFileError(f"{path}: not a Keras file: it has no {CONFIG_MEMBER}", hint=hint)
            yield archive
    except zipfile.BadZipFile as error:
        raise ModelFileError(f"{path}: not a whole Keras file: {error}", hint=hint) from error
