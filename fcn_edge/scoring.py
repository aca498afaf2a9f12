"""From scores to class ids, without dequantising anything, and what share of a picture each class has."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Activation, ScoreQuantization

_MOST_IDS = 256
_TWO = 2
# Of scores that are decided at a time: enough to pay for the calls, and still inside a processor's second cache.
_BLOCK_BYTES = 1 << 19
_RANKS = np.arange(_MOST_IDS - 1, -1, -1).astype(np.uint8)[:, np.newaxis]
# OpenCV moves bytes whatever they mean, but does not know every type.
_SAME_SIZE = {1: np.uint8, 2: np.uint16, 4: np.int32, 8: np.float64}


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


def labels_from_scores(
    scores: NDArray[np.generic], threshold: float | None, *, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Decide each pixel's class.

    Args:
        scores: ``(H, W, K)``, real or raw quantised.
        threshold: For ``K = 1``: scores above it are class 1, in the scores' own units (:func:`raw_threshold`).
            None for ``K > 1``: the class with the largest score, the lowest id among equals.
        out: ``(H, W)`` uint8, contiguous, where to write the ids; None for a new array.

    Returns:
        ``(H, W)`` uint8 class ids.
    """
    labels = np.empty(scores.shape[:-1], np.uint8) if out is None else out
    if scores.shape[-1] == 1:
        return above_threshold(scores[..., 0], 0.0 if threshold is None else threshold, out=labels)
    return _largest(scores, labels)


def class_shares(labels: NDArray[np.uint8], classes: int) -> NDArray[np.float64]:
    """Measure how much of a map each class covers.

    Args:
        labels: Class ids, ``(H, W)`` uint8; ids from *classes* on count for none.
        classes: How many there are.

    Returns:
        ``(classes,)`` float64, 0..1.
    """
    if classes == _TWO:
        # What is not background, at a tenth of the cost of a histogram, unless there are ids that count for none.
        foreground = cv2.countNonZero(labels)
        if labels.max(initial=0) < _TWO:
            return np.array([labels.size - foreground, foreground], np.float64) / labels.size
    # Ten times faster than np.bincount, which first widens every id to eight bytes. (K, 1) before OpenCV 5, then (K,).
    counts = cv2.calcHist([labels], [0], None, [classes], [0, classes])
    return counts.ravel().astype(np.float64) / labels.size


def above_threshold(scores: NDArray[np.generic], threshold: float, *, out: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Write 1 to *out* where ``(H, W)`` scores are above the threshold, else 0; give *out*.

    Integers are not widened for it, which would take five times as long.
    """
    if scores.dtype.kind not in "iu":
        np.greater(scores, threshold, out=_as_truth(out))
        return out
    levels = 1 << 8 * scores.dtype.itemsize
    lowest = 0 if scores.dtype.kind == "u" else -levels // 2
    # Of whole numbers, those above a threshold are those above its whole part.
    whole = math.floor(min(max(threshold, lowest - 1), lowest + levels - 1))
    if whole < lowest:
        out.fill(1)
        return out
    np.greater(scores, scores.dtype.type(whole), out=_as_truth(out))
    return out


def planes_of(scores: NDArray[np.generic]) -> NDArray[np.generic]:
    """Give ``(H, W, K)`` scores as ``(K, H, W)`` planes: a view where memory already lies so, else a copy."""
    planar = np.moveaxis(scores, -1, 0)
    size = scores.dtype.itemsize
    if planar.flags.c_contiguous or size not in _SAME_SIZE:
        return planar
    pixels = np.ascontiguousarray(scores).reshape(-1, scores.shape[-1])
    return _transposed(pixels, np.empty(pixels.shape[::-1], scores.dtype)).reshape(planar.shape)


def _largest(scores: NDArray[np.generic], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Find each pixel's largest score, as ``argmax(axis=-1)`` does, about four times as fast.

    NumPy compares the few scores of each pixel one by one. Here a block of pixels is turned into planes, one for each
    class, and whole planes are compared, which a processor does 16 or 32 numbers at a time.
    """
    classes = scores.shape[-1]
    if classes > _MOST_IDS or scores.dtype.itemsize not in _SAME_SIZE:
        np.copyto(labels, scores.argmax(axis=-1), casting="unsafe")
        return labels
    flat = labels.reshape(-1)
    # A model that gives NCHW comes as a view of what are planes already.
    planar = np.moveaxis(scores, -1, 0)
    ready = planar.flags.c_contiguous
    pixels = planar.reshape(classes, -1).T if ready else np.ascontiguousarray(scores).reshape(-1, classes)
    count = max(1, min(flat.size, _BLOCK_BYTES // (classes * scores.dtype.itemsize)))
    planes, found = np.empty(classes * count, scores.dtype), np.empty(classes * count, np.bool_)
    for first in range(0, flat.size, count):
        block, part = pixels[first : first + count], flat[first : first + count]
        across = block.T if ready else _transposed(block, planes[: block.size].reshape(classes, -1))
        _largest_of_planes(across, found[: block.size].reshape(classes, -1), part)
    return labels


def _largest_of_planes(planes: NDArray[np.generic], found: NDArray[np.bool_], labels: NDArray[np.uint8]) -> None:
    """Write the row of each column's largest number, the first among equals.

    Args:
        planes: ``(K, N)``.
        found: ``(K, N)``, room to work in.
        labels: ``(N,)``, the result.
    """
    best = np.maximum.reduce(planes, axis=0)
    if planes.dtype.kind == "f" and np.isnan(best).any():
        # Equal to nothing, not even to itself.
        labels[:] = planes.argmax(axis=0)
        return
    np.equal(planes, best, out=found)
    ranked = _as_ids(found)
    # From 1 to all bits set, so that "and" keeps a rank or nothing. Lower rows rank higher: the highest rank is theirs.
    np.negative(ranked, out=ranked)
    np.bitwise_and(ranked, _RANKS[: len(planes)], out=ranked)
    np.maximum.reduce(ranked, axis=0, out=labels)
    np.subtract(_MOST_IDS - 1, labels, out=labels)


def _transposed(block: NDArray[np.generic], out: NDArray[np.generic]) -> NDArray[np.generic]:
    same_size = _SAME_SIZE[block.dtype.itemsize]
    turned: NDArray[np.generic] = np.asarray(cv2.transpose(block.view(same_size), dst=out.view(same_size)))
    return turned.view(block.dtype)


def _as_ids(found: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Take truth for 1 and falsehood for 0, in the same memory."""
    ids: NDArray[np.uint8] = found.view(np.uint8)
    return ids


def _as_truth(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Take ids for truth, in the same memory, so that a comparison can be written there."""
    truth: NDArray[np.bool_] = labels.view(np.bool_)
    return truth
