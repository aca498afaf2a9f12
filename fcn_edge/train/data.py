"""The samples of a training: one data folder, or several joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn_edge.dataset import DataFolder, DataReport, Sample, check_folder, open_folder
from fcn_edge.errors import DatasetError

SPLITS = ("train", "val")


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Checked samples.

    Attributes:
        class_names: In id order.
        train: To learn from.
        val: To choose the best epoch by.
        frequencies: Share of the labelled training pixels of each class.
    """

    class_names: tuple[str, ...]
    train: tuple[Sample, ...]
    val: tuple[Sample, ...]
    frequencies: tuple[float, ...]


def open_data(paths: Sequence[Path], *, quiet: bool) -> TrainingData:
    """Open and check data folders; their splits are joined in order.

    Raises:
        DatasetError: A folder has faults, or not the classes of the first.
    """
    folders = [open_folder(path) for path in paths]
    for folder in folders[1:]:
        _require_same_classes(folders[0], folder)
    reports = [check_folder(folder, SPLITS, quiet=quiet) for folder in folders]
    for report in reports:
        report.raise_on_faults()
    train, val = (tuple(sample for folder in folders for sample in folder.samples(split)) for split in SPLITS)
    return TrainingData(folders[0].class_names, train, val, _frequencies(reports))


def _require_same_classes(first: DataFolder, other: DataFolder) -> None:
    if first.class_names != other.class_names:
        raise DatasetError(
            f"{other.root}: has the classes {', '.join(other.class_names)}, and {first.root} has "
            f"{', '.join(first.class_names)}",
            hint="data folders can be joined where classes.txt is the same",
        )


def _frequencies(reports: Sequence[DataReport]) -> tuple[float, ...]:
    counts = [sum(pixels) for pixels in zip(*(report.class_pixels["train"] for report in reports), strict=True)]
    total = max(1, sum(counts))
    return tuple(count / total for count in counts)
