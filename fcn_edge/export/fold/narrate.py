"""Reports of plans."""

from __future__ import annotations

from collections.abc import Mapping

from fcn_edge.export.fold.form import Form
from fcn_edge.export.fold.plan import Plan, Step
from fcn_edge.export.fold.region import Region, Value
from fcn_edge.export.fold.result import RegionReport, StepReport, TermReport


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
        why=f"the cheapest plan {relation}" if plan.folds else "no plan is cheaper than the layers as they are",
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
        source.name, form.kind, upsampling, form.kernel, channels, step.strips[source], form.macs, _why(form)
    )


def _why(form: Form) -> str:
    if form.kind == "identity":
        return "added as it is"
    return f"weighs {form.cost / 1e6:,.1f} M, the least together with the sum"
