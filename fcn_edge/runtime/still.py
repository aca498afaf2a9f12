"""Segmenting image files: masks, overlays and a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge import atomic, overlay
from fcn_edge.card import ClassSpec
from fcn_edge.errors import ImageError, UsageError
from fcn_edge.image_file import encode_png, list_images, read_image
from fcn_edge.progress import track
from fcn_edge.runtime.segmenter import Segmenter
from fcn_edge.runtime.tile import segment_tiled
from fcn_edge.scoring import class_shares


@dataclass(frozen=True, slots=True)
class StillInfo:
    """One segmented image.

    Attributes:
        path: The image.
        mask_path: The mask written: 8-bit grey PNG of class ids at the image's size.
        overlay_path: The overlay written, None where none was asked for.
        size_hw: Height and width of the image.
        class_shares: Share of the pixels by class name, 0 to 1; they add up to 1.
    """

    path: Path
    mask_path: Path
    overlay_path: Path | None
    size_hw: tuple[int, int]
    class_shares: dict[str, float]


@dataclass(frozen=True, slots=True)
class FailedStill:
    """An image that could not be read, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class StillReport:
    """What became of the images of one run."""

    images: tuple[StillInfo, ...]
    failed: tuple[FailedStill, ...]

    def raise_on_failures(self) -> None:
        """Raise if any image could not be read.

        Raises:
            ImageError: It counts them.
        """
        if self.failed:
            total = len(self.images) + len(self.failed)
            hint = "see above for each; the others are done"
            raise ImageError(f"{len(self.failed)} of {total} images could not be read", hint=hint)


def segment_files(
    segmenter: Segmenter,
    paths: Sequence[Path],
    out: Path,
    *,
    draw: bool = True,
    tile: bool = False,
    quiet: bool = False,
) -> StillReport:
    """Segment image files and write ``NAME.mask.png`` and ``NAME.overlay.png`` for each.

    An image that cannot be read is noted and the others go on.

    Args:
        segmenter: Opened by the caller, and left open.
        paths: Image files, and folders whose image files are meant.
        out: Folder for the results; made where it is missing.
        draw: Write overlays too.
        tile: Segment images larger than the model's input in overlapping tiles.
        quiet: Show no progress.

    Raises:
        UsageError: A path does not exist, or there is no image at all; nothing has been written then.
        OutputError: A result cannot be written.
    """
    images = _images(paths)
    names = dict(_unique_names(images))
    done: list[StillInfo] = []
    failed: list[FailedStill] = []
    for path in track(images, total=len(images), description="segment", quiet=quiet):
        try:
            image_bgr = read_image(path)
        except ImageError as error:
            failed.append(FailedStill(path, error.message))
            continue
        labels = segment_tiled(segmenter, image_bgr) if tile else segmenter(image_bgr)
        mask_path = out / f"{names[path]}.mask.png"
        atomic.write_bytes(mask_path, encode_png(labels))
        overlay_path = out / f"{names[path]}.overlay.png" if draw else None
        if overlay_path is not None:
            drawn = _overlay(image_bgr, labels, segmenter.classes)
            atomic.write_bytes(overlay_path, encode_png(drawn))
        shares = _shares_by_name(labels, segmenter.classes)
        done.append(StillInfo(path, mask_path, overlay_path, (labels.shape[0], labels.shape[1]), shares))
    return StillReport(tuple(done), tuple(failed))


def _images(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: does not exist; an image or a folder was expected", hint="check the path")
        found.extend(list_images(path) if path.is_dir() else [path])
    if not found:
        where = ", ".join(str(path) for path in paths)
        raise UsageError(f"{where}: no images found", hint="give image files, or a folder that holds some")
    return list(dict.fromkeys(found))


def _unique_names(images: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    taken: set[str] = set()
    for path in images:
        name, number = path.stem, 1
        while name in taken:
            number += 1
            name = f"{path.stem}-{number}"
        taken.add(name)
        yield path, name


def _overlay(
    image_bgr: NDArray[np.uint8], labels: NDArray[np.uint8], classes: Sequence[ClassSpec]
) -> NDArray[np.uint8]:
    present = {int(class_id) for class_id in np.unique(labels)}
    drawn = overlay.draw_overlay(image_bgr, labels, classes)
    return overlay.draw_legend(drawn, classes, only=present)


def _shares_by_name(labels: NDArray[np.uint8], classes: Sequence[ClassSpec]) -> dict[str, float]:
    shares = class_shares(labels, len(classes))
    return {spec.name: float(share) for spec, share in zip(classes, shares, strict=True)}
