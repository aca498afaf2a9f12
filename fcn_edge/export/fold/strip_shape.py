"""Which strips along the borders, and which corners, a linear map has beside its interior."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export.fold.linear_map import INTERIOR, Kinds, LinearMap


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """A run of neighbouring output positions along one axis, and the input positions they get something from.

    Attributes:
        output: First and last output position.
        input: First and last input position.
        entries: Numbers of the absolute entries of the map's axis.
    """

    output: tuple[int, int]
    input: tuple[int, int]
    entries: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """One correction: along a border, or in a corner.

    Attributes:
        kinds: Which block of the map it comes from.
        rows: Of the block; None where the strip is as high as the map.
        columns: Of the block; None where the strip is as wide as the map.
    """

    kinds: Kinds
    rows: Reach | None
    columns: Reach | None


def strips_of(linear: LinearMap) -> list[Strip]:
    """List the corrections of a map."""
    found = []
    for kinds in linear.blocks:
        if kinds == INTERIOR:
            continue
        rows, columns = (
            [None] if kind == "relative" else _runs(axis.absolute)
            for kind, axis in zip(kinds, linear.axes, strict=True)
        )
        found += [Strip(kinds, row, column) for row, column in itertools.product(rows, columns)]
    return found


def count_strips(linear: LinearMap) -> int:
    """Count the corrections of a map."""
    return len(strips_of(linear))


def _runs(absolute: NDArray[np.int64]) -> list[Reach]:
    """Group absolute entries by neighbouring output positions."""
    outputs = np.unique(absolute[:, 0])
    breaks = np.flatnonzero(np.diff(outputs) > 1) + 1
    found = []
    for group in np.split(outputs, breaks):
        entries = np.flatnonzero(np.isin(absolute[:, 0], group))
        inputs = absolute[entries, 1]
        found.append(Reach((int(group[0]), int(group[-1])), (int(inputs.min()), int(inputs.max())), entries))
    return found
