"""Class ids as runs of equal ones, for the way to a browser: a mask is mostly flat, so little is left of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# A length is two bytes; a longer run is cut.
LONGEST = 0xFFFF


def encode_runs(labels: NDArray[np.uint8]) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Cut class ids into runs, row by row; a run goes on over the end of a row.

    Args:
        labels: ``(H, W)`` uint8.

    Returns:
        Lengths, ``(R,)`` little-endian uint16, each 1 to 65,535, and class ids, ``(R,)`` uint8.
    """
    flat = labels.reshape(-1)
    if not flat.size:
        return np.empty(0, "<u2"), np.empty(0, np.uint8)
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]), flat.size - 1)
    ids = flat[ends]
    lengths = np.diff(ends, prepend=-1)
    if int(lengths.max()) > LONGEST:
        pieces = (lengths + LONGEST - 1) // LONGEST
        last = np.cumsum(pieces) - 1
        rest = lengths - (pieces - 1) * LONGEST
        ids = np.repeat(ids, pieces)
        lengths = np.full(ids.size, LONGEST)
        lengths[last] = rest
    return lengths.astype("<u2"), ids


def decode_runs(lengths: NDArray[np.uint16], ids: NDArray[np.uint8], shape_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Undo :func:`encode_runs`, as the page does.

    Returns:
        ``(H, W)`` uint8.
    """
    return np.repeat(ids, lengths).reshape(shape_hw)
