"""From sample files to batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Geometry
from fcn_edge.dataset import Sample, read_mask
from fcn_edge.errors import DatasetError
from fcn_edge.geometry import fit_image, resize
from fcn_edge.image_file import read_file, read_image, size_of
from fcn_edge.train.augment import AugmentConfig, augment, paste_box, zoom_middle

Pixels = NDArray[np.uint8]

KEPT_BYTES = 2 * 1024**3
# Kept at twice the input's size, so that a cut which is enlarged stays as sharp as its file allows.
_KEPT_FACTOR = 2


class TrainingStore:
    """Training samples, decoded once and kept in memory as far as they fit.

    Args:
        samples: Each with a mask.
        input_hw: Height and width of the model's input; larger images are kept at twice that.
        limit_bytes: What may be kept; further samples are decoded each time.
    """

    def __init__(self, samples: Sequence[Sample], input_hw: tuple[int, int], *, limit_bytes: int = KEPT_BYTES) -> None:
        self._samples = tuple(samples)
        self._input_hw = input_hw
        self._room_bytes = limit_bytes
        self._kept: dict[int, tuple[Pixels, Pixels]] = {}

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> tuple[Pixels, Pixels]:
        """Give the image, ``(H, W, 3)`` uint8 RGB, and the mask, ``(H, W)`` uint8."""
        if index in self._kept:
            return self._kept[index]
        image, mask = read_sample(self._samples[index])
        factor = max(_KEPT_FACTOR * want / have for want, have in zip(self._input_hw, mask.shape, strict=True))
        if factor < 1:
            height, width = (round(size * factor) for size in mask.shape)
            image = resize(image, (height, width))
            mask = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
        size = image.nbytes + mask.nbytes
        if size <= self._room_bytes:
            self._room_bytes -= size
            self._kept[index] = image, mask
        return image, mask


class ValidationStore:
    """Validation samples: images fitted to the input as a device does it, masks at their own size.

    With another *scale* than 1 objects are so many times as large (:func:`fcn_edge.train.augment.zoom_middle`).
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        input_hw: tuple[int, int],
        geometry: Geometry,
        *,
        scale: float = 1.0,
        limit_bytes: int = KEPT_BYTES,
    ) -> None:
        self.samples = tuple(samples)
        self._input_hw = input_hw
        self._geometry = geometry
        self._scale = scale
        self._room_bytes = limit_bytes
        self._kept: dict[int, tuple[Pixels, Pixels]] = {}

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Pixels, Pixels]:
        """Give the fitted image, ``(*input_hw, 3)`` uint8 RGB, and the mask, ``(H, W)`` uint8 at its own size."""
        if index in self._kept:
            return self._kept[index]
        image, mask = read_sample(self.samples[index])
        if self._scale != 1:
            image, mask = (np.ascontiguousarray(part) for part in zoom_middle(image, mask, self._scale))
        fitted = fit_image(image, self._input_hw, self._geometry)
        size = fitted.nbytes + mask.nbytes
        if size <= self._room_bytes:
            self._room_bytes -= size
            self._kept[index] = fitted, mask
        return fitted, mask


def validation_stores(
    samples: Sequence[Sample], input_hw: tuple[int, int], geometry: Geometry, scales: Sequence[float]
) -> tuple[ValidationStore, dict[str, ValidationStore]]:
    """Give the store at scale 1 and one for each of *scales*, by its number as text; they share the memory of one."""
    room = KEPT_BYTES // (1 + len(scales))
    first, *others = (
        ValidationStore(samples, input_hw, geometry, scale=scale, limit_bytes=room) for scale in (1.0, *scales)
    )
    return first, {f"{scale:g}": store for scale, store in zip(scales, others, strict=True)}


def read_sample(sample: Sample) -> tuple[Pixels, Pixels]:
    """Decode a sample: the image ``(H, W, 3)`` uint8 RGB and its mask ``(H, W)`` uint8.

    Raises:
        DatasetError: It has no mask.
        ImageError: A file cannot be decoded.
    """
    if sample.mask_path is None:
        raise DatasetError(f"{sample.image_path}: has no mask", hint="run: fcn-edge data check")
    image_bgr = read_image(sample.image_path)
    return np.ascontiguousarray(image_bgr[..., ::-1]), read_mask(sample.mask_path)


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Tell how many batches cover all images."""
    return -(-images // batch_size)


def pixel_weights(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """Give the number of pixels of each image, from its file's header.

    Raises:
        ImageError: A file cannot be read.
    """
    sizes = [size_of(read_file(sample.image_path), sample.image_path) for sample in samples]
    return np.asarray([height * width for height, width in sizes], np.float64)


def training_batches(
    store: TrainingStore,
    input_hw: tuple[int, int],
    geometry: Geometry,
    config: AugmentConfig,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    part: tuple[int, int] = (0, 1),
    mask_scale: int = 1,
    weights: NDArray[np.float64] | None = None,
) -> Iterator[tuple[NDArray[np.float32], Pixels]]:
    """Give the batches of one epoch, the same ones for the same seed and epoch.

    Every batch is full (a new size would compile the step again): the last one is filled from the epoch's beginning.
    Each image is in it once, or with *weights* as often as its share of their sum says, rounded up or down by lot.
    With *part* ``(i, n)`` only the i-th of n equal parts of each batch is made, for one of n workers.

    Yields:
        Images ``(N, H, W, 3)`` float32 RGB 0..255 and masks ``(N, H, W, 1)`` uint8, of *mask_scale* times the size.
    """
    mask_hw = (mask_scale * input_hw[0], mask_scale * input_hw[1])
    order = _draw(len(store), weights, np.random.default_rng([seed, epoch]))
    steps = steps_per_epoch(len(store), batch_size)
    # resize repeats the order from its beginning as often as is needed.
    order = np.resize(order, steps * batch_size)

    def vary(index: int, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        return augment(*store[index], input_hw, geometry, config, rng, mask_hw=mask_hw)

    def sample(place: int) -> tuple[Pixels, Pixels]:
        rng = np.random.default_rng([seed, epoch, place])
        image, mask = vary(int(order[place]), rng)
        if config.mix and rng.random() < config.mix:
            image, mask = image.copy(), mask.copy()
            paste_box((image, mask), vary(int(rng.integers(len(store))), rng), rng)
        return image, mask

    def batch(step: int) -> tuple[NDArray[np.float32], Pixels]:
        size = batch_size // part[1]
        first = step * batch_size + part[0] * size
        images, masks = zip(*(sample(place) for place in range(first, first + size)), strict=True)
        return np.stack(images).astype(np.float32), np.stack(masks)[..., None]

    # One batch ahead: files are decoded and images varied while the network computes.
    with ThreadPoolExecutor(1, thread_name_prefix="feed") as pool:
        ahead = pool.submit(batch, 0)
        for step in range(steps):
            ready = ahead.result()
            if step + 1 < steps:
                ahead = pool.submit(batch, step + 1)
            yield ready


def _draw(count: int, weights: NDArray[np.float64] | None, rng: np.random.Generator) -> NDArray[np.int64]:
    if weights is None:
        return rng.permutation(count)
    # Systematic resampling: equal steps through the sum of the weights from a random start.
    ends = np.cumsum(weights) * (count / np.sum(weights))
    drawn = np.searchsorted(ends, np.arange(count) + rng.random(), side="right")
    return rng.permutation(np.minimum(drawn, count - 1))
