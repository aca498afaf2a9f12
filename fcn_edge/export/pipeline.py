"""The export: load, prepare, convert, prove, and only then name the files."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge import atomic, model_file
from fcn_edge.card import ModelCard
from fcn_edge.dataset import DataFolder, Sample, open_folder
from fcn_edge.export import ladder, samples
from fcn_edge.export.config import ExportConfig, check_config
from fcn_edge.export.conversion import Conversion
from fcn_edge.export.convert import convert_file, threshold_of
from fcn_edge.export.fold import Folding
from fcn_edge.export.formats import FormatSpec, select
from fcn_edge.export.freeze import count_macs
from fcn_edge.export.graph import Model
from fcn_edge.export.leave_float import check_float_layers
from fcn_edge.export.load import Source, check_size, load_source
from fcn_edge.export.passes import run_passes
from fcn_edge.export.prepare import Prepared, make_card, prepare
from fcn_edge.export.proof import Proof
from fcn_edge.export.quiet import silenced
from fcn_edge.export.repair import Patient, find_repair
from fcn_edge.export.report import CalibrationReport, ExportReport, FoldingReport, SourceReport, to_json
from fcn_edge.export.summary import WrittenFile, describe_file, find_warnings, tool_versions
from fcn_edge.metrics import metric_specs

REPORT_NAME = "export.json"

Tell = Callable[[str], None]

_PREPARE_IMAGES = 4


def export_model(
    source: str | Path, config: ExportConfig, *, tell: Tell | None = None, debug: bool = False
) -> ExportReport:
    """Export a model to files for devices.

    Every file is written into a temporary folder, run on real images in the runtime a device would use, held to the
    Keras model, and only if all hold, all are named. ``export.json`` lies beside them.

    Args:
        source: A run folder, ``.keras``, ``.h5``, SavedModel folder, or the name of a shipped model.
        config: What is wanted.
        tell: Gets one line for each step done.
        debug: Let TensorFlow and the converters write to standard error.

    Raises:
        UsageError: A path does not exist, or a value makes no sense.
        ModelFileError: The model cannot be loaded, or is no map from one image to scores.
        DatasetError: The data has no usable images for calibration or proof.
        ExportError: A conversion failed, or its result breaks the contract.
        LostRungError: A file differs too much from the Keras model.
        ThresholdMissedError: A file loses more than ``config.max_drop`` points of mIoU.
        OutputError: The files cannot be written.
        MissingPackageError: A converter is not installed.
    """
    check_config(config)
    formats = select(config.formats)
    folder = open_folder(config.data)
    return _Export(config, formats, folder, tell or (lambda _line: None), debug=debug).run(source)


class _Export:
    """One export: its wish, its data, and how to tell of it."""

    def __init__(
        self, config: ExportConfig, formats: dict[str, FormatSpec], folder: DataFolder, tell: Tell, *, debug: bool
    ) -> None:
        self._config = config
        self._formats = formats
        self._folder = folder
        self._tell = tell
        self._debug = debug
        self._started = time.monotonic()

    def run(self, wanted: str | Path) -> ExportReport:
        """Do everything."""
        config = self._config
        # First, because it takes no time and the load may take a minute.
        chosen = samples.choose_for_proof(self._folder, config.split, config.calibration_split, config.verify_images)
        with self._step("load") as done:
            source = load_source(wanted)
            done(f"{source.path} ({source.kind})")
        with self._step("prepare") as done:
            prepared, card = self._prepare(source, chosen)
            done(f"{_size(card)}, head: {prepared.head}")
        with self._step("fold") as done:
            passed = run_passes(prepared.model, fold=config.fold)
            model, folding = passed.model, _report_folding(prepared.model, passed)
            check_float_layers(model, config.float_layers)
            done(_describe_folding(folding) if config.fold else "left out")
        images, calibration = self._calibrate(card)
        with atomic.replacing_folder(config.out) as temporary:
            job = Conversion(
                model,
                config.output,
                threshold_of(card),
                images,
                rewrite=config.fold,
                symmetric=config.symmetric,
                float_layers=config.float_layers,
                ranges=config.calibration_method,
            )
            files = self._convert_all(job, card, temporary)
            # Masks of other classes say nothing about this model.
            comparable = len(self._folder.class_names) == len(card.classes)
            judged = {sample.image_path for sample in self._folder.splits[config.split] if comparable}
            proof = Proof(prepared.model, model, card, [(sample, sample.image_path in judged) for sample in chosen])
            proven = self._prove(proof, files, "prove")
            mended = self._mend(proof, proven, files, job, temporary)
            if mended != files:
                files, proven = mended, self._prove(proof, mended, "prove again")
            with silenced(enabled=not self._debug):
                proof.check(proven, files, config.max_drop)
            files = self._note_figures(files, proven)
            report = self._report(wanted, source, prepared, files, proven, folding, calibration)
            atomic.write_report(temporary / REPORT_NAME, "export", to_json(report))
        return report

    def _prepare(self, source: Source, proof: tuple[Sample, ...]) -> tuple[Prepared, ModelCard]:
        config = self._config
        geometry = config.geometry or (source.card.geometry if source.card else "stretch")
        looked_at = samples.read_all(proof[:_PREPARE_IMAGES], check_size(source, config.size_hw), geometry)
        prepared = prepare(source, config, looked_at)
        card = make_card(source, prepared, config, self._folder.class_names)
        return prepared, dataclasses.replace(card, tools={**card.tools, **tool_versions()})

    def _calibrate(self, card: ModelCard) -> tuple[NDArray[np.uint8], CalibrationReport | None]:
        config = self._config
        if not any(spec.precision == "int8" for spec in self._formats.values()):
            return np.empty((0, *card.input_size_hw, 3), np.uint8), None
        with self._step("calibrate") as done:
            images, report = samples.calibration_set(
                self._folder,
                split=config.calibration_split,
                count=config.calibration_images,
                seed=config.seed,
                size_hw=card.input_size_hw,
                geometry=card.geometry,
            )
            shown = ", ".join(f"{name} in {count}" for name, count in report.class_images.items())
            done(f"{report.count} images of {report.split}" + (f": {shown}" if shown else ""))
        return samples.with_full_range(images), dataclasses.replace(report, method=config.calibration_method)

    def _convert_all(self, job: Conversion, card: ModelCard, folder: Path) -> list[WrittenFile]:
        files = []
        for name, spec in self._formats.items():
            with self._step(f"convert {name}") as done:
                files.append(convert_file(name, spec, job, card, folder))
                written = files[-1]
                done(f"{written.path.stat().st_size / 1024:,.0f} KiB, {written.inspection.float_ops} float ops")
        return files

    def _prove(self, proof: Proof, files: list[WrittenFile], name: str) -> ladder.Ladder:
        with self._step(name) as done:
            measured = proof.climb(files)
            done(f"{len(files)} files on {len(proof.samples)} images of {self._config.split}")
        return measured

    def _mend(
        self, proof: Proof, measured: ladder.Ladder, files: list[WrittenFile], job: Conversion, folder: Path
    ) -> list[WrittenFile]:
        """Mend the int8 files that lose too much; the others stay as they are."""
        config = self._config
        if not config.repair or config.float_layers:
            return files
        mended = []
        for (name, spec), written, rung in zip(self._formats.items(), files, proof.rungs_of(measured), strict=True):
            mended.append(written)
            if spec.precision != "int8" or not proof.loses(rung, measured, written, config.max_drop):
                continue
            # Told afterwards: inside of a step all is silent, so that converters cannot chatter.
            rounds: list[str] = []
            with self._step(f"repair {name}", rounds) as done, tempfile.TemporaryDirectory() as scratch:
                patient = Patient(name, written, job, proof.samples, config.max_drop)
                found = find_repair(patient, Path(scratch), rounds.append)
                if found is None:
                    done("no layer found whose floating point helps")
                    continue
                left = dataclasses.replace(job, float_layers=found.layers)
                mended[-1] = dataclasses.replace(convert_file(name, spec, left, written.card, folder), repair=found)
                done(f"{len(found.left)} layers in float, {found.time_ratio:.2f} times as long")
        return mended

    def _note_figures(self, files: list[WrittenFile], proven: ladder.Ladder) -> list[WrittenFile]:
        """Let each card tell the file's own accuracy, where it was measured, and not the source's."""
        if not proven.judged_images:
            return files
        noted = []
        for written, stats in zip(files, proven.accuracies[-len(files) :], strict=True):
            names = [spec.name for spec in written.card.classes]
            figures = metric_specs(stats, names, split=self._config.split, images=proven.judged_images)
            card = model_file.write_card(written.path, dataclasses.replace(written.card, metrics=figures))
            noted.append(dataclasses.replace(written, card=card))
        return noted

    def _report(
        self,
        wanted: str | Path,
        source: Source,
        prepared: Prepared,
        files: list[WrittenFile],
        proven: ladder.Ladder,
        folding: FoldingReport,
        calibration: CalibrationReport | None,
    ) -> ExportReport:
        height, width, channels = prepared.model.outputs[0].shape[1:]
        described = SourceReport(
            str(wanted), source.kind, source.fingerprint, prepared.head, (int(height), int(width)), int(channels)
        )
        rungs = {rung.name: rung for rung in proven.rungs}
        return ExportReport(
            name=files[0].card.name,
            out=self._config.out,
            output=self._config.output,
            source=described,
            files=tuple(describe_file(written, rungs[written.path.name], proven.keras_miou) for written in files),
            folding=folding,
            calibration=calibration,
            ladder=proven.rungs,
            split=self._config.split,
            keras_miou=proven.keras_miou,
            max_drop=self._config.max_drop,
            tools=tool_versions(),
            warnings=find_warnings(files, proven, self._config.split, self._config.float_layers),
            seconds=round(time.monotonic() - self._started, 1),
            float_layers=self._config.float_layers,
        )

    @contextlib.contextmanager
    def _step(self, name: str, details: Sequence[str] = ()) -> Iterator[Tell]:
        """Run one step in silence and tell what it did, how long it took, and its details."""
        started = time.monotonic()
        lines: list[str] = []
        with silenced(enabled=not self._debug):
            yield lines.append
        self._tell(f"{name:<20} {time.monotonic() - started:6.1f} s  {' '.join(lines)}")
        for detail in details:
            self._tell(f"{'':<31}{detail}")


def _report_folding(before: Model, passed: Folding) -> FoldingReport:
    counts = count_macs(before), count_macs(passed.model)
    return FoldingReport(passed.applied, *counts, passed.regions, passed.batch_norms)


def _describe_folding(folding: FoldingReport) -> str:
    after = f"{folding.macs_after / 1e6:,.0f} M multiply-adds"
    if not folding.applied:
        return f"{after}, nothing folded"
    applied = [region for region in folding.regions if region.applied]
    kept = sum(step.form == "layer" for region in applied for step in region.steps)
    layers = folding.batch_norms + sum(len(region.layers) for region in applied) - kept
    return f"{folding.macs_before / 1e6:,.0f} M -> {after}, {layers} linear layers folded"


def _size(card: ModelCard) -> str:
    return f"{card.input_size_hw[0]}x{card.input_size_hw[1]} (height x width)"
