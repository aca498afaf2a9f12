"""From scores to class ids, without dequantising anything, and what share of a picture each class has."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Activation, ScoreQuantization


def raw_threshold(probability: float, activation: Activation, quantization: ScoreQuantization | None = None) -> float:
    """Turn a probability threshold into one for a model's own scores.

    Args:
        probability: In (0, 1); 0 and 1 are allowed for probabilities and mean "everything" and "nothing".
        activation: ``none`` when scores are logits: the threshold becomes ``log(p / (1 - p))``.
        quantization: Set for raw integer scores: the threshold becomes ``t / scale + zero_point``.
    """
    real = probability
    if activation == "none":
        clipped = min(max(probability, 1e-9), 1 - 1e-9)
        real = math.log(clipped / (1 - clipped))
    return real if quantization is None else real / quantization.scale + quantization.zero_point


def labels_from_scores(scores: NDArray[np.generic], threshold: float | None) -> NDArray[np.uint8]:
    """Decide each pixel's class.

    Args:
        scores: ``(H, W, K)``, real or raw quantised.
        threshold: For ``K = 1``: scores above it are class 1, in the scores' own units (:func:`raw_threshold`).
            None for ``K > 1``: the class with the largest score, the lowest id among equals.

    Returns:
        ``(H, W)`` uint8 class ids.
    """
    if scores.shape[-1] == 1:
        return np.asarray(np.greater(scores[..., 0], 0.0 if threshold is None else threshold), dtype=np.uint8)
    return np.asarray(scores.argmax(axis=-1), dtype=np.uint8)


def class_shares(labels: NDArray[np.uint8], classes: int) -> NDArray[np.float64]:
    """Measure how much of a map each class covers.

    Args:
        labels: Class ids, ``(H, W)`` uint8; ids from *classes* on count for none.
        classes: How many there are.

    Returns:
        ``(classes,)`` float64, 0..1.
    """
    # Ten times faster than np.bincount, which first widens every id to eight bytes. (K, 1) before OpenCV 5, then (K,).
    counts = cv2.calcHist([labels], [0], None, [classes], [0, classes])
    return counts.ravel().astype(np.float64) / labels.size
