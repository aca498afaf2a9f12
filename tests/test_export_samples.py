"""Calibration and proof images: chosen so that every class is seen, and refused where nothing can be measured."""

import cv2
import numpy as np
import pytest
from blobs import write_blobs

from fcn_edge.dataset import open_folder
from fcn_edge.errors import DatasetError
from fcn_edge.export.samples import calibration_set, choose_for_calibration, choose_for_proof, with_full_range


def write(root, masks, *, split="train", image=None):
    """Write a folder with one image a mask; a mask is a list of the class ids in it, or None."""
    for kind in ("images", "masks"):
        (root / kind / split).mkdir(parents=True, exist_ok=True)
    for index, ids in enumerate(masks):
        pixels = np.full((8, 8, 3), 0, np.uint8)
        pixels[:, 4:] = 255
        cv2.imwrite(str(root / "images" / split / f"{index}.png"), pixels if image is None else image)
        if ids is not None:
            mask = np.resize(np.array(ids, np.uint8), (8, 8))
            cv2.imwrite(str(root / "masks" / split / f"{index}.png"), mask)
    (root / "classes.txt").write_text("background\ncommon\nrare\n")
    return open_folder(root)


def calibrate(folder, count=100):
    return calibration_set(folder, split="train", count=count, seed=0, size_hw=(8, 8), geometry="stretch")


def test_the_rarest_class_is_always_among_the_calibration_images(tmp_path):
    folder = write(tmp_path, [[0, 1]] * 30 + [[0, 2]])
    for seed in range(10):
        chosen, shown = choose_for_calibration(folder, "train", 4, seed)
        assert len(chosen) == 4
        assert shown == {"background": 4, "common": 3, "rare": 1}


def test_no_image_is_drawn_twice(tmp_path):
    folder = write(tmp_path, [[0, 1], [0, 2], [0], [1, 2], [2]])
    chosen, _ = choose_for_calibration(folder, "train", 100, 0)
    assert sorted(sample.sample_id for sample in chosen) == ["0", "1", "2", "3", "4"]


def test_ignored_pixels_are_no_class(tmp_path):
    folder = write(tmp_path, [[0, 255]] * 3)
    assert choose_for_calibration(folder, "train", 3, 0)[1] == {"background": 3}


def test_images_without_masks_serve_too(tmp_path):
    folder = write(tmp_path, [None] * 5)
    chosen, shown = choose_for_calibration(folder, "train", 3, 0)
    assert (len(chosen), shown) == (3, {})


def test_the_report_tells_which_images_and_their_range(tmp_path):
    images, report = calibrate(write(tmp_path, [[0, 1], [0, 2]]))
    assert images.shape == (2, 8, 8, 3)
    assert (report.count, report.low, report.high) == (2, 0, 255)
    assert set(report.sample_ids) == {"0", "1"}


def test_images_of_one_colour_are_refused(tmp_path):
    folder = write(tmp_path, [[0, 1]] * 3, image=np.full((8, 8, 3), 90, np.uint8))
    with pytest.raises(DatasetError, match="a single colour"):
        calibrate(folder)


def test_images_in_a_corner_of_the_range_are_refused(tmp_path):
    dull = np.full((8, 8, 3), 90, np.uint8)
    dull[0] = 100
    with pytest.raises(DatasetError, match="values 90 to 100 only"):
        calibrate(write(tmp_path, [[0, 1]] * 3, image=dull))


def test_an_empty_split_is_refused(tmp_path):
    write(tmp_path, [[0, 1]], split="val")
    (tmp_path / "images" / "train").mkdir()
    with pytest.raises(DatasetError, match="empty"):
        calibrate(open_folder(tmp_path))


def test_the_full_range_is_put_into_a_copy():
    images = np.full((2, 4, 4, 3), 7, np.uint8)
    changed = with_full_range(images)
    assert (changed[0].min(), changed[0].max(), images.max()) == (0, 255, 7)
    assert (changed == images).mean() > 0.9


def test_proof_images_are_evenly_spaced_and_small_splits_filled_up(tmp_path):
    folder = open_folder(write_blobs(tmp_path / "data", train=12, val=3))
    assert len(choose_for_proof(folder, "val", "train", 200)) == 8
    spaced = choose_for_proof(folder, "train", "train", 4)
    assert [sample.sample_id for sample in spaced] == ["0", "3", "6", "9"]
