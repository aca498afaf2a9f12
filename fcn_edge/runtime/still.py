"""Segmenting image files: masks, overlays and a report."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge import atomic, overlay
from fcn_edge.card import ClassSpec
from fcn_edge.dataset import read_mask
from fcn_edge.errors import FcnEdgeError, ImageError, UsageError
from fcn_edge.image_file import encode_png, list_images, read_image
from fcn_edge.progress import track
from fcn_edge.runtime.segmenter import Segmenter
from fcn_edge.runtime.tile import segment_tiled
from fcn_edge.scoring import class_shares

# Images in work or waiting, for each worker.
_AHEAD = 2


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
    others: Sequence[Segmenter] = (),
    draw: bool = True,
    tile: bool = False,
    resume: bool = False,
    quiet: bool = False,
) -> StillReport:
    """Segment image files and write ``NAME.mask.png`` and ``NAME.overlay.png`` for each.

    An image that cannot be read is noted and the others go on.

    Args:
        segmenter: Opened by the caller, and left open.
        paths: Image files, and folders whose image files are meant.
        out: Folder for the results; made where it is missing.
        others: Further segmenters of the same model; with each, one more image is worked on at the same time.
        draw: Write overlays too.
        tile: Segment images larger than the model's input in overlapping tiles.
        resume: Leave images alone whose results are there, from an earlier run of the same model.
        quiet: Show no progress.

    Raises:
        UsageError: A path does not exist, or there is no image at all; nothing has been written then.
        OutputError: A result cannot be written.
    """
    images = _images(paths)
    names = dict(_unique_names(images))
    free: queue.SimpleQueue[Segmenter] = queue.SimpleQueue()
    for one in (segmenter, *others):
        free.put(one)

    def work(path: Path) -> StillInfo | FailedStill:
        own = free.get()
        try:
            return _segment(own, path, out / names[path], draw=draw, tile=tile, resume=resume)
        finally:
            free.put(own)

    results = _in_order(work, images, 1 + len(others))
    done: list[StillInfo] = []
    failed: list[FailedStill] = []
    for result in track(results, total=len(images), description="segment", quiet=quiet):
        if isinstance(result, StillInfo):
            done.append(result)
        else:
            failed.append(result)
    return StillReport(tuple(done), tuple(failed))


def _in_order(
    work: Callable[[Path], StillInfo | FailedStill], images: Sequence[Path], workers: int
) -> Iterator[StillInfo | FailedStill]:
    """Give the results in order; what is begun when the caller stops is finished, nothing else is begun."""
    with ThreadPoolExecutor(workers, thread_name_prefix="segment") as pool:
        waiting = deque[Future[StillInfo | FailedStill]]()
        try:
            for path in images:
                # Few ahead, so that an error is told before thousands of images are done.
                if len(waiting) >= _AHEAD * workers:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(work, path))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _segment(
    segmenter: Segmenter, path: Path, target: Path, *, draw: bool, tile: bool, resume: bool
) -> StillInfo | FailedStill:
    mask_path = target.with_name(f"{target.name}.mask.png")
    overlay_path = target.with_name(f"{target.name}.overlay.png") if draw else None
    try:
        labels = _finished(mask_path, overlay_path) if resume else None
        if labels is None:
            image_bgr = read_image(path)
            labels = segment_tiled(segmenter, image_bgr) if tile else segmenter(image_bgr)
            if overlay_path is not None:
                atomic.write_bytes(overlay_path, encode_png(_overlay(image_bgr, labels, segmenter.classes)))
            # Last, so that a mask says that all is there.
            atomic.write_bytes(mask_path, encode_png(labels))
    except ImageError as error:
        return FailedStill(path, error.message)
    shares = _shares_by_name(labels, segmenter.classes)
    return StillInfo(path, mask_path, overlay_path, (labels.shape[0], labels.shape[1]), shares)


def _finished(mask_path: Path, overlay_path: Path | None) -> NDArray[np.uint8] | None:
    """Read the mask of an image that an earlier run finished; None where it did not."""
    if not mask_path.is_file() or (overlay_path is not None and not overlay_path.is_file()):
        return None
    try:
        return read_mask(mask_path)
    except FcnEdgeError:
        return None


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
