"""How close a file's scores and classes are to the Keras model's, image by image."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fcn_edge.export.report import ParityStats
from fcn_edge.metrics import AccuracyStats, accuracy, confusion_matrix

# Of the largest score: scores that hardly differ among themselves have no range worth comparing with.
_LEAST_RANGE = 1e-3


class Tally:
    """Adds up differences and confusion over a set of images."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._images = 0
        self._compares_scores = False
        self._worst = self._signal = self._noise = 0.0
        self._low, self._high = math.inf, -math.inf
        self._same = self._pixels = 0
        self._counts = np.zeros((classes, classes), np.int64)

    def add_scores(self, expected: NDArray[np.floating], found: NDArray[np.floating]) -> None:
        """Add scores of one image, both real (dequantised), of one shape."""
        wide = expected.astype(np.float64)
        difference = found.astype(np.float64) - wide
        self._compares_scores = True
        self._worst = max(self._worst, float(np.abs(difference).max()))
        self._low, self._high = min(self._low, float(wide.min())), max(self._high, float(wide.max()))
        self._signal += float(np.square(wide).sum())
        self._noise += float(np.square(difference).sum())

    def add_labels(self, expected: NDArray[np.uint8], found: NDArray[np.uint8]) -> None:
        """Add class ids ``(H, W)`` of one image at input resolution."""
        self._images += 1
        self._same += int((expected == found).sum())
        self._pixels += expected.size

    def add_truth(self, truth: NDArray[np.uint8], found: NDArray[np.uint8]) -> None:
        """Add a mask and the classes found, both at the mask's size."""
        self._counts += confusion_matrix(truth, found, classes=self._classes)

    @property
    def accuracy(self) -> AccuracyStats:
        """Accuracy against the masks; all None without masks."""
        return accuracy(self._counts)

    def parity(self) -> ParityStats:
        """Sum up."""
        agreement = self._same / self._pixels if self._pixels else 0.0
        if not self._compares_scores:
            return ParityStats(self._images, None, None, agreement)
        spread = max(self._high - self._low, _LEAST_RANGE * max(abs(self._high), abs(self._low)), 1e-9)
        return ParityStats(self._images, self._worst / spread, sqnr_db(self._signal, self._noise), agreement)


def sqnr_db(signal: float, noise: float) -> float | None:
    """Give the ratio of two powers in decibel; None where nothing differs or there is no signal."""
    return 10 * math.log10(signal / noise) if signal > 0 and noise > 0 else None
