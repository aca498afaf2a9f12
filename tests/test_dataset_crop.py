"""Boxes of a data folder as a data folder of their own."""

import re

import cv2
import numpy as np
import pytest
from blobs import write_blobs

from fcn_edge.cli.main import main
from fcn_edge.dataset import crop_folder, open_folder
from fcn_edge.errors import DatasetError

HEAD = "split,id,x0,y0,x1,y1\n"


@pytest.fixture
def data(tmp_path):
    return write_blobs(tmp_path / "data", train=2, val=1)


def boxes(tmp_path, text):
    path = tmp_path / "boxes.csv"
    path.write_text(text)
    return path


def test_a_box_holds_the_same_pixels(data, tmp_path):
    table = boxes(tmp_path, f"{HEAD}train,0,3,5,33,25\nval,0,0,0,48,40\n")
    folder = crop_folder(data, table, tmp_path / "out", quiet=True)
    [sample] = folder.samples("train")
    for path, kind in ((sample.image_path, "images"), (sample.mask_path, "masks")):
        whole = cv2.imread(str(data / kind / "train" / "0.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), whole[5:25, 3:33])


def test_several_boxes_of_a_picture_are_kept_apart(data, tmp_path):
    table = boxes(tmp_path, f"{HEAD}train,0,0,0,9,9\ntrain,0,1,1,9,9\n")
    crop_folder(data, table, tmp_path / "out", quiet=True)
    assert [sample.sample_id for sample in open_folder(tmp_path / "out").samples("train")] == ["0_2", "0_3"]


def test_boxes_of_splits_that_are_not_there_are_left_out(data, tmp_path):
    table = boxes(tmp_path, f"{HEAD}test,7,0,0,9,9\nval,0,0,0,9,9\n")
    folder = crop_folder(data, table, tmp_path / "out", quiet=True)
    assert list(folder.splits) == ["val"]


def test_classes_are_those_of_the_pictures(data, tmp_path):
    folder = crop_folder(data, boxes(tmp_path, f"{HEAD}val,0,0,0,9,9\n"), tmp_path / "out", quiet=True)
    assert folder.class_names == ("background", "bright")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,x0\n", "has not the columns split,id,x0,y0,x1,y1"),
        (HEAD, "has no boxes of train, val"),
        (f"{HEAD}test,0,0,0,9,9\n", "has no boxes of train, val"),
        (f"{HEAD}train,0,1,2,x,4\n", "line 2 has no four whole numbers"),
        (f"{HEAD}train,0,1,2\n", "line 2 has no four whole numbers"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(data, tmp_path, text, told):
    with pytest.raises(DatasetError, match=told):
        crop_folder(data, boxes(tmp_path, text), tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("train,77,0,0,9,9", "line 2: train of .* has no picture 77"),
        ("train,0,0,0,49,9", "line 2: 0,0,49,9 is no box in .* of 48x40"),
        ("train,0,9,0,9,9", "is no box"),
    ],
)
def test_all_faults_are_named_and_nothing_is_written(data, tmp_path, row, told):
    with pytest.raises(DatasetError) as caught:
        crop_folder(data, boxes(tmp_path, f"{HEAD}{row}\ntrain,1,0,0,9,9\n"), tmp_path / "out", quiet=True)
    [fault] = caught.value.faults
    assert re.search(told, fault)
    assert not (tmp_path / "out").exists()


def test_the_command_tells_what_there_is_now(data, tmp_path, capsys):
    table = boxes(tmp_path, f"{HEAD}train,0,0,0,9,9\nval,0,0,0,9,9\n")
    assert main(["data", "crop", str(data), "--boxes", str(table), "--out", str(tmp_path / "out")]) == 0
    assert f"{tmp_path / 'out'}: 1 train, 1 val; 2 classes" in capsys.readouterr().out
