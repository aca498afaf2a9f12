"""Finding the layers that cost a quantised file its accuracy, and proving it: with them in float the loss is gone."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge import model_file
from fcn_edge.card import ModelCard
from fcn_edge.dataset import open_folder
from fcn_edge.errors import ExportError, ModelFileError, UsageError
from fcn_edge.export import diagnosis_source, diagnosis_text, samples
from fcn_edge.export.blame import NOTABLE_DROP_DB, LayerNoise, layer_noise
from fcn_edge.export.conversion import Conversion
from fcn_edge.export.convert import threshold_of
from fcn_edge.export.diagnosis import DiagnosisConfig, Finding, FloatTrial, LayerDiagnosis, OutputStats, Verdict
from fcn_edge.export.diagnosis_findings import calibration_findings, float_findings, layer_findings
from fcn_edge.export.leave_float import with_feeders, with_readers
from fcn_edge.export.leave_float_trial import FloatTrials, Judge, layer_shares, loss_won, start_quantizer
from fcn_edge.export.load import load_source
from fcn_edge.export.quiet import silenced
from fcn_edge.model_file.name import Format

# A file that keeps these is not ill: the gate's own limits, and a signal to noise that even int8 files of small
# networks reach.
HEALTHY_AGREEMENT = 0.97
HEALTHY_DB = 20.0
HEALTHY_DROP_POINTS = 1.0
# Share of the noise in the scores that has to go for a layer to be guilty: half of it is 3 dB.
CONFIRMED = 0.5
# Quantised anew, three quarters of the noise are gone: 6 dB.
_CALIBRATION = 0.75
_WORTH_ADDING = 0.05
# A float file follows its own layers with more than 60 dB; a tensor under another's name is nowhere near.
_SAME_DB = 40.0
_NOISE_IMAGES = 4


def diagnose(
    source: str | Path, file: Path, config: DiagnosisConfig, *, tell: Callable[[str], None] | None = None
) -> LayerDiagnosis:
    """Follow a quantised file layer by layer, and leave the suspects in floating point to see whether it was they.

    The Keras model goes through the passes that the file was made with. Every layer that is found again in the file
    is held to its own; suspects are those whose signal to noise drops most below that of their inputs. Where the file
    as a whole is worse than it should be, the model is quantised anew, first all in integers, which tells whether the
    calibration was at fault, then with suspects in floating point, alone, with the layers they read, and together.

    Args:
        source: Run folder, ``.keras`` or other model that the file was exported from.
        file: int8 ``.tflite`` or ``.onnx`` file.
        config: Images, and how far to go.
        tell: Gets one line for each step.

    Raises:
        UsageError: The file is not int8, or a value makes no sense.
        ModelFileError: It has no card, or was made from another model.
        DatasetError: The data has no usable images.
        ExportError: The model cannot be quantised anew.
        MissingPackageError: A converter is not installed.
    """
    started = time.monotonic()
    card = _card_of(file)
    with tempfile.TemporaryDirectory() as temporary:
        # Not around all of it: what is told has to come through.
        with silenced():
            case = _Case.open(source, file, card, config, Path(temporary))
        found = case.examine(tell or (lambda _line: None))
    return dataclasses.replace(found, seconds=round(time.monotonic() - started, 1))


@dataclass(frozen=True, slots=True)
class _Case:
    """One file, its model and the images."""

    file: Path
    card: ModelCard
    config: DiagnosisConfig
    prepared: diagnosis_source.PreparedSource
    judge: Judge
    job: Conversion
    folder: Path
    looked_at: NDArray[np.uint8]
    images: int

    @classmethod
    def open(cls, source: str | Path, file: Path, card: ModelCard, config: DiagnosisConfig, folder: Path) -> _Case:
        data = open_folder(config.data)
        chosen = samples.choose_for_proof(data, config.split, config.calibration_split, config.images)
        pixels = samples.read_all(chosen[:_NOISE_IMAGES], card.input_size_hw, card.geometry)
        prepared = diagnosis_source.prepare_source(load_source(source), file, card, config.preprocessing, pixels)
        comparable = len(data.class_names) == len(card.classes)
        own = {sample.image_path for sample in data.splits[config.split] if comparable}
        judge = Judge(prepared.model, prepared.card, [(sample, sample.image_path in own) for sample in chosen])
        images, _ = samples.calibration_set(
            data,
            split=config.calibration_split,
            count=config.calibration_images,
            seed=config.seed,
            size_hw=card.input_size_hw,
            geometry=card.geometry,
        )
        job = Conversion(
            prepared.model,
            "logits",
            threshold_of(prepared.card),
            samples.with_full_range(images),
            rewrite=prepared.folded,
            symmetric=prepared.symmetric,
        )
        return cls(file, card, config, prepared, judge, job, folder, pixels, len(chosen))

    def examine(self, tell: Callable[[str], None]) -> LayerDiagnosis:
        model = self.prepared.model
        quantizer = start_quantizer(_format(self.file), self.job, self.folder)
        with silenced():
            float_noise = layer_noise(model, quantizer.float_file, self.looked_at[:1], "fp32")
            known = {layer.name for layer in float_noise if layer.sqnr_db > _SAME_DB}
            noise = layer_noise(model, self.file, self.looked_at, "int8", known=known)
        output = self.judge.measure(self.file, self.card)
        tell(f"{self.file.name}: {diagnosis_text.describe_output(output)}, {len(noise)} layers followed")
        told = self._healthy(output)
        base = self._diagnosis(noise, output, "healthy" if told else "unfollowed")
        if not noise or (told and not self.config.always):
            return self._worded(base)
        trials = FloatTrials(quantizer, self.job, self.prepared.card, self.judge, self.folder)
        anew, path = trials.run(())
        tell(f"quantised anew: {diagnosis_text.describe_output(anew.output)}")
        base = dataclasses.replace(base, anew=anew.output, calibration_images=len(self.job.calibration))
        calibration = loss_won(output, anew.output) >= _CALIBRATION
        if calibration and self._healthy(anew.output):
            about = calibration_findings(noise) or self._about(self._suspects(noise), noise, base)
            return self._worded(dataclasses.replace(base, verdict="calibration", findings=about))
        with silenced():
            own = layer_noise(model, path, self.looked_at, "int8", known=known) if calibration else noise
        tried = self._try_all(trials, own, anew.output, tell)
        return self._worded(self._concluded(base, own, tried, told=told, calibration=calibration))

    def _try_all(
        self, trials: FloatTrials, noise: Sequence[LayerNoise], anew: OutputStats, tell: Callable[[str], None]
    ) -> list[FloatTrial]:
        """Leave suspects in floating point: alone, with what they read, and together."""
        tried: list[FloatTrial] = []

        def run(layers: tuple[str, ...]) -> FloatTrial | None:
            if any(set(trial.layers) == set(layers) for trial in tried):
                return None
            try:
                trial, _ = trials.run(layers, anew)
            except ExportError:
                # The converter merged it with another: nothing of its own can be left.
                return None
            tell(f"in float {', '.join(layers)}: {diagnosis_text.describe_output(trial.output)}")
            tried.append(trial)
            return trial

        suspects = self._suspects(noise)
        for name in suspects:
            run((name,))
        around = [widen(self.prepared.model, (name,)) for widen in (with_feeders, with_readers) for name in suspects]
        for layers in around:
            if _confirmed(tried):
                break
            run(layers)
        best = max(tried, key=_gain, default=None)
        for trial in sorted(tried, key=_gain, reverse=True)[1:]:
            if best is None or self._healthy(best.output):
                break
            joined = tuple(dict.fromkeys((*best.layers, *trial.layers)))
            both = run(joined)
            if both is not None and _gain(both) >= _gain(best) + _WORTH_ADDING:
                best = both
        return tried

    def _suspects(self, noise: Sequence[LayerNoise]) -> list[str]:
        ranked = sorted(noise, key=lambda layer: layer.drop_db, reverse=True)[: self.config.suspects]
        return [layer.name for layer in ranked if layer.drop_db >= NOTABLE_DROP_DB or layer is ranked[0]]

    def _concluded(
        self,
        base: LayerDiagnosis,
        noise: Sequence[LayerNoise],
        tried: Sequence[FloatTrial],
        *,
        told: bool,
        calibration: bool,
    ) -> LayerDiagnosis:
        best = self._chosen(tried)
        guilty = () if best is None or told else best.layers
        verdict: Verdict = "layers" if guilty else "spread"
        findings: tuple[Finding, ...] = ()
        if not told:
            suspected = guilty or tuple(self._suspects(noise))
            about = self._about(suspected, noise, base)
            findings = (*calibration_findings(base.layers), *about, *float_findings(best if guilty else None))
        if told:
            verdict = "healthy"
        elif calibration and not guilty:
            verdict = "calibration"
        return dataclasses.replace(base, verdict=verdict, guilty=guilty, trials=tuple(tried), findings=findings)

    def _about(self, layers: Sequence[str], noise: Sequence[LayerNoise], base: LayerDiagnosis) -> tuple[Finding, ...]:
        by_name = {layer.name: layer for layer in noise}
        return layer_findings(self.prepared.model, layers, by_name, self.looked_at, base.macs_share)

    def _chosen(self, tried: Sequence[FloatTrial]) -> FloatTrial | None:
        """Choose what to leave: the least arithmetic that makes the file healthy, else what wins most."""
        confirmed = _confirmed(tried)
        mending = [trial for trial in confirmed if self._healthy(trial.output)]
        if mending:
            return min(mending, key=lambda trial: (trial.macs_share, -_gain(trial)))
        return max(confirmed, key=_gain, default=None)

    def _healthy(self, output: OutputStats) -> bool:
        keras = self.judge.keras_miou
        drop = 0.0 if keras is None or output.miou is None else 100 * (keras - output.miou)
        clear = output.sqnr_db is None or output.sqnr_db >= HEALTHY_DB
        return clear and output.agreement >= HEALTHY_AGREEMENT and drop <= HEALTHY_DROP_POINTS

    def _diagnosis(self, noise: tuple[LayerNoise, ...], output: OutputStats, verdict: Verdict) -> LayerDiagnosis:
        return LayerDiagnosis(
            candidate=self.file.name,
            source=str(self.prepared.path),
            folded=self.prepared.folded,
            split=self.config.split,
            images=self.images,
            calibration_images=0,
            keras_miou=self.judge.keras_miou,
            output=output,
            anew=None,
            verdict=verdict,
            guilty=(),
            text="",
            layers=noise,
            macs_share=layer_shares(self.prepared.model),
            trials=(),
            findings=(),
            seconds=0.0,
        )

    @staticmethod
    def _worded(found: LayerDiagnosis) -> LayerDiagnosis:
        return dataclasses.replace(found, text=diagnosis_text.verdict_sentence(found))


def _gain(trial: FloatTrial) -> float:
    return trial.won or 0.0


def _confirmed(tried: Sequence[FloatTrial]) -> list[FloatTrial]:
    return [trial for trial in tried if _gain(trial) >= CONFIRMED]


def _card_of(file: Path) -> ModelCard:
    if model_file.parse_name(file).format not in ("tflite", "onnx"):
        raise UsageError(f"{file}: is no .tflite or .onnx file", hint="name an exported int8 file")
    card = model_file.read_card(file)
    if card is None:
        raise ModelFileError(
            f"{file}: has no card, so it is not known what its input and output mean",
            hint="export the Keras model with fcn-edge export, and diagnose that file",
        )
    if card.precision != "int8":
        raise UsageError(
            f"{file}: is {card.precision}; only an int8 file has layers that can be left in floating point",
            hint="name an int8 file",
        )
    return card


def _format(file: Path) -> Format:
    return model_file.parse_name(file).format
