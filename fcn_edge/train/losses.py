"""Losses on logits that leave ignored pixels out.

Cross-entropy is binary for one score channel and categorical for more. Dice is the soft Dice of Milletari, Navab and
Ahmadi, "V-Net" (3DV 2016), by class over the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fcn_edge.geometry import IGNORE
from fcn_edge.networks.layers import load_keras
from fcn_edge.train.config import Loss
from fcn_edge.train.workers import sum_over_workers

LossFunction = Callable[[Any, Any], Any]


def make_loss(kind: Loss, class_weights: Sequence[float] | None = None) -> LossFunction:
    """Make a loss of a batch.

    Args:
        kind: ``ce``, ``dice`` or their sum ``ce+dice``.
        class_weights: Weight of each true class in the cross-entropy, in id order; None for equal weights.

    Returns:
        A function of the truth, ``(N, H, W, 1)`` class ids with 255 for ignored pixels, and the logits,
        ``(N, H, W, K)`` float32, that gives a scalar. Logits of another size are resized to the truth's. Ignored
        pixels change neither the value nor its gradient; a batch of nothing else gives 0.
    """
    parts = kind.split("+")

    def loss(truth: Any, logits: Any) -> Any:  # noqa: ANN401 - tensors
        ops = load_keras().ops
        logits = _at_size_of(truth, logits)
        truth = ops.cast(truth[..., 0], "int32")
        valid = ops.cast(ops.not_equal(truth, IGNORE), "float32")
        # Any class serves where pixels are ignored: they are multiplied by zero.
        truth = ops.where(ops.equal(truth, IGNORE), 0, truth)
        total = ops.zeros(())
        if "ce" in parts:
            total = total + _cross_entropy(ops, truth, valid, logits, class_weights)
        if "dice" in parts:
            total = total + _dice(ops, truth, valid, logits)
        return total

    return loss


def imitation(truth: Any, logits: Any, teacher: Any) -> Any:  # noqa: ANN401 - tensors
    """Give the mean cross-entropy of the logits with a teacher's probabilities over the labelled pixels.

    Args:
        truth: ``(N, H, W, 1)`` class ids; only 255 (ignore) matters.
        logits: ``(N, H, W, K)`` float32; resized to the truth's size where it is another.
        teacher: Logits of the same shape; no gradient flows there.
    """
    ops = load_keras().ops
    valid = ops.cast(ops.not_equal(ops.cast(truth[..., 0], "int32"), IGNORE), "float32")
    logits, teacher = (_at_size_of(truth, scores) for scores in (logits, ops.stop_gradient(teacher)))
    if logits.shape[-1] == 1:
        each = (ops.softplus(logits) - logits * ops.sigmoid(teacher))[..., 0]
    else:
        each = -ops.sum(ops.log_softmax(logits) * ops.softmax(teacher), axis=-1)
    return _mean(ops, each, valid)


def balanced_weights(frequencies: Sequence[float]) -> tuple[float, ...]:
    """Weigh classes by median frequency (Eigen and Fergus, ICCV 2015), within 0.1..10; absent classes get 1.

    Args:
        frequencies: Share of the labelled pixels of each class, in id order.
    """
    present = [f for f in frequencies if f > 0]
    median = float(np.median(present)) if present else 1.0
    return tuple(float(np.clip(median / f, 0.1, 10)) if f > 0 else 1.0 for f in frequencies)


def _at_size_of(truth: Any, logits: Any) -> Any:  # noqa: ANN401 - tensors
    """Resize logits linearly, as they are resized for scoring."""
    size_hw = tuple(truth.shape[1:3])
    return logits if tuple(logits.shape[1:3]) == size_hw else load_keras().ops.image.resize(logits, size_hw)


def _cross_entropy(ops: Any, truth: Any, valid: Any, logits: Any, class_weights: Sequence[float] | None) -> Any:  # noqa: ANN401 - tensors
    if logits.shape[-1] == 1:
        scores = logits[..., 0]
        # -log sigmoid(z) = softplus(-z), and softplus(z) - z * y holds for both truths without overflow.
        each = ops.softplus(scores) - scores * ops.cast(truth, "float32")
    else:
        each = -ops.sum(ops.log_softmax(logits) * ops.one_hot(truth, logits.shape[-1]), axis=-1)
    weights = valid
    if class_weights is not None:
        weights = valid * ops.take(ops.convert_to_tensor(class_weights, "float32"), truth)
    return _mean(ops, each, weights)


def _mean(ops: Any, each: Any, weights: Any) -> Any:  # noqa: ANN401 - tensors
    """Give the weighted mean over the whole batch, of which each worker holds a part; 0 without any weight."""
    total, weight = sum_over_workers(ops.sum(each * weights)), sum_over_workers(ops.sum(weights))
    return total / ops.maximum(weight, 1.0)


def _dice(ops: Any, truth: Any, valid: Any, logits: Any) -> Any:  # noqa: ANN401 - tensors
    if logits.shape[-1] == 1:
        predicted = ops.sigmoid(logits)
        true = ops.cast(truth, "float32")[..., None]
    else:
        predicted = ops.softmax(logits)
        true = ops.one_hot(truth, logits.shape[-1])
    predicted, true = predicted * valid[..., None], true * valid[..., None]
    axes = (0, 1, 2)
    pixels, found, shared = (
        sum_over_workers(ops.sum(values, axis=axes)) for values in (true, predicted, predicted * true)
    )
    smooth = 1.0
    each = 1 - (2 * shared + smooth) / (pixels + found + smooth)
    # A class that the batch does not hold says nothing about overlap; cross-entropy pushes it down.
    present = ops.cast(pixels > 0, "float32")
    return ops.sum(each * present) / ops.maximum(ops.sum(present), 1.0)
