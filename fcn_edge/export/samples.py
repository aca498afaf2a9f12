"""The images an export looks at: those int8 ranges are measured on, and those the files are proven on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Geometry
from fcn_edge.dataset import DataFolder, Sample, read_mask
from fcn_edge.errors import DatasetError
from fcn_edge.export.report import CalibrationReport
from fcn_edge.geometry import IGNORE, fit_image
from fcn_edge.image_file import read_image

# Below this many grey levels between darkest and brightest a set of images is too dull to measure ranges on: even one
# ordinary photograph spans more than 100.
_LEAST_RANGE = 32
FEWEST_SAMPLES = 8


def fitted(sample: Sample, size_hw: tuple[int, int], geometry: Geometry) -> NDArray[np.uint8]:
    """Read a sample's image as the model sees it, ``(*size_hw, 3)`` uint8 RGB."""
    return np.ascontiguousarray(fit_image(read_image(sample.image_path), size_hw, geometry)[..., ::-1])


def read_all(samples: Sequence[Sample], size_hw: tuple[int, int], geometry: Geometry) -> NDArray[np.uint8]:
    """Read samples' images as the model sees them, ``(N, *size_hw, 3)`` uint8 RGB."""
    return np.stack([fitted(sample, size_hw, geometry) for sample in samples])


def choose_for_calibration(
    folder: DataFolder, split: str, count: int, seed: int
) -> tuple[tuple[Sample, ...], dict[str, int]]:
    """Draw calibration images so that each class is seen, the rarest first.

    In turns, each class that is shown by the fewest chosen images gets one more image that shows it; what is left is
    drawn from all. Without masks the draw is plain.

    Returns:
        The samples, and for each class name the number of them that show it (empty without masks).

    Raises:
        DatasetError: There is no such split, or it is empty.
    """
    samples = list(folder.samples(split))
    order = [samples[i] for i in np.random.default_rng(seed).permutation(len(samples))]
    count = min(count, len(order))
    shown = {sample.sample_id: _classes_of(sample) for sample in order if sample.mask_path is not None}
    chosen: list[Sample] = []
    seen: Counter[int] = Counter()
    waiting = {class_id: [s for s in order if class_id in shown.get(s.sample_id, ())] for class_id in _ids(shown)}
    rarest_first = sorted(waiting, key=lambda class_id: (len(waiting[class_id]), class_id))
    taken: set[str] = set()
    while len(chosen) < count:
        class_id = min(rarest_first, key=lambda i: seen[i], default=None)
        pool = waiting[class_id] if class_id is not None else order
        sample = next((s for s in pool if s.sample_id not in taken), None)
        if sample is None:
            # No image is left that shows this class: the others go on.
            if class_id is None:
                break
            rarest_first.remove(class_id)
            continue
        taken.add(sample.sample_id)
        chosen.append(sample)
        seen.update(shown.get(sample.sample_id, ()))
    names = dict(enumerate(folder.class_names))
    return tuple(chosen), {names.get(i, str(i)): seen[i] for i in sorted(seen)} if shown else {}


def calibration_set(
    folder: DataFolder, *, split: str, count: int, seed: int, size_hw: tuple[int, int], geometry: Geometry
) -> tuple[NDArray[np.uint8], CalibrationReport]:
    """Read the calibration images and check that ranges can be measured on them.

    Returns:
        ``(N, *size_hw, 3)`` uint8 RGB, and what they are.

    Raises:
        DatasetError: There are none, one is a single colour, or all of them use a small part of the range only.
    """
    chosen, class_images = choose_for_calibration(folder, split, count, seed)
    images = read_all(chosen, size_hw, geometry)
    where = folder.root / "images" / split
    plain = [sample.sample_id for sample, image in zip(chosen, images, strict=True) if image.min() == image.max()]
    hint = "take images as the camera gives them, or name another split: --calibration-split"
    if len(plain) == len(chosen):
        raise DatasetError(f"{where}: every calibration image is a single colour ({', '.join(plain[:3])}…)", hint=hint)
    kept = np.asarray(images[[image.min() != image.max() for image in images]], np.uint8)
    low, high = int(kept.min()), int(kept.max())
    if high - low < _LEAST_RANGE:
        raise DatasetError(
            f"{where}: the calibration images use pixel values {low} to {high} only, expected most of 0 to 255",
            hint=hint,
        )
    ids = tuple(sample.sample_id for sample in chosen if sample.sample_id not in plain)
    return kept, CalibrationReport(split, len(ids), seed, ids, class_images, low, high)


def with_full_range(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put one 0 and one 255 into the first image's corner.

    The measured range of the input then is exactly 0..255, so that the quantised input is the pixel itself, with scale
    1 and zero point 0, whatever the calibration images hold.
    """
    changed: NDArray[np.uint8] = images.copy()
    changed[0, 0, 0] = 0
    changed[0, 0, -1] = 255
    return changed


def choose_for_proof(folder: DataFolder, split: str, fallback: str, most: int) -> tuple[Sample, ...]:
    """Choose the samples the ladder is checked on, evenly spaced; a small split is filled up from *fallback*.

    Args:
        folder: The data.
        split: Where they come from.
        fallback: Split to fill up from below eight samples; those have no say in mIoU.
        most: Most samples; 0 for all.

    Raises:
        DatasetError: There is no such split, or it is empty.
    """
    samples = folder.samples(split)
    if most and len(samples) > most:
        return tuple(samples[i * len(samples) // most] for i in range(most))
    if len(samples) < FEWEST_SAMPLES and fallback in folder.splits:
        return (*samples, *folder.splits[fallback][: FEWEST_SAMPLES - len(samples)])
    return samples


def _classes_of(sample: Sample) -> tuple[int, ...]:
    mask = read_mask(sample.mask_path) if sample.mask_path is not None else np.empty(0, np.uint8)
    return tuple(int(i) for i in np.unique(mask) if i != IGNORE)


def _ids(shown: dict[str, tuple[int, ...]]) -> list[int]:
    return sorted({class_id for classes in shown.values() for class_id in classes})
