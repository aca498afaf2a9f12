"""Comparing models on the same images: accuracy against the masks, and agreement with a reference."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Activation
from fcn_edge.dataset import DataFolder, Sample, read_mask
from fcn_edge.errors import DatasetError, UsageError
from fcn_edge.geometry import IGNORE
from fcn_edge.image_file import read_image
from fcn_edge.machine.environment import find_environment
from fcn_edge.measure.accuracy.agreement import Agreement
from fcn_edge.measure.accuracy.pictures import write_pictures
from fcn_edge.measure.accuracy.result import AgreementReport, CompareReport
from fcn_edge.measure.accuracy.variant import Variant, choose_reference, open_variant, variant_names
from fcn_edge.model_file import resolve
from fcn_edge.progress import track
from fcn_edge.runtime.pixels import Preprocessing

WORST_IMAGES = 6


@dataclass(frozen=True, slots=True)
class CompareConfig:
    """How to compare.

    Attributes:
        reference: The model the others are held against: one of those compared. By default the ``.keras``, else the
            most precise file.
        limit: Use only the first images of the split.
        tile: Segment images larger than a model's input in overlapping tiles instead of shrinking them.
        threads: Of each runtime.
        worst: How many of the images with the least agreement to name.
        pictures: Folder for difference pictures of those images; None writes none.
        quiet: Show no progress.
        preprocessing: What models without a card want done to the pixels.
        activation: What the scores of models without a card went through.
    """

    reference: str | Path | None = None
    limit: int | None = None
    tile: bool = False
    threads: int = 1
    worst: int = WORST_IMAGES
    pictures: Path | None = None
    quiet: bool = True
    preprocessing: Preprocessing | None = None
    activation: Activation = "none"


def compare(
    models: Sequence[str | Path], folder: DataFolder, split: str = "val", *, config: CompareConfig | None = None
) -> CompareReport:
    """Segment every image of a split with every model, once, and sum up.

    Scores are brought to the original image's size before a class is decided, and one confusion matrix per model is
    pooled over the split. Images without a mask count for agreement only.

    Args:
        models: Model files, run folders and names of shipped models, in any mix.
        folder: The data.
        split: Its part.
        config: How; the defaults suit most.

    Raises:
        UsageError: No model, one named twice, one that does not exist, or with classes other than the data's.
        ModelFileError: A model that cannot be read.
        DatasetError: The split is missing or empty, or a mask does not fit its image or the classes.
        ImageError: An image that cannot be decoded.
        MissingPackageError: A runtime is not installed.
    """
    config = config or CompareConfig()
    samples = _samples(folder, split, config.limit)
    with _opened(models, folder.class_names, config) as variants:
        reference = _reference(variants, config.reference)
        others = [variant for variant in variants if variant is not reference]
        tallies = {v.name: Agreement(len(folder.class_names), keep=config.worst) for v in others}
        for sample in track(samples, total=len(samples), description=f"compare {split}", quiet=config.quiet):
            image_bgr = read_image(sample.image_path)
            labels = {variant.name: variant.labels(image_bgr, tile=config.tile) for variant in variants}
            for name, tally in tallies.items():
                tally.add(labels[reference.name], labels[name])
            if sample.mask_path is not None:
                truth = _truth(sample.mask_path, image_bgr, folder.class_names)
                for variant in variants:
                    variant.count(sample.sample_id, truth, labels[variant.name])
        return CompareReport(
            data=str(folder.root),
            split=split,
            classes=folder.class_names,
            images=len(samples),
            reference=reference.name,
            tiled=config.tile,
            variants=tuple(variant.report(folder.class_names) for variant in variants),
            agreement=tuple(
                _agreement(tally, name, reference, samples, folder.class_names, config)
                for name, tally in tallies.items()
            ),
            env=find_environment(),
        )


def _samples(folder: DataFolder, split: str, limit: int | None) -> tuple[Sample, ...]:
    if limit is not None and limit < 1:
        raise UsageError(f"a limit of {limit} leaves no image", hint="use at least 1")
    return folder.samples(split)[:limit]


@contextlib.contextmanager
def _opened(
    models: Sequence[str | Path], class_names: Sequence[str], config: CompareConfig
) -> Iterator[tuple[Variant, ...]]:
    """Open all models; close those that were opened, whatever happens."""
    if not models:
        raise UsageError("no model to compare", hint="name at least one model file")
    paths = [resolve(model) for model in models]
    with contextlib.ExitStack() as stack:
        variants = []
        for name, path in zip(variant_names(paths), paths, strict=True):
            variant = open_variant(
                name,
                path,
                class_names,
                threads=config.threads,
                preprocessing=config.preprocessing,
                activation=config.activation,
            )
            stack.callback(variant.segmenter.close)
            variants.append(variant)
        yield tuple(variants)


def _reference(variants: Sequence[Variant], wanted: str | Path | None) -> Variant:
    if wanted is None:
        return choose_reference(variants)
    for variant in variants:
        if str(wanted) in (variant.name, str(variant.path)):
            return variant
    path = resolve(wanted).resolve()
    for variant in variants:
        if variant.path.resolve() == path:
            return variant
    raise UsageError(f"{wanted}: the reference is not among the models", hint="name it as one of the models, too")


def _truth(path: Path, image_bgr: NDArray[np.uint8], class_names: Sequence[str]) -> NDArray[np.uint8]:
    hint = "check the whole folder: fcn-edge data check DATA"
    mask = read_mask(path)
    if mask.shape != image_bgr.shape[:2]:
        sizes = f"{mask.shape[0]}x{mask.shape[1]}, its image {image_bgr.shape[0]}x{image_bgr.shape[1]}"
        raise DatasetError(f"{path}: the mask is {sizes} (height x width)", hint=hint)
    ids = mask[mask != IGNORE]
    if ids.size and int(ids.max()) >= len(class_names):
        message = f"{path}: class id {int(ids.max())}, expected 0 to {len(class_names) - 1} or 255 (ignore)"
        raise DatasetError(message, hint=hint)
    return mask


def _agreement(
    tally: Agreement,
    name: str,
    reference: Variant,
    samples: Sequence[Sample],
    class_names: tuple[str, ...],
    config: CompareConfig,
) -> AgreementReport:
    report = tally.report(name, reference.name, class_names, [sample.sample_id for sample in samples])
    if config.pictures is None:
        return report
    return write_pictures(report, tally.worst, samples, reference.segmenter.classes, config.pictures)
