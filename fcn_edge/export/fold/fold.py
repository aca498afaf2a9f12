"""The folding pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from fcn_edge.export.fold.activation import split_activations
from fcn_edge.export.fold.batch_norm import fold_batch_norms
from fcn_edge.export.fold.emit import Emitter
from fcn_edge.export.fold.narrate import report_region
from fcn_edge.export.fold.plan import Plan, Planner, Step
from fcn_edge.export.fold.region import Region, Value, find_regions
from fcn_edge.export.fold.result import Folding
from fcn_edge.export.fold.segment import make_segment
from fcn_edge.export.graph import Model, Tensor, model_of, names, new_input, nodes_of


def fold_linear(model: Model, *, force: bool = False) -> Folding:
    """Fold the linear regions of a flat model.

    Args:
        model: Flat (see :mod:`fcn_edge.export.graph`); it stays as it was.
        force: Compute the end of each region from its sources alone, even where that is slower.

    Returns:
        A model that gives the same scores but for rounding, in the dtype of each layer.
    """
    merged, batch_norms = fold_batch_norms(model)
    split = split_activations(merged)
    plans = {region: _plan(region, force=force) for region in find_regions(split)}
    if not any(plan.folds for plan in plans.values()):
        reports = tuple(report_region(region, plan, {}) for region, plan in plans.items())
        return Folding(merged, reports, batch_norms)
    return dataclasses.replace(_rebuild(split, plans), batch_norms=batch_norms)


def _plan(region: Region, *, force: bool) -> Plan:
    planner = Planner(region)
    return (planner.folded_whole() if force else None) or planner.best()


def _rebuild(model: Model, plans: dict[Region, Plan]) -> Folding:
    """Build the model anew, each region by its plan."""
    old = model.inputs[0]
    entry = new_input(old.shape[1:3], old.shape[3], old.dtype)
    tensors: dict[int, Tensor] = {id(old): entry}
    folded = {region: plan for region, plan in plans.items() if plan.folds}
    inside = {id(node) for region in folded for node in region.nodes()}
    steps = {id(step.target.node): (region, plan, step) for region, plan in folded.items() for step in plan.steps}
    naming = names(model)
    constants: dict[Value, str] = {}
    for node in nodes_of(model):
        if node.is_input or (id(node) in inside and id(node) not in steps):
            continue
        if id(node) not in steps or steps[id(node)][2].keeps_layer:
            _replay(node, tensors)
            continue
        region, plan, step = steps[id(node)]
        tensors[id(node.outputs[0])], constants[step.target] = _emit(region, plan, step, tensors, naming)
    reports = tuple(report_region(region, plan, constants) for region, plan in plans.items())
    return Folding(model_of(entry, tensors[id(model.outputs[0])]), reports)


def _emit(
    region: Region, plan: Plan, step: Step, tensors: dict[int, Tensor], naming: Callable[[str], str]
) -> tuple[Tensor, str]:
    segment = make_segment(region, step.target, plan.targets)
    if segment is None:
        raise AssertionError("planned before with the same structure")
    inputs = {value: tensors[id(value.tensor)] for value in segment.maps}
    emitter = Emitter(segment, {value: step.forms[value] for value in segment.maps}, naming)
    return emitter.emit(inputs), emitter.constant_kind


def _replay(node: Any, tensors: dict[int, Tensor]) -> None:  # noqa: ANN401 - Keras has no types
    args, kwargs = node.arguments.fill_in(tensors)
    results = node.operation(*args, **kwargs)
    for old, new in zip(node.outputs, results if isinstance(results, list | tuple) else [results], strict=True):
        tensors[id(old)] = new
