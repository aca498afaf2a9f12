"""Reports of plans."""

from __future__ import annotations

from collections.abc import Mapping

from fcn_edge.export.fold.form import Form
from fcn_edge.export.fold.plan import Plan, Step
from fcn_edge.export.fold.region import Region, Value
from fcn_edge.export.fold.result import RegionReport, StepReport, TermReport

_LEFT = "no plan is cheaper than the layers as they are"


def report_region(region: Region, plan: Plan, constants: Mapping[Value, str]) -> RegionReport:
    """Tell what a plan does to a region; *constants* tells what became of the biases of each computed map."""
    before, after = (sum(step.macs for step in steps) for steps in (plan.original, plan.steps))
    relation = (
        f"weighs {plan.cost / 1e6:,.1f} M against {sum(s.cost for s in plan.original) / 1e6:,.1f} M of the layers"
    )
    return RegionReport(
        end=region.end.name,
        layers=tuple(value.name for value in region.values if value.node is not None),
        applied=plan.folds,
        macs_before=before,
        macs_after=after,
        why=f"the cheapest plan {relation}, memory traffic included" if plan.folds else _LEFT,
        steps=tuple(_report_step(step, constants) for step in plan.steps),
    )


def _report_step(step: Step, constants: Mapping[Value, str]) -> StepReport:
    if step.keeps_layer:
        return StepReport(step.target.name, "layer", (), "none", step.macs)
    terms = tuple(_report_term(step, source, form) for source, form in step.forms.items())
    return StepReport(step.target.name, "sum", terms, constants.get(step.target, "none"), step.macs)


def _report_term(step: Step, source: Value, form: Form) -> TermReport:
    upsampling = (form.stride[0] * form.level, form.stride[1] * form.level)
    channels = (source.shape[2], form.level**2 * step.target.shape[2])
    return TermReport(
        source.name,
        form.kind,
        upsampling,
        form.kernel,
        channels,
        step.strips[source],
        form.macs,
        _why(form, step.others[source]),
    )


def _why(form: Form, others: tuple[Form, ...]) -> str:
    if form.kind == "identity":
        return "added as it is"
    rivals = "".join(f"; {_name(other)} {other.cost / 1e6:,.1f} M" for other in others)
    return f"weighs {form.cost / 1e6:,.1f} M{rivals}"


def _name(form: Form) -> str:
    shifted = f", squares shifted by {form.origin[0]}, {form.origin[1]}" if any(form.origin) else ""
    if form.kind == "transposed":
        return f"transposed convolution of stride {form.stride[0]}, {form.stride[1]}"
    if form.kind == "gathered":
        return f"1x1 convolution, gathered, and depth to space by {form.level}{shifted}"
    return f"{form.kind} and depth to space by {form.level}{shifted}"
