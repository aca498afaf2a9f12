"""Comparing models on the same images: accuracy against the masks, and agreement with a reference."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn_edge.card import Activation
from fcn_edge.dataset import DataFolder, Sample
from fcn_edge.errors import UsageError
from fcn_edge.machine.environment import find_environment
from fcn_edge.measure.accuracy.counting import Counting
from fcn_edge.measure.accuracy.findings import find
from fcn_edge.measure.accuracy.result import CompareReport
from fcn_edge.measure.accuracy.variant import Variant, open_variant
from fcn_edge.measure.spec import VariantSpec, most_precise, named, parse_spec
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
        pictures: Folder for difference pictures of those images, and of those on which a class lost most; None writes
            none.
        quiet: Show no progress.
        preprocessing: What models without a card want done to the pixels.
        activation: What the scores of models without a card went through.
        seed: Of the intervals, for which images are drawn again and again.
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
    seed: int = 0


def compare(
    models: Sequence[str | Path | VariantSpec],
    folder: DataFolder,
    split: str = "val",
    *,
    config: CompareConfig | None = None,
) -> CompareReport:
    """Segment every image of a split with every model, once, and sum up.

    Scores are brought to the original image's size before a class is decided, and one confusion matrix per model is
    pooled over the split. Images without a mask count for agreement only.

    Args:
        models: Model files, run folders and names of shipped models, in any mix; ``MODEL@BACKEND`` for a runtime other
            than the file's usual one.
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
        counting = Counting(variants, reference, folder.class_names, config.tile, config.worst)
        for sample in track(samples, total=len(samples), description=f"compare {split}", quiet=config.quiet):
            counting.add(sample)
        accuracy, agreement = counting.reports(samples, seed=config.seed, pictures=config.pictures)
    report = CompareReport(
        data=str(folder.root),
        split=split,
        classes=folder.class_names,
        images=len(samples),
        reference=reference.name,
        tiled=config.tile,
        variants=accuracy,
        agreement=agreement,
        env=find_environment(),
        boundary_band_px=counting.band_px,
        seed=config.seed,
    )
    return dataclasses.replace(report, findings=find(report))


def _samples(folder: DataFolder, split: str, limit: int | None) -> tuple[Sample, ...]:
    if limit is not None and limit < 1:
        raise UsageError(f"a limit of {limit} leaves no image", hint="use at least 1")
    return folder.samples(split)[:limit]


@contextlib.contextmanager
def _opened(
    models: Sequence[str | Path | VariantSpec], class_names: Sequence[str], config: CompareConfig
) -> Iterator[tuple[Variant, ...]]:
    """Open all models; close those that were opened, whatever happens."""
    specs = named([model if isinstance(model, VariantSpec) else parse_spec(model) for model in models])
    with contextlib.ExitStack() as stack:
        variants = []
        for spec in specs:
            variant = open_variant(
                spec,
                class_names,
                threads=config.threads if spec.threads is None else spec.threads,
                preprocessing=config.preprocessing,
                activation=config.activation,
            )
            stack.callback(variant.segmenter.close)
            variants.append(variant)
        yield tuple(variants)


def _reference(variants: Sequence[Variant], wanted: str | Path | None) -> Variant:
    if wanted is None:
        wanted = str(most_precise([VariantSpec(variant.path, name=variant.name) for variant in variants]).name)
    for variant in variants:
        if str(wanted) in (variant.name, str(variant.path)):
            return variant
    path = resolve(wanted).resolve()
    for variant in variants:
        if variant.path.resolve() == path:
            return variant
    raise UsageError(f"{wanted}: the reference is not among the models", hint="name it as one of the models, too")
