"""Which maps of a linear region are computed, and how: the search for the cheapest way."""

from __future__ import annotations

import math
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from fcn_edge.export.fold import strip_shape
from fcn_edge.export.fold.form import ADD_COST, CALL_COST, MOVE_COST, Form, forms_of, sum_cost
from fcn_edge.export.fold.layer_cost import layer_cost, layer_macs
from fcn_edge.export.fold.linear_map import LinearMap
from fcn_edge.export.fold.region import Region, Value
from fcn_edge.export.fold.segment import Segment, make_segment, sources_of

# A graph that is hardly better on paper may be worse on a device.
_WORTHWHILE = 0.97


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """How one map is computed.

    Attributes:
        target: The map.
        forms: By map it is computed from; empty where the layer itself stays.
        others: By map it is computed from: the forms that were not chosen.
        strips: By map it is computed from: number of corrections along borders and in corners.
        macs: Multiply-adds.
        cost: See :mod:`fcn_edge.export.fold.form`.
    """

    target: Value
    forms: dict[Value, Form]
    others: dict[Value, tuple[Form, ...]]
    strips: dict[Value, int]
    macs: int
    cost: float

    @property
    def keeps_layer(self) -> bool:
        """Whether the original layer computes the map."""
        return not self.forms


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How a region is computed.

    Attributes:
        steps: Inputs before outputs; the last gives the region's end.
        original: The same with every layer left as it is.
    """

    steps: tuple[Step, ...]
    original: tuple[Step, ...]

    @property
    def cost(self) -> float:
        """Cost of the whole."""
        return sum(step.cost for step in self.steps)

    @property
    def folds(self) -> bool:
        """Whether anything is computed in another way than before."""
        return not all(step.keeps_layer for step in self.steps)

    @property
    def targets(self) -> frozenset[Value]:
        """The maps that are computed."""
        return frozenset(step.target for step in self.steps)


class Planner:
    """Looks for the cheapest plan for a region."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._choices = [v for v in region.values if v.node is not None and v is not region.end]
        self._steps: dict[tuple[Value, frozenset[Value]], Step | None] = {}

    def folded_whole(self) -> Plan | None:
        """Compute the end from the region's sources alone, whatever it costs."""
        steps = self._evaluate(frozenset(), keep_layers=False)
        return None if steps is None else Plan(steps, self._original())

    def best(self) -> Plan:
        """Search from both ends, nothing folded and everything, changing one map at a time while it gets cheaper."""
        original = self._original()
        candidates = [original]
        for start in (frozenset(self._choices), frozenset[Value]()):
            found = self._descend(start)
            if found is not None:
                candidates.append(found)
        best = min(candidates, key=_cost)
        enough = 1.0 if all(map(_is_simple, best)) else _WORTHWHILE
        return Plan(best if _cost(best) < enough * _cost(original) else original, original)

    def _descend(self, cuts: frozenset[Value]) -> tuple[Step, ...] | None:
        best = self._evaluate(cuts)
        improved = True
        while improved:
            improved = False
            for value in self._choices:
                other = cuts ^ {value}
                steps = self._evaluate(other)
                if steps is not None and (best is None or _cost(steps) < _cost(best)):
                    best, cuts, improved = steps, other, True
        return best

    def _original(self) -> tuple[Step, ...]:
        return tuple(_layer_step(v) for v in self._region.values if v.node is not None)

    def _evaluate(self, cuts: frozenset[Value], *, keep_layers: bool = True) -> tuple[Step, ...] | None:
        """Work out the steps with the maps *cuts* computed; None where that cannot be."""
        wanted, steps = {self._region.end}, []
        for value in reversed(self._region.values):
            if value not in wanted or value.is_source:
                continue
            sources = sources_of(self._region, value, cuts)
            step = self._step(value, sources, keep_layers=keep_layers)
            if step is None:
                return None
            steps.append(step)
            wanted |= sources
        return tuple(reversed(steps))

    def _step(self, target: Value, sources: frozenset[Value], *, keep_layers: bool) -> Step | None:
        key = (target, sources)
        if key not in self._steps:
            self._steps[key] = self._fold(target, sources)
        folded = self._steps[key]
        if keep_layers and _is_single(target, sources):
            layer = _layer_step(target)
            return layer if folded is None or layer.cost <= folded.cost else folded
        return folded

    def _fold(self, target: Value, sources: AbstractSet[Value]) -> Step | None:
        segment = make_segment(self._region, target, sources, structure_only=True)
        if segment is None:
            return None
        forms, others, cost = choose_forms(segment)
        strips = {value: strip_shape.count_strips(linear) for value, linear in segment.maps.items()}
        return Step(target, forms, others, strips, sum(form.macs for form in forms.values()), cost)


def choose_forms(segment: Segment) -> tuple[dict[Value, Form], dict[Value, tuple[Form, ...]], float]:
    """Choose the form of each term so that the sum is cheapest; also give the forms left over, and the cost."""
    target = segment.target
    options = {v: forms_of(m, (v.shape[2], target.shape[2])) for v, m in segment.maps.items()}
    chosen = {value: min(forms, key=lambda form: form.cost) for value, forms in options.items()}
    strips = sum(_strip_cost(linear, target.shape[2]) for linear in segment.maps.values())

    def total(forms: dict[Value, Form]) -> float:
        own = sum(form.cost for form in forms.values())
        return own + strips + sum_cost(list(forms.values()), target.size, target.shape[2], segment.constant_kind)

    improved = True
    while improved:
        improved = False
        for value, forms in options.items():
            for form in forms:
                other = {**chosen, value: form}
                if total(other) < total(chosen):
                    chosen, improved = other, True
    others = {value: tuple(form for form in forms if form != chosen[value]) for value, forms in options.items()}
    return chosen, others, total(chosen)


def _strip_cost(linear: LinearMap, channels: int) -> float:
    count = strip_shape.count_strips(linear)
    return count * ((ADD_COST + MOVE_COST) * math.prod(linear.out_size) * channels + 6 * CALL_COST)


def _layer_step(value: Value) -> Step:
    return Step(value, {}, {}, {}, layer_macs(value), layer_cost(value))


def _is_single(target: Value, sources: frozenset[Value]) -> bool:
    """Tell whether *target* comes from *sources* by its own layer alone."""
    direct = {source for source, _ in target.terms}
    inner = {source for source in direct if source.tensor is None}
    direct = (direct - inner) | {before for step in inner for before, _ in step.terms}
    return direct == sources


def _is_simple(step: Step) -> bool:
    """Tell whether a step is one convolution where there were more layers, and so cannot be slower."""
    forms = list(step.forms.values())
    return step.keeps_layer or (len(forms) == 1 and forms[0].level == 1 and not any(step.strips.values()))


def _cost(steps: tuple[Step, ...]) -> float:
    return sum(step.cost for step in steps)
