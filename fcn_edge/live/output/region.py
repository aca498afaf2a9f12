"""Connected regions of a mask, with their boxes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# Of the whole picture; smaller ones are mostly specks along edges.
SMALLEST_SHARE = 0.001
MOST_REGIONS = 32
# Regions are looked for at this width or less: boxes are then exact to a pixel or two of a larger picture.
_WIDTH = 320


@dataclass(frozen=True, slots=True)
class Region:
    """A connected part of a class (over corners too).

    Attributes:
        class_id: Which class.
        box_xywh: Left, top, width and height in pixels of the picture.
        area_share: Of the picture, 0..1.
    """

    class_id: int
    box_xywh: tuple[int, int, int, int]
    area_share: float


class RegionFinder:
    """Finds regions in memory that is used again for every frame.

    Wide masks are looked at with fewer pixels (every second, third, …), so that it takes the same for any camera.

    Args:
        classes: How many there are; 0 is background and has no regions.
        smallest_share: Regions below this share of the picture are left out.
        most: No more than so many, the largest.
    """

    def __init__(self, classes: int, *, smallest_share: float = SMALLEST_SHARE, most: int = MOST_REGIONS) -> None:
        self._classes = classes
        self._smallest_share = smallest_share
        self._most = most
        self._found = np.empty((0, 0), np.uint8)
        self._numbers = np.empty((0, 0), np.int32)

    def __call__(self, labels: NDArray[np.uint8], shares: NDArray[np.float64]) -> tuple[Region, ...]:
        """Find the regions of all classes but the background.

        Args:
            labels: ``(H, W)`` uint8 class ids.
            shares: ``(K,)`` share of each class, so that classes that are not there cost nothing.

        Returns:
            Largest first.
        """
        step = -(-labels.shape[1] // _WIDTH)
        small = labels[::step, ::step]
        if self._found.shape != small.shape:
            self._found = np.empty(small.shape, np.uint8)
            self._numbers = np.empty(small.shape, np.int32)
        regions: list[Region] = []
        for class_id in range(1, self._classes):
            if shares[class_id] >= self._smallest_share:
                np.equal(small, class_id, out=self._found.view(np.bool_))
                regions += self._regions(class_id, step, labels.shape)
        regions.sort(key=lambda region: -region.area_share)
        return tuple(regions[: self._most])

    def _regions(self, class_id: int, step: int, whole_hw: tuple[int, ...]) -> list[Region]:
        _, _, stats, _ = cv2.connectedComponentsWithStats(self._found, labels=self._numbers, connectivity=8)
        size = self._found.size
        # The first is what is not of this class.
        large = stats[1:][stats[1:, cv2.CC_STAT_AREA] >= self._smallest_share * size]
        height, width = whole_hw
        return [
            Region(
                class_id,
                (x * step, y * step, min(w * step, width - x * step), min(h * step, height - y * step)),
                round(area / size, 5),
            )
            for x, y, w, h, area in large.tolist()
        ]
