"""The folding pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fcn_edge.export.fold.emit import Emitter
from fcn_edge.export.fold.narrate import report_region
from fcn_edge.export.fold.plan import Plan, Planner, Step
from fcn_edge.export.fold.region import Region, Value, find_region, ordered_nodes
from fcn_edge.export.fold.result import Folding, RegionReport
from fcn_edge.export.fold.segment import make_segment
from fcn_edge.export.graph import Model, Tensor, model_of


def fold_linear(model: Model, *, force: bool = False) -> Folding:
    """Fold the linear region that ends in the scores of a flat model.

    Args:
        model: Flat (see :mod:`fcn_edge.export.graph`); it stays as it was.
        force: Compute the scores from the region's sources alone, even where that is slower.

    Returns:
        A model that gives the same scores but for rounding, in the dtype of each layer.
    """
    region = find_region(model, model.outputs[0])
    if region is None:
        return Folding(model, ())
    planner = Planner(region)
    plan = (planner.folded_whole() if force else None) or planner.best()
    if not plan.folds:
        return Folding(model, (report_region(region, plan, {}),))
    rebuilt, report = _rebuild(model, region, plan)
    return Folding(rebuilt, (report,))


def _rebuild(model: Model, region: Region, plan: Plan) -> tuple[Model, RegionReport]:
    """Build the model anew, the region by its plan."""
    import keras

    old = model.inputs[0]
    entry = keras.Input(batch_shape=tuple(old.shape), dtype=old.dtype, name=old.name)
    tensors: dict[int, Tensor] = {id(old): entry}
    inside = {id(node) for node in region.nodes()}
    steps = {id(step.target.node): step for step in plan.steps}
    naming = _names(model)
    constants: dict[Value, str] = {}
    for node in ordered_nodes(model):
        if node.is_input:
            continue
        step = steps.get(id(node))
        if id(node) in inside and step is None:
            continue
        if step is None or step.keeps_layer:
            _replay(node, tensors)
            continue
        result, constants[step.target] = _emit(region, plan, step, tensors, naming)
        tensors[id(node.outputs[0])] = result
    rebuilt = model_of(entry, tensors[id(model.outputs[0])])
    return rebuilt, report_region(region, plan, constants)


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


def _names(model: Model) -> Callable[[str], str]:
    """Make names that no operation of *model* has, each once."""
    used = {operation.name for operation in model.operations}

    def name(wanted: str) -> str:
        base = wanted.replace("/", "_")
        number, free = 1, base
        while free in used:
            number += 1
            free = f"{base}_{number}"
        used.add(free)
        return free

    return name
