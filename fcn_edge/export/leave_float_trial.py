"""Quantising a model again and again with other layers left in floating point, and measuring what comes out."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge import atomic
from fcn_edge.card import ModelCard
from fcn_edge.dataset import Sample
from fcn_edge.export import ladder, leave_float, onnx, onnx_graph, tflite, tflite_graph
from fcn_edge.export.conversion import Conversion
from fcn_edge.export.convert import convert_file
from fcn_edge.export.diagnosis import FloatTrial, OutputStats
from fcn_edge.export.formats import FORMATS
from fcn_edge.export.freeze import macs_by_scope, traced
from fcn_edge.export.graph import Model, nodes_of
from fcn_edge.export.layer_names import LAST, scope_of
from fcn_edge.export.quiet import silenced
from fcn_edge.model_file.name import Format

# Of scores kept; large images with many classes are run again instead.
_MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Quantizer:
    """One format, its float graph made once.

    Attributes:
        float_file: The graph before it is quantised.
        convert: Quantises it, but for the job's float layers.
        float_scopes: Which layers of a file compute in floating point.
    """

    float_file: Path
    convert: Callable[[Conversion], bytes]
    float_scopes: Callable[[bytes], frozenset[str]]


@silenced()
def start_quantizer(file_format: Format, job: Conversion, folder: Path) -> Quantizer:
    """Make the float graph of a job in *folder*."""
    if file_format == "onnx":
        clean = onnx.clean(job, folder)
        return Quantizer(
            clean,
            functools.partial(onnx.quantize, clean),
            lambda data: leave_float.onnx_float_scopes(onnx_graph.onnx().load_from_string(data)),
        )
    calibrated = tflite.calibrate(job)
    path = folder / "calibrated.fp32.tflite"
    atomic.write_bytes(path, calibrated)
    return Quantizer(
        path,
        functools.partial(tflite.leave_in_float, calibrated),
        lambda data: leave_float.tflite_float_scopes(tflite_graph.read_model(data)),
    )


class Judge:
    """Holds files to one Keras model on the same images; the model itself runs once."""

    def __init__(self, model: Model, card: ModelCard, samples: Sequence[tuple[Sample, bool]]) -> None:
        logits = dataclasses.replace(card, output="logits", score_quantization=None)
        self._reference = ladder.Climber("Keras model", _remembering(model), logits, ladder.PASSES)
        self._samples = samples
        self.keras_miou: float | None = None

    @silenced()
    def measure(self, path: Path, card: ModelCard) -> OutputStats:
        """Run one file on all images."""
        climber, backend = ladder.open_file(path, card)
        try:
            measured = ladder.climb(self._reference, [climber], self._samples)
        finally:
            backend.close()
        self.keras_miou = measured.keras_miou
        rung = measured.rungs[0]
        return OutputStats(rung.parity.sqnr_db, rung.parity.agreement, rung.miou)


class FloatTrials:
    """Trials of one model in one format."""

    def __init__(self, quantizer: Quantizer, job: Conversion, card: ModelCard, judge: Judge, folder: Path) -> None:
        self._quantizer = quantizer
        self._job = job
        self._card = card
        self._judge = judge
        self._folder = folder
        self._names = {scope_of(name): name for name in leave_float.layer_names(job.model)}
        self._names[LAST] = nodes_of(job.model)[-1].operation.name
        self.macs_share = layer_shares(job.model)

    @silenced()
    def run(self, layers: Sequence[str], anew: OutputStats | None = None) -> tuple[FloatTrial, Path]:
        """Quantise with *layers* left in floating point and measure.

        Args:
            layers: Their names.
            anew: The same without any, to hold it against.

        Raises:
            ExportError: A layer has no operation of its own in the file.
        """
        name = f"{self._quantizer_format}-int8"
        spec = dataclasses.replace(FORMATS[name], convert=self._quantizer.convert)
        digest = hashlib.sha256("\n".join(layers).encode()).hexdigest()[:12]
        folder = self._folder / digest
        folder.mkdir(exist_ok=True)
        job = dataclasses.replace(self._job, float_layers=tuple(layers))
        written = convert_file(name, spec, job, self._card, folder)
        output = self._judge.measure(written.path, written.card)
        scopes = self._quantizer.float_scopes(written.path.read_bytes())
        found = {self._names[scope] for scope in scopes if scope in self._names} if layers else set()
        left = tuple(known for known in self.macs_share if known in found)
        share = sum(self.macs_share[known] for known in left)
        won = None if anew is None else loss_won(anew, output)
        return FloatTrial(tuple(layers), left, output, won, share, written.inspection.float_ops), written.path

    @property
    def _quantizer_format(self) -> str:
        return self._quantizer.float_file.suffix[1:]


def loss_won(before: OutputStats, after: OutputStats) -> float:
    """Give the share of the noise in the scores that went away; without scores, of the pixels that differed."""
    if before.sqnr_db is not None:
        # None beside scores means that nothing differs at all.
        return 1.0 if after.sqnr_db is None else float(1 - 10 ** ((before.sqnr_db - after.sqnr_db) / 10))
    lost = 1 - before.agreement
    return 1 - (1 - after.agreement) / lost if lost else 0.0


def layer_shares(model: Model) -> dict[str, float]:
    """Give each layer's share of the multiply-adds, by name, in the order of the network."""
    macs = macs_by_scope(model)
    total = sum(macs.values()) or 1
    return {name: macs.get(scope_of(name), 0) / total for name in leave_float.layer_names(model)}


def _remembering(model: Model) -> ladder.Run:
    function = traced(model, "uint8")
    known: dict[str, NDArray[np.generic]] = {}

    def run(pixels: NDArray[np.uint8]) -> NDArray[np.generic]:
        key = hashlib.sha256(pixels.tobytes()).hexdigest()
        if key in known:
            return known[key]
        scores = np.asarray(function(pixels))
        if scores.nbytes * (len(known) + 1) <= _MOST_BYTES:
            known[key] = scores
        return scores

    return run
