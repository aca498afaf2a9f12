"""The proof of an export: all files on the same images, held to the Keras model."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import ModelCard
from fcn_edge.dataset import Sample
from fcn_edge.export import ladder, samples
from fcn_edge.export.blame import guilty_layer, layer_noise
from fcn_edge.export.freeze import traced
from fcn_edge.export.graph import Model
from fcn_edge.export.report import RungReport
from fcn_edge.export.summary import WrittenFile

_BLAME_IMAGES = 4


class Proof:
    """What files are held to.

    Args:
        source: The Keras model as it came, its head prepared.
        model: The same after all passes, which the files are converted from.
        card: Of the export.
        judged: Samples, each with whether its mask counts for mIoU.
    """

    def __init__(self, source: Model, model: Model, card: ModelCard, judged: Sequence[tuple[Sample, bool]]) -> None:
        logits = dataclasses.replace(card, output="logits", score_quantization=None)
        self.samples = tuple(judged)
        self._card = card
        self._model = model
        self._reference = ladder.Climber("Keras model", _runner(source), logits, ladder.PASSES)
        self._rewritten = ladder.Climber("prepared Keras model", _runner(model), logits, ladder.PASSES)

    def climb(self, files: Sequence[WrittenFile]) -> ladder.Ladder:
        """Run everything on all samples; the first rung is the rewritten Keras model, then come the files."""
        with contextlib.ExitStack() as stack:
            opened = [ladder.open_file(written.path, written.card) for written in files]
            for _, backend in opened:
                stack.callback(backend.close)
            climbers = [self._rewritten, *(climber for climber, _ in opened)]
            return ladder.climb(self._reference, climbers, self.samples)

    @staticmethod
    def rungs_of(measured: ladder.Ladder) -> tuple[RungReport, ...]:
        """Give the rungs of the files."""
        return measured.rungs[1:]

    @staticmethod
    def loses(rung: RungReport, measured: ladder.Ladder, written: WrittenFile, max_drop: float) -> bool:
        """Tell whether :meth:`check` would refuse a file."""
        lost = ladder.drop(rung, measured.keras_miou)
        tolerance = ladder.TOLERANCES[written.card.precision]
        return bool(ladder.missed(rung.parity, tolerance)) or (lost is not None and lost > max_drop)

    def check(self, measured: ladder.Ladder, files: Sequence[WrittenFile], max_drop: float) -> None:
        """Refuse the export where a rung is lost.

        Raises:
            LostRungError: A file differs too much from the Keras model.
            ThresholdMissedError: A file loses more than *max_drop* points of mIoU.
        """
        chosen = [sample for sample, _ in self.samples[:_BLAME_IMAGES]]
        images = samples.read_all(chosen, self._card.input_size_hw, self._card.geometry)
        ladder.check_rung(measured.rungs[0], ladder.PASSES, lambda: _OWN_FAULT)
        for written, rung in zip(files, self.rungs_of(measured), strict=True):
            blame = self._blame(written, images)
            ladder.check_rung(rung, ladder.TOLERANCES[written.card.precision], blame)
            ladder.check_drop(rung, measured.keras_miou, max_drop, blame)

    def _blame(self, written: WrittenFile, images: NDArray[np.uint8]) -> Callable[[], str]:
        return lambda: guilty_layer(layer_noise(self._model, written.path, images, written.card.precision))


_OWN_FAULT = "a pass changed what the model computes; this is a fault of fcn-edge, please report it"


def _runner(model: Model) -> ladder.Run:
    function = traced(model, "uint8")
    return lambda pixels: np.asarray(function(pixels))
