"""Intervals over images: SciPy's from the same draws, and what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fcn_edge import metrics
from fcn_edge.measure.accuracy.bootstrap import RESAMPLES, bca_interval, draw_images


def _images(count: int, seed: int, *, spread: float = 0.3) -> np.ndarray:
    """Hits, truth and prediction of two classes on images of a hundred pixels, ``(count, 6)``."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(1, 100, count)
    hits = (truth * np.clip(rng.normal(0.8, spread, count), 0, 1)).astype(int)
    false = rng.integers(0, 10, count) % (101 - truth)
    one = np.stack([hits, truth, hits + false], axis=1)
    other = np.stack([100 - truth - false, 100 - truth, 100 - hits - false], axis=1)
    return np.stack([other, one], axis=2).reshape(count, 6)


def _miou(counts: np.ndarray) -> np.ndarray:
    hits, truth, predicted = (counts[..., 2 * i : 2 * i + 2] for i in range(3))
    return metrics.mean_iou(metrics.intersection_over_union(hits, truth, predicted))


def _scipy(counts: np.ndarray, figure, seed: int) -> tuple[float, float]:
    found = stats.bootstrap(
        (np.arange(len(counts)),),
        lambda drawn, axis: figure(counts[drawn].sum(axis=-2)),
        n_resamples=RESAMPLES,
        vectorized=True,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return found.low, found.high


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("count", [50, 87, 301])
def test_the_interval_of_miou_is_that_of_scipy(count, seed):
    counts = _images(count, seed)

    assert draw_images(counts, seed=seed).interval(_miou) == pytest.approx(_scipy(counts, _miou, seed), rel=1e-9)


def test_the_interval_of_a_paired_drop_is_that_of_scipy():
    counts = np.concatenate([_images(120, 3), _images(120, 3, spread=0.31)], axis=1)

    def drop(pooled):
        return _miou(pooled[..., :6]) - _miou(pooled[..., 6:])

    assert draw_images(counts, seed=9).interval(drop) == pytest.approx(_scipy(counts, drop, 9), rel=1e-9)


def test_drawing_in_blocks_gives_the_same_interval(monkeypatch):
    counts = _images(60, 2)
    whole = draw_images(counts, seed=0).interval(_miou)
    monkeypatch.setattr("fcn_edge.measure.accuracy.bootstrap._BLOCK", 1000)

    assert draw_images(counts, seed=0).interval(_miou) == pytest.approx(whole)


def test_the_same_seed_gives_the_same_interval():
    counts = _images(60, 2)

    assert draw_images(counts, seed=4).interval(_miou) == draw_images(counts, seed=4).interval(_miou)


def test_fewer_than_fifty_images_have_no_interval():
    assert draw_images(_images(49, 0), seed=0) is None


def test_a_figure_without_a_value_has_no_interval():
    counts = _images(60, 0)
    counts[:, [1, 3, 5]] = 0

    def iou_of_the_absent_class(pooled):
        return metrics.intersection_over_union(pooled[..., 1], pooled[..., 3], pooled[..., 5])

    assert draw_images(counts, seed=0).interval(iou_of_the_absent_class) is None


def test_a_class_in_one_image_alone_has_no_interval():
    counts = _images(60, 0)
    counts[1:, [1, 3, 5]] = 0

    def iou_of_the_rare_class(pooled):
        return metrics.intersection_over_union(pooled[..., 1], pooled[..., 3], pooled[..., 5])

    assert draw_images(counts, seed=0).interval(iou_of_the_rare_class) is None


def test_a_figure_that_never_moves_has_an_interval_of_no_width():
    counts = np.tile(_images(1, 0), (60, 1))
    observed = float(_miou(counts.sum(axis=0)))

    assert draw_images(counts, seed=0).interval(_miou) == pytest.approx((observed, observed))


@given(st.floats(-1, 1), st.integers(0, 1000))
def test_the_ends_are_in_order_and_among_the_draws(observed, seed):
    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=200)
    low, high = bca_interval(observed, drawn, rng.normal(size=60))

    assert drawn.min() <= low <= high <= drawn.max()


def test_the_interval_holds_the_true_figure_about_as_often_as_it_says():
    everything = _images(40_000, 100)
    true = float(_miou(everything.sum(axis=0)))
    held = 0
    for seed in range(200):
        chosen = everything[np.random.default_rng(seed).integers(0, len(everything), 80)]
        low, high = draw_images(chosen, seed=seed, resamples=500).interval(_miou)
        held += low <= true <= high

    # 95 % of 200 are 190; by chance alone fewer than 178 come once in ten thousand times.
    assert held >= 178
