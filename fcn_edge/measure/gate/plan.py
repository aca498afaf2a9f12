"""What a gate is asked: which models, which checks; refused where it makes no sense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn_edge.dataset import DataFolder
from fcn_edge.errors import UsageError
from fcn_edge.measure.gate.config import GateConfig, check_config
from fcn_edge.measure.gate.result import GatedModel, Mode
from fcn_edge.measure.spec import VariantSpec, parse_spec, precision
from fcn_edge.model_file import fingerprint, parse_name, read_card

Model = str | Path | VariantSpec

_MODES_HINT = (
    "give --base F (head against base), --baseline FILE --reference F (ratio to the float model), --budget-ms X "
    "--board NAME, or --data DATA --reference F (accuracy)"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Models and checks.

    Attributes:
        head: The model that is judged.
        base: What it is timed against in relative mode.
        reference: The float model, for the ratio and for accuracy.
        baseline: The file of ratios, in ratio mode.
        data: For accuracy.
    """

    head: VariantSpec
    base: VariantSpec | None
    reference: VariantSpec | None
    baseline: Path | None
    data: DataFolder | None

    def mode(self, config: GateConfig) -> Mode:
        """Say how latency is judged, or what else is."""
        if self.base is not None:
            return "relative"
        if self.baseline is not None:
            return "ratio"
        return "budget" if config.budget_ms is not None else "accuracy"


def make_plan(
    head: Model,
    config: GateConfig,
    *,
    base: Model | None = None,
    reference: Model | None = None,
    baseline: Path | None = None,
    data: DataFolder | None = None,
) -> Plan:
    """Find the models and refuse what cannot be judged.

    Raises:
        UsageError: No mode, two of them, a missing model, limits that cannot be meant, or models or data with other
            classes.
        ModelFileError: A model's card cannot be read.
        DatasetError: The data has no such split.
    """
    check_config(config)
    _check_modes(config, base, reference, baseline, data)
    plan = Plan(
        head=as_spec(head),
        base=None if base is None else as_spec(base),
        reference=None if reference is None else as_spec(reference),
        baseline=baseline,
        data=data,
    )
    for other in (plan.base, plan.reference):
        if other is not None:
            check_same_classes(plan.head.path, other.path)
    if data is not None:
        # Before anything is timed: nobody wants to wait minutes for a split that is not there.
        data.samples(config.split)
        _check_classes_of_data((plan.head, plan.reference or plan.base), data)
    return plan


def as_spec(model: Model) -> VariantSpec:
    """Find what ``MODEL@BACKEND:THREADS`` means."""
    return model if isinstance(model, VariantSpec) else parse_spec(model)


def describe(spec: VariantSpec) -> GatedModel:
    """Describe a model's file."""
    card = read_card(spec.path)
    return GatedModel(
        path=str(spec.path),
        name=parse_name(spec.path).name if card is None else card.name,
        fingerprint=fingerprint(spec.path),
        precision=precision(spec.path),
        bytes=spec.path.stat().st_size,
    )


def check_same_classes(head: Path, other: Path) -> None:
    """Refuse two models whose cards name different classes; one without a card is taken at the other's word.

    Their input sizes may differ: a smaller input is a fair way to be faster, and accuracy is counted at the size of
    the original images anyway.

    Raises:
        UsageError: It lists both.
    """
    ours, theirs = read_card(head), read_card(other)
    if ours is None or theirs is None:
        return
    names, expected = ([spec.name for spec in card.classes] for card in (ours, theirs))
    if names != expected:
        raise UsageError(
            f"{head}: its classes are {_listed(names)}, but those of {other} are {_listed(expected)}",
            hint="hold a model against one that was made for the same classes in the same order",
        )


def _check_classes_of_data(models: Sequence[VariantSpec | None], data: DataFolder) -> None:
    for spec in models:
        card = None if spec is None else read_card(spec.path)
        if spec is None or card is None:
            continue
        names = tuple(each.name for each in card.classes)
        if names != data.class_names:
            raise UsageError(
                f"{spec.path}: its classes are {_listed(names)}, but those of {data.root} are "
                f"{_listed(data.class_names)}",
                hint="judge on data that has the model's classes in the same order, see classes.txt",
            )


def _check_modes(
    config: GateConfig, base: Model | None, reference: Model | None, baseline: Path | None, data: DataFolder | None
) -> None:
    if base is not None and baseline is not None:
        raise UsageError(
            "both a base and a baseline: the head can be timed against one of them",
            hint="leave out --baseline: a base in the same run says more on any machine",
        )
    if baseline is not None and reference is None:
        raise UsageError(
            "a baseline without a reference: its ratio is that of the head to a float model",
            hint="name the float model: --reference F",
        )
    if data is not None and base is None and reference is None:
        raise UsageError(
            "data without a model to hold the head against", hint="name the float model: --reference F, or --base F"
        )
    if config.budget_ms is not None and config.board is None:
        raise UsageError(
            "a budget without a board: milliseconds mean nothing without one",
            hint="declare it: --board NAME, as fcn-edge bench prints it in its first line",
        )
    if base is None and baseline is None and config.budget_ms is None and data is None:
        raise UsageError("nothing to judge the head by", hint=_MODES_HINT)


def _listed(names: Sequence[str], most: int = 6) -> str:
    return f"{len(names)} ({', '.join(names[:most])}{', …' if len(names) > most else ''})"
