"""Joining trained networks to one whose scores are the mean of theirs, as slow as all together."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import fcn_edge
from fcn_edge.atomic import replacing
from fcn_edge.card import ModelCard
from fcn_edge.errors import UsageError
from fcn_edge.metrics import metric_specs
from fcn_edge.model_file import write_card
from fcn_edge.networks.ensemble import build_ensemble
from fcn_edge.train.alone import writing_alone
from fcn_edge.train.data import TrainingData, open_data
from fcn_edge.train.feed import ValidationStore
from fcn_edge.train.losses import make_loss
from fcn_edge.train.portable import make_portable
from fcn_edge.train.result import FILE_NAME, score_channels
from fcn_edge.train.trained import load_trained
from fcn_edge.train.validation import ValidationStats, as_arrays, validate

ARCHITECTURE = "ensemble"
_FEWEST = 2
_BATCH = 4


@dataclass(frozen=True, slots=True)
class EnsembleReport:
    """What came of joining networks.

    Attributes:
        model_path: The ``.keras`` file with its card.
        members: Accuracy on ``val`` of each, in the order given.
        joined: Of the network that was written.
    """

    model_path: Path
    members: tuple[ValidationStats, ...]
    joined: ValidationStats


def join_models(
    models: Sequence[str | Path],
    *,
    data: Sequence[Path],
    out: Path,
    name: str = "",
    command: str = "",
    quiet: bool = False,
    on_member: Callable[[int, ValidationStats], None] | None = None,
) -> EnsembleReport:
    """Write a network that gives the mean of the logits of others.

    Its threshold is the best on ``val``, as in training; licence, credit and limits on its card are those of all.

    Args:
        models: Run folders or ``.keras`` files of the same classes, input size and geometry; two or more.
        data: Data folders whose joined ``val`` all are scored on.
        out: Run folder to write ``model.keras`` into.
        name: The model's name; the run folder's by default.
        command: The command line, for the card.
        quiet: Show no progress.
        on_member: Called after each network was scored, with its place from 0.

    Raises:
        UsageError: There are fewer than two, one does not exist, or they do not fit each other or the data.
        ModelFileError: One is no ``.keras`` file with a card.
        DatasetError: A data folder has faults.
        MissingPackageError: TensorFlow is not installed.
        OutputError: The run folder cannot be written.
    """
    if len(models) < _FEWEST:
        raise UsageError(f"{len(models)} model cannot be joined", hint="give two or more")
    networks, cards = zip(*(load_trained(model, role="a member") for model in models), strict=True)
    opened = open_data(data, quiet=quiet)
    _require_alike(models, cards, opened)
    store = ValidationStore(opened.val, cards[0].input_size_hw, cards[0].geometry)
    stats = []
    for place, network in enumerate(networks):
        stats.append(_score(network, store, cards[0], opened))
        if on_member is not None:
            on_member(place, stats[-1])
    channels = score_channels(opened.class_names)
    joined = _score(build_ensemble(networks, classes=channels, logits=True), store, cards[0], opened)
    card = _card(cards, joined, name or out.resolve().name, command)
    with writing_alone(out), replacing(out / FILE_NAME) as temporary:
        build_ensemble(networks, classes=channels).save(temporary, include_optimizer=False)
        make_portable(temporary)
        write_card(temporary, card)
    return EnsembleReport(out / FILE_NAME, tuple(stats), joined)


def _score(network: object, store: ValidationStore, card: ModelCard, data: TrainingData) -> ValidationStats:
    return validate(
        as_arrays(network),
        store,
        classes=len(data.class_names),
        geometry=card.geometry,
        batch_size=_BATCH,
        loss=make_loss("ce"),
    )


def _require_alike(models: Sequence[str | Path], cards: Sequence[ModelCard], data: TrainingData) -> None:
    for model, card in zip(models, cards, strict=True):
        names = tuple(spec.name for spec in card.classes)
        if names != data.class_names:
            raise UsageError(
                f"{model}: was trained for {', '.join(names)}, and the data has {', '.join(data.class_names)}",
                hint="give the data that it was trained with",
            )
        here, first = (f"{c.input_size_hw[0]}x{c.input_size_hw[1]}, {c.geometry}" for c in (card, cards[0]))
        if here != first:
            raise UsageError(
                f"{model}: takes {here}, and {models[0]} takes {first}",
                hint="join models of the same --size and --geometry",
            )


def _card(cards: Sequence[ModelCard], joined: ValidationStats, name: str, command: str) -> ModelCard:
    first, names = cards[0], [spec.name for spec in cards[0].classes]
    training = dataclasses.replace(
        first.training,
        # All that is needed to make it again.
        command=" && ".join(text for text in (*(card.training.command for card in cards), command) if text),
        data=_all(card.training.data for card in cards),
        licence=_all(card.training.licence for card in cards),
        credit=_all(card.training.credit for card in cards),
    )
    return dataclasses.replace(
        first,
        name=name,
        architecture=ARCHITECTURE,
        options={f"member {number}": _described(card) for number, card in enumerate(cards, start=1)},
        threshold=joined.threshold,
        training=training,
        limits=_all(card.limits for card in cards),
        metrics=metric_specs(joined.accuracy, names, split="val", images=joined.images),
        tools={"fcn-edge": fcn_edge.__version__}
        | {package: importlib.metadata.version(package) for package in ("keras", "tensorflow")},
        fingerprint="",
    )


def _all(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(text for text in texts if text))


def _described(card: ModelCard) -> str:
    options = ", ".join(f"{key} {value}" for key, value in card.options.items())
    return f"{card.architecture} of seed {card.training.seed} ({options})"
