"""The data folder: ``images/SPLIT/*.{jpg,jpeg,png}``, ``masks/SPLIT/*.png`` and ``classes.txt``.

``classes.txt`` has one name a line; the line's number, from 0, is the class id. Class 0 is the background. A mask has
the stem of its image; 255 in a mask means ignore.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fcn_edge.errors import DatasetError, UsageError
from fcn_edge.geometry import IGNORE
from fcn_edge.image_file import natural_key

SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
LAYOUT_HINT = "a data folder has images/SPLIT/*.jpg or *.png, masks/SPLIT/*.png and classes.txt"
_FEWEST_CLASSES = 2
_SPLIT_ORDER = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture and its mask; the mask is None where the file is missing."""

    sample_id: str
    image_path: Path
    mask_path: Path | None


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A data folder as found, nothing of it decoded.

    Attributes:
        root: The folder.
        class_names: Names in id order, background first.
        splits: Samples in natural order of their names, by split; train, val and test come first.
    """

    root: Path
    class_names: tuple[str, ...]
    splits: Mapping[str, tuple[Sample, ...]]

    def samples(self, split: str) -> tuple[Sample, ...]:
        """Give the samples of *split*.

        Raises:
            DatasetError: There is no such split, or it is empty.
        """
        if split not in self.splits:
            raise DatasetError(
                f"{self.root / 'images' / split}: there is no such split, expected one of {', '.join(self.splits)}",
                hint="name a split that is there, or make its folder",
            )
        if not self.splits[split]:
            raise DatasetError(
                f"{self.root / 'images' / split}: the split is empty, expected .jpg, .jpeg or .png files",
                hint="put images there, and their masks under masks/",
            )
        return self.splits[split]


def open_folder(root: Path | str) -> DataFolder:
    """List a data folder's classes, splits and samples. Faults of single files are for :func:`check_folder`.

    Raises:
        UsageError: *root* does not exist or is not a folder.
        DatasetError: ``classes.txt`` or ``images/`` is missing or cannot be used.
    """
    root = Path(root)
    if not root.is_dir():
        what = "is a file, expected a data folder" if root.exists() else "does not exist"
        raise UsageError(f"{root}: {what}", hint=LAYOUT_HINT)
    class_names = read_class_names(root / "classes.txt")
    images = root / "images"
    names = sorted(p.name for p in images.iterdir() if p.is_dir()) if images.is_dir() else []
    names = [name for name in names if not name.startswith(".")]
    if not names:
        raise DatasetError(f"{images}: there are no splits, expected folders such as images/train", hint=LAYOUT_HINT)
    ordered = [n for n in _SPLIT_ORDER if n in names] + [n for n in names if n not in _SPLIT_ORDER]
    return DataFolder(root, class_names, {name: _samples(root, name) for name in ordered})


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read class names, one a line in id order.

    Raises:
        DatasetError: The file is missing, is not UTF-8 text, or has too few, too many, empty or repeated names.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path}: does not exist, expected one class name a line, background first", hint=LAYOUT_HINT
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as text: {error}", hint="save it as UTF-8") from error
    names = tuple(line.strip() for line in text.rstrip().splitlines())
    reason = reason_against_names(names)
    if reason:
        raise DatasetError(f"{path}: {reason}", hint="write one class name a line, the background first")
    return names


def reason_against_names(names: tuple[str, ...]) -> str:
    """Tell why class names cannot be used; empty where they can."""
    if len(names) < _FEWEST_CLASSES:
        return f"has {len(names)} class name(s), expected at least background and one more"
    if len(names) > IGNORE:
        return f"has {len(names)} class names, expected at most {IGNORE} (255 in a mask means ignore)"
    if "" in names:
        return f"line {names.index('') + 1} is empty, expected a class name"
    repeated = sorted({name for name in names if names.count(name) > 1})
    return f"names repeat: {', '.join(repeated)}" if repeated else ""


def is_sample(path: Path) -> bool:
    """Tell whether *path* is an image file of a data folder by its name."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _samples(root: Path, split: str) -> tuple[Sample, ...]:
    images = sorted((p for p in (root / "images" / split).iterdir() if is_sample(p)), key=natural_key)
    masks = root / "masks" / split
    # One listing instead of one stat per image: a network drive takes milliseconds for each.
    there = {p.name for p in masks.iterdir()} if masks.is_dir() else set()
    return tuple(Sample(p.stem, p, masks / f"{p.stem}.png" if f"{p.stem}.png" in there else None) for p in images)
