"""Finding the picture files that a result names."""

from __future__ import annotations

from pathlib import Path


def find_picture(result: Path, name: str | None) -> Path | None:
    """Find a picture beside the *result* file or where the command ran; None where it has gone."""
    candidates = [] if name is None else [result.parent / name, Path(name)]
    return next((path for path in candidates if path.is_file()), None)
