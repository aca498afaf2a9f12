"""Mending an int8 file that loses too much: layers are left in floating point, fewest first, until it holds.

Every layer is followed in the file, and those whose signal to noise drops most below that of their inputs are the
candidates. Each is left in floating point by itself and the file measured again; where none is enough, the one that
wins most stays and a second is looked for, and so on. What that costs is timed against the file all in integers.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge.dataset import Sample
from fcn_edge.errors import ExportError
from fcn_edge.export import ladder, samples
from fcn_edge.export.blame import layer_noise
from fcn_edge.export.conversion import Conversion
from fcn_edge.export.diagnosis import FloatTrial, OutputStats
from fcn_edge.export.leave_float import with_feeders, with_readers
from fcn_edge.export.leave_float_trial import FloatTrials, Judge, start_quantizer
from fcn_edge.export.quiet import silenced
from fcn_edge.export.report import RepairReport
from fcn_edge.export.summary import WrittenFile
from fcn_edge.model_file import parse_name
from fcn_edge.runtime import open_backend
from fcn_edge.timing.paired import FEWEST_INPUTS, Contestant, SamplingConfig, sample

# Of all layers, how many are tried alone, and how many may be left at last.
CANDIDATES = 6
MOST_ROUNDS = 6
# A round that wins less of the noise than this has come to its end.
_WORTH = 0.02
_NOISE_IMAGES = 4
_TRIAL_IMAGES = 32
_TIMING = SamplingConfig(blocks=64, time_budget_s=10.0)


@dataclass(frozen=True, slots=True)
class Patient:
    """A file that loses too much, and what it was made from.

    Attributes:
        format_name: Such as ``tflite-int8``.
        written: The file.
        job: What it was converted from, all in integers.
        proof: Samples, each with whether its mask counts.
        max_drop: Points of mIoU it may lose.
    """

    format_name: str
    written: WrittenFile
    job: Conversion
    proof: Sequence[tuple[Sample, bool]]
    max_drop: float


def find_repair(patient: Patient, folder: Path, tell: Callable[[str], None]) -> RepairReport | None:
    """Look for the fewest layers that have to stay in floating point.

    Args:
        patient: The file.
        folder: For files in between.
        tell: Gets one line for each round.

    Returns:
        The layers, with what they win and cost; None where no layer can be left, or none helps.
    """
    card = dataclasses.replace(patient.written.card, output="logits", score_quantization=None, precision="fp32")
    job = dataclasses.replace(patient.job, output="logits")
    judge = Judge(job.model, card, _spread(patient.proof, _TRIAL_IMAGES))
    quantizer = start_quantizer(parse_name(patient.written.path).format, job, folder)
    trials = FloatTrials(quantizer, job, card, judge, folder)
    whole, path = trials.run(())
    candidates = _candidates(patient, job, path)
    found = _search(trials, whole.output, candidates, lambda output: _holds(output, judge, patient.max_drop), tell)
    if found is None:
        return None
    best, best_path = found
    ratio = _time_ratio(best_path, path, patient)
    return RepairReport(
        layers=best.layers,
        left=best.left,
        images=min(len(patient.proof), _TRIAL_IMAGES),
        miou_before=whole.output.miou,
        miou_after=best.output.miou,
        agreement_before=whole.output.agreement,
        agreement_after=best.output.agreement,
        macs_share=best.macs_share,
        time_ratio=ratio[0],
        time_ratio_ci=ratio[1],
    )


def _spread(proof: Sequence[tuple[Sample, bool]], most: int) -> list[tuple[Sample, bool]]:
    places = np.unique(np.linspace(0, len(proof) - 1, min(most, len(proof))).round().astype(int))
    return [proof[place] for place in places]


def _candidates(patient: Patient, job: Conversion, path: Path) -> list[tuple[str, ...]]:
    """Give the layers to try, worst first, and then each of them with its neighbours."""
    card = patient.written.card
    chosen = [found for found, _ in _spread(patient.proof, _NOISE_IMAGES)]
    with silenced():
        pixels = samples.read_all(chosen, card.input_size_hw, card.geometry)
        noise = layer_noise(job.model, path, pixels, "int8")
    worst = [layer.name for layer in sorted(noise, key=lambda layer: layer.drop_db, reverse=True)][:CANDIDATES]
    wider = [widen(job.model, (name,)) for widen in (with_feeders, with_readers) for name in worst]
    return list(dict.fromkeys([*((name,) for name in worst), *wider]))


def _search(
    trials: FloatTrials,
    whole: OutputStats,
    candidates: Sequence[tuple[str, ...]],
    holds: Callable[[OutputStats], bool],
    tell: Callable[[str], None],
) -> tuple[FloatTrial, Path] | None:
    best: tuple[FloatTrial, Path] | None = None
    for _ in range(MOST_ROUNDS):
        kept = () if best is None else best[0].layers
        tried: list[tuple[FloatTrial, Path]] = []
        for layers in candidates:
            joined = tuple(dict.fromkeys((*kept, *layers)))
            # A layer that the converter merged with another cannot be left by itself.
            with contextlib.suppress(ExportError):
                if len(joined) > len(kept):
                    tried.append(trials.run(joined, whole))
        if not tried:
            return best
        holding = [one for one in tried if holds(one[0].output)]
        if holding:
            chosen = min(holding, key=lambda one: (len(one[0].layers), one[0].macs_share))
            tell(_line(chosen[0]))
            return chosen
        chosen = max(tried, key=lambda one: one[0].won or 0.0)
        if (chosen[0].won or 0.0) < (0.0 if best is None else best[0].won or 0.0) + _WORTH:
            return best
        tell(_line(chosen[0]))
        best = chosen
    return best


def _line(trial: FloatTrial) -> str:
    miou = "" if trial.output.miou is None else f", mIoU {trial.output.miou:.4f}"
    return f"in float {', '.join(trial.layers)}: agreement {trial.output.agreement:.2%}{miou}"


def _holds(output: OutputStats, judge: Judge, max_drop: float) -> bool:
    tolerance = ladder.TOLERANCES["int8"]
    clear = output.sqnr_db is None or tolerance.min_sqnr_db is None or output.sqnr_db >= tolerance.min_sqnr_db
    lost = 0.0 if output.miou is None or judge.keras_miou is None else ladder.POINTS * (judge.keras_miou - output.miou)
    return clear and output.agreement >= tolerance.min_agreement and lost <= max_drop


def _time_ratio(mended: Path, whole: Path, patient: Patient) -> tuple[float, tuple[float, float] | None]:
    """Time the mended file against the one all in integers, in one thread."""
    card = patient.written.card
    chosen = [found for found, _ in _spread(patient.proof, FEWEST_INPUTS)]
    read: NDArray[np.uint8] = samples.read_all(chosen, card.input_size_hw, card.geometry)
    inputs = [read[index % len(read)][None] for index in range(FEWEST_INPUTS)]
    with contextlib.ExitStack() as stack:
        contestants = []
        for name, path in (("mended", mended), ("whole", whole)):
            backend = open_backend(path, threads=1)
            stack.callback(backend.close)
            contestants.append(Contestant(name, backend.infer, inputs))
        found = sample(contestants, _TIMING).ratio("mended", "whole")
    return round(found.ratio, 4), found.ci
