"""Checking a data folder before it is used: every fault is named, with the file and what was expected."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge.dataset.folder import SUFFIXES, DataFolder, Sample, is_sample
from fcn_edge.dataset.mask import count_values, decode_mask, mask_faults
from fcn_edge.errors import DatasetError, FcnEdgeError
from fcn_edge.geometry import IGNORE
from fcn_edge.image_file import natural_key, read_file, size_of
from fcn_edge.progress import track


@dataclass(frozen=True, slots=True)
class DataReport:
    """What a data folder holds and what is wrong with it.

    Attributes:
        root: The folder.
        class_names: Names in id order.
        images: Number of images by split.
        class_pixels: By split, the number of pixels of each class in id order; only masks without a fault count.
        ignored_pixels: By split, the number of pixels with 255.
        faults: What must be mended, one line each, beginning with the file's path.
        warnings: What may be meant, one line each.
    """

    root: Path
    class_names: tuple[str, ...]
    images: Mapping[str, int]
    class_pixels: Mapping[str, tuple[int, ...]]
    ignored_pixels: Mapping[str, int]
    faults: tuple[str, ...]
    warnings: tuple[str, ...]

    def class_frequencies(self, split: str) -> tuple[float, ...]:
        """Give each class's share of the labelled pixels of *split*, 0..1; all 0 where nothing is labelled."""
        total = sum(self.class_pixels[split])
        return tuple(count / total if total else 0.0 for count in self.class_pixels[split])

    def ignored_share(self, split: str) -> float:
        """Give the share of ignored pixels (255) among all counted pixels of *split*, 0..1."""
        ignored = self.ignored_pixels[split]
        total = ignored + sum(self.class_pixels[split])
        return ignored / total if total else 0.0

    def raise_on_faults(self) -> None:
        """Raise DatasetError with all faults where there are any."""
        if self.faults:
            what = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
            raise DatasetError(
                f"{self.root}: the data folder has {what}, listed above",
                hint="mend or remove the files named, then run: fcn-edge data check",
                faults=self.faults,
            )


@dataclass(frozen=True, slots=True)
class _Finding:
    """What one sample showed; ``counts`` are pixels by value 0..255, None where its mask could not be counted."""

    sample: Sample
    digest: bytes = b""
    counts: NDArray[np.int64] | None = None
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class _Tally:
    """Grows while samples are read, then becomes a report."""

    images: dict[str, int] = field(default_factory=dict)
    counts: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seen: dict[bytes, tuple[str, Path]] = field(default_factory=dict)


def check_folder(folder: DataFolder, splits: Sequence[str] | None = None, *, quiet: bool = False) -> DataReport:
    """Read every image header and every mask of a data folder and name all faults.

    Args:
        folder: From :func:`open_folder`.
        splits: The splits to check, all by default.
        quiet: Show no progress.

    Raises:
        DatasetError: A wanted split does not exist. Faults do not raise: see :meth:`DataReport.raise_on_faults`.
    """
    wanted = tuple(folder.splits) if splits is None else tuple(dict.fromkeys(splits))
    for split in wanted:
        if split not in folder.splits:
            folder.samples(split)
    tally = _Tally()
    for split in wanted:
        _check_names(folder, split, tally)
        tally.images[split] = len(folder.splits[split])
        tally.counts[split] = np.zeros(256, np.int64)
    everything = [(split, sample) for split in wanted for sample in folder.splits[split]]
    for (split, _), finding in zip(everything, _findings(folder, everything, quiet=quiet), strict=True):
        _add(tally, split, finding)
    _check_classes(folder, tally)
    known = len(folder.class_names)
    return DataReport(
        root=folder.root,
        class_names=folder.class_names,
        images=tally.images,
        class_pixels={split: tuple(int(n) for n in counts[:known]) for split, counts in tally.counts.items()},
        ignored_pixels={split: int(counts[IGNORE]) for split, counts in tally.counts.items()},
        faults=tuple(tally.faults),
        warnings=tuple(tally.warnings),
    )


def _findings(folder: DataFolder, everything: list[tuple[str, Sample]], *, quiet: bool) -> Iterator[_Finding]:
    classes = len(folder.class_names)
    # Decoding and hashing release the interpreter lock; twice the processors keeps them busy while files are read.
    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        results = pool.map(lambda item: _examine(item[1], classes), everything)
        yield from track(results, total=len(everything), description="checking data", quiet=quiet)


def _examine(sample: Sample, classes: int) -> _Finding:
    faults: list[str] = []
    digest = b""
    size_hw: tuple[int, int] | None = None
    try:
        data = read_file(sample.image_path)
        digest = hashlib.blake2b(data, digest_size=16).digest()
        size_hw = size_of(data, sample.image_path)
    except FcnEdgeError as error:
        faults.append(error.message)
    if sample.mask_path is None:
        faults.append(
            f"{sample.image_path}: has no mask, expected masks/{sample.image_path.parent.name}/{sample.sample_id}.png"
        )
        return _Finding(sample, digest, None, tuple(faults))
    try:
        mask = decode_mask(read_file(sample.mask_path), sample.mask_path)
    except FcnEdgeError as error:
        return _Finding(sample, digest, None, (*faults, error.message))
    counts = count_values(mask)
    faults.extend(mask_faults(mask, sample.mask_path, counts=counts, size_hw=size_hw, classes=classes))
    return _Finding(sample, digest, None if faults else counts, tuple(faults))


def _add(tally: _Tally, split: str, finding: _Finding) -> None:
    tally.faults.extend(finding.faults)
    if finding.counts is not None:
        tally.counts[split] += finding.counts
    if not finding.digest:
        return
    before = tally.seen.setdefault(finding.digest, (split, finding.sample.image_path))
    if before[0] != split:
        tally.warnings.append(
            f"{finding.sample.image_path}: is the same file as {before[1]}; a picture in two splits spoils the measure"
        )


def _check_names(folder: DataFolder, split: str, tally: _Tally) -> None:
    images = folder.root / "images" / split
    samples = folder.splits[split]
    if not samples:
        tally.faults.append(f"{images}: the split is empty, expected .jpg, .jpeg or .png files")
    by_id: dict[str, Path] = {}
    for sample in samples:
        first = by_id.setdefault(sample.sample_id, sample.image_path)
        if first != sample.image_path:
            tally.faults.append(f"{sample.image_path}: has the same name as {first.name}, expected one image a mask")
    tally.warnings.extend(
        f"{path}: is not used, expected a file with {', '.join(sorted(SUFFIXES))}"
        for path in _visible(images)
        if not is_sample(path)
    )
    for path in _visible(folder.root / "masks" / split):
        if path.suffix != ".png":
            tally.faults.append(f"{path}: is not a mask, expected a .png file")
        elif path.stem not in by_id:
            tally.faults.append(f"{path}: has no image, expected images/{split}/{path.stem}.jpg or .png")


def _visible(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted((p for p in found if not p.name.startswith(".")), key=natural_key)


def _check_classes(folder: DataFolder, tally: _Tally) -> None:
    for split, counts in tally.counts.items():
        if not tally.images[split]:
            continue
        for class_id, name in enumerate(folder.class_names):
            if not counts[class_id]:
                tally.warnings.append(f"{folder.root / 'masks' / split}: class {class_id} ({name}) never occurs")
