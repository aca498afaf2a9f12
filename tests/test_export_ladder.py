"""What a rung of the ladder is judged by."""

import cv2
import numpy as np
import pytest

from fcn_edge.card import ModelCard, class_specs
from fcn_edge.dataset import Sample
from fcn_edge.export import ladder

CARD = ModelCard("m", "fcn", class_specs(("background", "thing")), (32, 32), geometry="letterbox", threshold=0.5)


@pytest.fixture
def tall(tmp_path):
    """A picture that covers columns 8 to 23 of an input of 32x32."""
    path = tmp_path / "tall.png"
    cv2.imwrite(str(path), np.full((64, 32, 3), 90, np.uint8))
    return Sample("tall", path, None)


def climb(tall, where):
    """Hold a model of scores 1 to one whose scores are -1 in some columns."""
    other = np.ones((1, 32, 32, 1), np.float32)
    other[:, :, where] = -1
    reference = ladder.Climber("Keras model", lambda pixels: np.ones((1, 32, 32, 1), np.float32), CARD, ladder.PASSES)
    climber = ladder.Climber("file", lambda pixels: other, CARD, ladder.PASSES)
    return ladder.climb(reference, [climber], [(tall, False)]).rungs[0].parity


def test_what_lies_beside_the_image_in_a_letterbox_does_not_count(tall):
    parity = climb(tall, [0, 1, 7, 24, 31])
    assert (parity.agreement, parity.max_diff, parity.sqnr_db) == (1.0, 0.0, None)


def test_what_lies_inside_of_the_image_counts(tall):
    parity = climb(tall, [8, 23])
    assert parity.agreement == pytest.approx(14 / 16)
    assert parity.max_diff > 0
