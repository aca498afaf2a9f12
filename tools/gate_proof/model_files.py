"""The files that the gate is put to: the shipped model, the same but slower, badly calibrated, one class ruined."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fcn_edge import atomic, model_file, scenes
from fcn_edge.errors import FcnEdgeError
from fcn_edge.export import ExportConfig, export_model, tflite
from fcn_edge.export.conversion import Conversion
from fcn_edge.export.load import load_source
from fcn_edge.export.passes import run_passes
from fcn_edge.export.prepare import prepare
from fcn_edge.export.quiet import silenced
from fcn_edge.export.samples import with_full_range
from fcn_edge.export.summary import tool_versions
from gate_proof import many_classes
from gate_proof.pair import ratio_in_fresh_processes
from gate_proof.slower import Extra, Sized, size_for, write_slower

Tell = Callable[[str], None]

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "models" / "nuclei" / "nuclei.keras"
BASE = "base/nuclei.int8.tflite"
REFERENCE = "base/nuclei.fp32.tflite"
SLOWER_10 = "slower-10/nuclei.int8.tflite"
SLOWER_3 = "slower-3/nuclei.int8.tflite"
BLACK = "black/nuclei.int8.tflite"
COLOURS = "colours/colours.int8.tflite"
COLOURS_REFERENCE = "colours/colours.fp32.tflite"
RUINED = "ruined/colours.int8.tflite"
SCENES = "scenes"
CELLS = "cells"
_FACTS = "made.json"

# How much slower, and where the search begins.
WANTED = {
    SLOWER_10: (1.10, (Extra("dec4_mix_relu6", (128,)),)),
    SLOWER_3: (1.03, (Extra("dec8_mix_relu6", (128,)),)),
}
_TRAIN, _VAL = 48, 12
_CELLS = 60
_SPARE = "trial"
# Scenes and cells are not what the models were trained on; what they lose to int8 there is the gate's to judge.
_ANY_DROP = 100.0


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What was found while the files were made.

    Attributes:
        stamp: Of the code and the tools that made them.
        sized: By path of the file: the convolutions put in, and head time / base time by the processor's clock.
    """

    stamp: str
    sized: dict[str, Sized]


def make_files(folder: Path, tell: Tell) -> None:
    """Make all files in *folder*, those that are missing or out of date.

    Raises:
        FcnEdgeError: An export failed, or no convolutions of the wanted size were found.
    """
    facts = read_facts(folder)
    if facts.stamp == _stamp():
        tell(f"files of {folder} are up to date")
        return
    tell("drawing data")
    scenes.write_data_folder(folder / SCENES, train=_TRAIN, val=_VAL, seed=1)
    many_classes.write_data(folder / CELLS, train=_CELLS, val=_CELLS, seed=2)
    tell("exporting the shipped model, and calibrated on black")
    _export(SOURCE, folder / SCENES, folder / Path(BASE).parent)
    _write_black(folder)
    tell("exporting forty classes, and with one ruined")
    for name, ruined in ((COLOURS, False), (RUINED, True)):
        keras = folder / f"{Path(name).parent}.keras"
        many_classes.write_model(keras, ruined=ruined)
        _export(keras, folder / CELLS, folder / Path(name).parent)
    sized = {name: _make_slower(folder, name, tell) for name in WANTED}
    content = dataclasses.asdict(Facts(_stamp(), sized))
    atomic.write_text(folder / _FACTS, json.dumps(content, indent=2) + "\n")


def read_facts(folder: Path) -> Facts:
    """Read what was found while the files were made; empty where they were not."""
    try:
        content = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Facts("", {})
    sized = {
        name: Sized(Extra(value["extra"]["behind"], tuple(value["extra"]["widths"])), value["ratio"])
        for name, value in content["sized"].items()
    }
    return Facts(content["stamp"], sized)


def _export(source: Path, data: Path, out: Path) -> None:
    export_model(source, ExportConfig(data, out, formats=("tflite-int8", "tflite-fp32"), max_drop=_ANY_DROP))


def _make_slower(folder: Path, name: str, tell: Tell) -> Sized:
    wanted, starts = WANTED[name]
    out = folder / Path(name).parent

    def measure(extra: Extra) -> float:
        keras = folder / f"{_SPARE}.keras"
        write_slower(SOURCE, extra, keras)
        _export(keras, folder / SCENES, out)
        keras.unlink()
        return ratio_in_fresh_processes(folder / BASE, folder / name)

    return size_for(wanted, starts, measure, tell)


def _write_black(folder: Path) -> None:
    """Convert with black pictures for calibration, which ``export`` refuses to do."""
    config = ExportConfig(folder / SCENES, folder)
    source = load_source(SOURCE)
    card = model_file.read_card(folder / BASE)
    if card is None:
        raise FcnEdgeError(f"{folder / BASE}: has no card", hint="remove the folder; it will be made again")
    black = np.zeros((8, *card.input_size_hw, 3), np.uint8)
    with silenced():
        model = run_passes(prepare(source, config, black[:1]).model).model
        data = tflite.convert_int8(Conversion(model, "logits", 0.0, with_full_range(black)))
        found = tflite.inspect(data, "int8")
        card = dataclasses.replace(card, score_quantization=found.quantization, metrics=())
        atomic.write_bytes(folder / BLACK, tflite.describe(data, card))
    model_file.write_card(folder / BLACK, card)


def _stamp() -> str:
    """Identify what the files depend on: the source, the code that makes them, its tools' versions."""
    digest = hashlib.sha256(SOURCE.read_bytes())
    makers = [path for part in ("export", "scenes") for path in (ROOT / "fcn_edge" / part).rglob("*.py")]
    own = (Path(__file__), Path(many_classes.__file__), Path(__file__).with_name("slower.py"))
    for path in sorted([*makers, *own]):
        digest.update(path.name.encode() + path.read_bytes())
    return f"{digest.hexdigest()} {tool_versions()}"
