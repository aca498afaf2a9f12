"""Large images piece by piece."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn_edge.card import class_specs
from fcn_edge.errors import UsageError
from fcn_edge.runtime.description import Description
from fcn_edge.runtime.fake import FakeBackend
from fcn_edge.runtime.segmenter import Segmenter
from fcn_edge.runtime.tile import segment_tiled, starts, tiled_scores

MODELS = Path(__file__).parent / "models"
TILE_HW = (16, 24)
sizes = st.tuples(st.integers(1, 70), st.integers(1, 70))


def fake(function, channels=3) -> Segmenter:
    backend = FakeBackend(function, TILE_HW, channels)
    description = Description(class_specs(["a", "b", "c"]), None, "stretch")
    return Segmenter(Path("fake"), backend, None, description, None)


@given(size=sizes, seed=st.integers(0, 99))
def test_a_model_that_looks_at_single_pixels_gives_the_same_in_tiles_as_whole(size, seed):
    """Only from one tile's size on: an image smaller than the input is scaled, not tiled."""
    size = (max(size[0], TILE_HW[0]), max(size[1], TILE_HW[1]))
    image = np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)
    scores = tiled_scores(fake(lambda pixels: pixels.astype(np.float32)), image)
    assert scores.shape == image.shape
    # Weighted sums of equal float32 values, up to 4 of them.
    np.testing.assert_allclose(scores, image[..., ::-1], rtol=1e-5, atol=1e-4)


@given(size=sizes)
def test_constant_scores_stay_constant_at_every_size(size):
    constant = np.array([-3.0, 0.5, 120.0], np.float32)
    scores = tiled_scores(
        fake(lambda pixels: np.tile(constant, (*pixels.shape[:3], 1))), np.zeros((*size, 3), np.uint8)
    )
    assert scores.shape == (*size, 3)
    np.testing.assert_allclose(scores, np.broadcast_to(constant, scores.shape), rtol=1e-5)


@given(length=st.integers(1, 500), tile=st.integers(1, 60))
def test_tiles_cover_an_axis_from_end_to_end_and_overlap(length, tile):
    length = max(length, tile)
    found = starts(length, tile)
    assert found[0] == 0
    assert found[-1] == length - tile
    assert all(0 < after - before <= max(1, tile * 3 / 4 + 1) for before, after in pairwise(found))


def test_tiling_shows_what_shrinking_loses():
    """A red dot of two pixels in a picture of ten times the input."""
    image = np.full((320, 480, 3), 90, np.uint8)
    image[200:202, 300:302] = (0, 0, 255)
    with Segmenter.open(MODELS / "tiny.fp32.onnx") as segmenter:
        assert segment_tiled(segmenter, image).sum() == 4
        assert segmenter(image).sum() == 0


def test_an_image_not_larger_than_the_input_is_segmented_whole():
    image = np.random.default_rng(0).integers(0, 256, (20, 40, 3)).astype(np.uint8)
    with Segmenter.open(MODELS / "tiny.fp32.onnx") as segmenter:
        assert np.array_equal(segment_tiled(segmenter, image), segmenter(image))


def test_a_model_of_class_ids_cannot_be_blended():
    with Segmenter.open(MODELS / "tiny.labels.fp32.tflite") as segmenter, pytest.raises(UsageError, match="class ids"):
        segment_tiled(segmenter, np.zeros((100, 100, 3), np.uint8))
