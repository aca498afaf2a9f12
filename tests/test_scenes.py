"""The generator of scenes: exact truth, chance by seed, and a film that moves."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn_edge.dataset import check_folder, open_folder, read_mask
from fcn_edge.errors import UsageError
from fcn_edge.scenes import (
    CLASS_NAMES,
    PLAIN,
    STAINS,
    SceneConfig,
    draw_scene,
    film_frames,
    write_data_folder,
    write_film,
)
from fcn_edge.scenes.cell import Cell, stain_amount
from fcn_edge.scenes.optics import draw_optics


def test_equal_seeds_draw_equal_scenes():
    first_image, first_mask = draw_scene(np.random.default_rng(7), (64, 80))
    again_image, again_mask = draw_scene(np.random.default_rng(7), (64, 80))

    np.testing.assert_array_equal(first_image, again_image)
    np.testing.assert_array_equal(first_mask, again_mask)


def test_other_seeds_draw_other_scenes():
    masks = [draw_scene(np.random.default_rng(seed), (64, 80))[1] for seed in range(4)]

    assert len({mask.tobytes() for mask in masks}) == 4


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_an_undisturbed_scene_thresholded_at_half_height_is_its_mask(seed):
    image, mask = draw_scene(np.random.default_rng(seed), (96, 112), config=PLAIN)
    level = image[..., 0].astype(float)
    half = level.min() + 100

    # Rounding to uint8 hides on which side of the outline the level next to one half lies.
    inside = level > half + 1
    outside = level < half - 1

    assert mask[inside].all()
    assert not mask[outside].any()
    assert (inside | outside).mean() > 0.99


def test_the_mask_of_an_ellipse_is_the_ellipse():
    circle = Cell((30.0, 20.0), (12.0, 6.0), 0.0, (), 1.0, (5.0, 0.0))

    _, mask = stain_amount([circle], (40, 60))

    y, x = np.mgrid[:40, :60]
    np.testing.assert_array_equal(mask, ((x - 30) ** 2 / 144 + (y - 20) ** 2 / 36 < 1).astype(np.uint8))


def test_a_cell_outside_the_field_leaves_no_trace():
    far = Cell((-90.0, 20.0), (12.0, 6.0), 0.0, (), 1.0, (5.0, 0.0))

    amount, mask = stain_amount([far], (40, 60))

    assert not amount.any()
    assert not mask.any()


@pytest.mark.parametrize("stain", STAINS)
def test_nuclei_differ_from_their_surroundings_in_every_stain(stain):
    image, mask = draw_scene(np.random.default_rng(3), (128, 128), config=SceneConfig(stain=stain))
    inside, outside = image[mask == 1].mean(), image[mask == 0].mean()

    assert (inside > outside + 10) if stain in {"fluorescence", "dapi"} else (inside < outside - 30)


def test_grey_fluorescence_is_the_most_frequent_stain():
    stains = [draw_optics(np.random.default_rng(i), (16, 16), SceneConfig()).stain for i in range(200)]

    assert stains.count("fluorescence") > 120
    assert set(stains) == set(STAINS)


def test_noise_grows_with_its_strength():
    def roughness(noise):
        config = SceneConfig(stain="purple", noise=noise, clutter=0)
        image, mask = draw_scene(np.random.default_rng(1), (128, 128), config=config)
        far_from_nuclei = cv2.dilate(mask, np.ones((15, 15), np.uint8)) == 0
        return (image.astype(float) - cv2.GaussianBlur(image, (0, 0), 1.5))[far_from_nuclei].std()

    assert roughness(0) < roughness(1) < roughness(3)


def test_an_unknown_stain_is_refused_by_name():
    with pytest.raises(UsageError, match="'crimson'"):
        draw_scene(np.random.default_rng(0), config=SceneConfig(stain="crimson"))


def test_a_scene_too_small_for_a_nucleus_is_refused():
    with pytest.raises(UsageError, match="8x64"):
        draw_scene(np.random.default_rng(0), (8, 64))


def test_a_data_folder_of_scenes_passes_the_data_check(tmp_path: Path):
    write_data_folder(tmp_path, train=3, val=2, seed=1, size_hw=(48, 64))
    folder = open_folder(tmp_path)

    assert folder.class_names == CLASS_NAMES
    assert {name: len(samples) for name, samples in folder.splits.items()} == {"train": 3, "val": 2}
    assert check_folder(folder, quiet=True).faults == ()


def test_a_data_folder_has_the_exact_masks_of_its_seed(tmp_path: Path):
    write_data_folder(tmp_path / "a", train=1, val=1, seed=5, size_hw=(48, 64))
    write_data_folder(tmp_path / "b", train=1, val=1, seed=5, size_hw=(48, 64))
    name = "scene_0000.png"

    first, again = (read_mask(tmp_path / folder / "masks" / "val" / name) for folder in "ab")
    other = read_mask(tmp_path / "a" / "masks" / "train" / name)

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_film_moves_a_little_from_frame_to_frame():
    frames = list(film_frames(frames=30, size_hw=(96, 112), seed=3))
    masks = [mask for _, mask in frames]

    assert 0 < (masks[0] != masks[1]).mean() < 0.05
    assert (masks[0] != masks[29]).mean() > (masks[0] != masks[1]).mean()


def test_a_film_has_new_noise_in_every_frame_and_the_same_cells_without_it():
    noisy = list(film_frames(frames=2, size_hw=(64, 64), seed=4))
    clean = list(film_frames(frames=2, size_hw=(64, 64), seed=4, config=SceneConfig(stain="fluorescence", noise=0)))

    assert (noisy[0][0] != noisy[1][0]).mean() > 0.2
    np.testing.assert_array_equal(noisy[1][1], clean[1][1])


def test_new_cells_come_in_as_others_leave():
    covered = [mask.mean() for _, mask in film_frames(frames=400, size_hw=(64, 64), seed=3)]

    assert np.mean(covered[200:]) > np.mean(covered[:20]) / 3


def test_a_written_film_plays_with_every_frame(tmp_path: Path):
    info = write_film(tmp_path / "film.avi", seconds=0.5, fps=20, size_hw=(64, 96), seed=3)
    film = cv2.VideoCapture(str(info.path))
    frames = []
    while (frame := film.read())[0]:
        frames.append(frame[1])
    film.release()

    assert info.frames == len(frames) == 10
    assert frames[0].shape == (64, 96, 3)
    expected = next(film_frames(frames=1, size_hw=(64, 96), seed=3))[0]
    # JPEG at OpenCV's default quality moves a noisy grey level by a few steps.
    assert np.abs(frames[0].astype(int) - expected).mean() < 4
