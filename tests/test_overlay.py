"""Colours over pictures, and the legend."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fcn_edge.card import ClassSpec, class_specs
from fcn_edge.overlay import colorize, draw_legend, draw_overlay, draw_text

CLASSES = (ClassSpec("background", (0, 0, 0)), ClassSpec("red", (250, 0, 0)), ClassSpec("blue", (0, 0, 250)))
sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


def occurs(image: np.ndarray, colour_bgr: tuple[int, int, int]) -> bool:
    return bool((image == colour_bgr).all(axis=-1).any())


def test_class_ids_become_their_colours_in_bgr():
    painted = colorize(np.array([[0, 1, 2]], np.uint8), CLASSES)
    assert painted.tolist() == [[[0, 0, 0], [0, 0, 250], [250, 0, 0]]]


def test_an_id_without_a_class_is_grey():
    assert colorize(np.array([[255]], np.uint8), CLASSES).tolist() == [[[200, 200, 200]]]


@given(data=st.data(), size=sizes, opacity=st.floats(0, 1))
def test_an_overlay_blends_the_foreground_and_leaves_the_background(data, size, opacity):
    image = data.draw(hnp.arrays(np.uint8, (*size, 3)))
    labels = data.draw(hnp.arrays(np.uint8, size, elements=st.integers(0, 2)))
    drawn = draw_overlay(image, labels, CLASSES, opacity=opacity)
    expected = image * (1 - opacity) + colorize(labels, CLASSES) * opacity
    expected[labels == 0] = image[labels == 0]
    assert np.abs(drawn - expected).max() <= 1
    assert np.array_equal(drawn[labels == 0], image[labels == 0])


def test_an_image_of_many_strips_is_drawn_to_its_last_line():
    image = np.zeros((700, 301, 3), np.uint8)
    drawn = draw_overlay(image, np.ones((700, 301), np.uint8), CLASSES, opacity=1)
    assert (drawn == (0, 0, 250)).all()


def test_an_overlay_leaves_the_image_alone_and_can_be_drawn_in_place():
    image = np.full((20, 30, 3), 100, np.uint8)
    labels = np.ones((20, 30), np.uint8)
    drawn = draw_overlay(image, labels, CLASSES)
    assert (image == 100).all()
    other = np.empty_like(image)
    assert draw_overlay(image, labels, CLASSES, out=other) is other
    assert draw_overlay(image, labels, CLASSES, out=image) is image
    assert np.array_equal(other, drawn)
    assert np.array_equal(image, drawn)


def test_a_legend_shows_every_colour_but_the_background():
    image = np.full((480, 640, 3), 90, np.uint8)
    assert draw_legend(image, CLASSES) is image
    assert all(occurs(image, colour) for colour in [(0, 0, 250), (250, 0, 0), (255, 255, 255)])


def test_a_legend_can_be_kept_to_the_classes_that_occur():
    image = np.full((480, 640, 3), 90, np.uint8)
    draw_legend(image, CLASSES, only={0, 2})
    assert occurs(image, (250, 0, 0))
    assert not occurs(image, (0, 0, 250))


@pytest.mark.parametrize("size", [(1, 1), (24, 32), (128, 128), (480, 640), (1080, 1920)])
def test_a_legend_of_many_classes_never_fails(size):
    draw_legend(np.zeros((*size, 3), np.uint8), class_specs([f"class {i}" for i in range(40)]))


def test_no_legend_is_drawn_without_a_foreground_class():
    image = np.full((48, 64, 3), 90, np.uint8)
    draw_legend(image, CLASSES[:1])
    assert (image == 90).all()


@pytest.mark.parametrize("grey", [0, 255])
def test_text_is_readable_on_black_and_on_white(grey):
    """Not pure white or black: OpenCV 4 smooths its thin letters."""
    image = np.full((40, 200, 3), grey, np.uint8)
    draw_text(image, "24.9 fps", (10, 25))
    assert np.ptp(image) > 180
