"""From one computed feature map of a region to the next: the linear maps between them, and the constant they add."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export.fold import linear_map
from fcn_edge.export.fold.form import ConstantKind
from fcn_edge.export.fold.linear_map import LinearMap
from fcn_edge.export.fold.region import Region, Value
from fcn_edge.export.fold.stamp import Stamp


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """How one map is the sum of what other maps give.

    Attributes:
        target: The map.
        maps: By map it is computed from: the linear map.
        constant: ``(rows, columns, channels)`` float64 to add; None for nothing, or where only the structure is known.
        constant_kind: ``none``; ``bias`` where it repeats pixel by pixel or square by square; ``map``.
    """

    target: Value
    maps: dict[Value, LinearMap]
    constant: NDArray[np.float64] | None
    constant_kind: ConstantKind


def sources_of(region: Region, target: Value, stops: AbstractSet[Value]) -> frozenset[Value]:
    """Give the maps that *target* is computed from, where all of *stops* are computed."""
    wanted, found = {target}, set()
    for value in reversed(region.values):
        if value not in wanted:
            continue
        if value.is_source or (value in stops and value is not target):
            found.add(value)
        else:
            wanted.update(source for source, _ in value.terms)
    return frozenset(found)


def make_segment(
    region: Region, target: Value, stops: AbstractSet[Value], *, structure_only: bool = False
) -> Segment | None:
    """Compose all layers between *stops* (and the region's sources) and *target*.

    Args:
        region: The region.
        target: The map to compute.
        stops: Maps that are computed anyway.
        structure_only: Compose with one channel and weights of 1: which entries there are, in a fraction of the time.

    Returns:
        None where two ways from a map to the target upsample by different factors.
    """
    channels = 1 if structure_only else target.shape[2]
    maps = {target: linear_map.unit(target.size, channels)}
    constant: NDArray[np.float64] | None = None
    kind: ConstantKind = "none"
    for value in reversed(region.values):
        if value not in maps or value.is_source or (value in stops and value is not target):
            continue
        onward = maps.pop(value)
        if value.bias is not None:
            kind = "bias" if kind != "map" and _repeats(onward) else "map"
        if value.bias is not None and not structure_only:
            shift = linear_map.response_to_constant(onward, value.bias)
            constant = shift if constant is None else constant + shift
        for source, stamp in value.terms:
            through = _before(onward, stamp, source, structure_only=structure_only)
            if source not in maps:
                maps[source] = through
            elif maps[source].stride == through.stride:
                maps[source] = linear_map.add(maps[source], through)
            else:
                return None
    return Segment(target, maps, constant, kind)


def _before(onward: LinearMap, stamp: Stamp, source: Value, *, structure_only: bool) -> LinearMap:
    used = stamp.support() if structure_only else stamp
    return linear_map.compose(onward, used, source.size, magnitudes=structure_only)


def _repeats(linear: LinearMap) -> bool:
    """Tell whether what a map makes of a constant is the same in every square of its stride, at the borders too."""
    alone = len(linear.blocks) == 1
    return alone and all(axis.relative[-1] - axis.relative[0] < axis.stride for axis in linear.axes)
