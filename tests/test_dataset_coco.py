import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn_edge import dataset
from fcn_edge.cli.main import main
from fcn_edge.dataset.region import draw_regions, run_lengths
from fcn_edge.errors import DatasetError, UsageError

coder = pytest.importorskip("pycocotools.mask", reason="COCO annotations need pycocotools, of the extra train")

SIZE_HW = (10, 12)
CLASS_IDS = {1: 1, 2: 2}


def box(x, y, width, height):
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def runs_of(mask):
    """Uncompressed run lengths: column by column, zeros first."""
    flat = np.concatenate([[0], mask.ravel(order="F"), [2]])
    edges = np.flatnonzero(np.diff(flat.astype(int)))
    counts = np.diff(np.concatenate([[0], edges]))
    return {"size": list(mask.shape), "counts": [int(count) for count in counts]}


def region(segmentation, category_id=1, **more):
    return {"id": 7, "image_id": 1, "category_id": category_id, "segmentation": segmentation, **more}


@pytest.fixture
def coco(tmp_path):
    """Two images, one with a large dog, a small cat on it and a crowd of cats; one with nothing."""
    images = tmp_path / "images"
    images.mkdir()
    cv2.imwrite(str(images / "a.jpg"), np.full((*SIZE_HW, 3), 90, np.uint8))
    cv2.imwrite(str(images / "b.bmp"), np.full((*SIZE_HW, 3), 30, np.uint8))
    crowd = np.zeros(SIZE_HW, np.uint8)
    crowd[9] = 1
    content = {
        "images": [
            {"id": 1, "file_name": "a.jpg", "height": 10, "width": 12},
            {"id": 2, "file_name": "b.bmp", "height": 10, "width": 12},
        ],
        "annotations": [
            region(box(2, 2, 3, 3), category_id=17),
            region(box(0, 0, 8, 8), category_id=18),
            region(runs_of(crowd), category_id=17, iscrowd=1),
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 17, "name": "cat"}],
    }
    return tmp_path, content


def convert(coco, **options):
    root, content = coco
    (root / "instances.json").write_text(json.dumps(content))
    options = {"split": "train", "quiet": True, **options}
    return dataset.convert_coco(root / "instances.json", root / "images", root / "out", **options)


def test_categories_become_class_ids_in_the_order_of_their_ids(coco):
    folder = convert(coco)
    assert folder.class_names == ("background", "cat", "dog")
    mask = dataset.read_mask(folder.samples("train")[0].mask_path)
    expected = np.zeros(SIZE_HW, np.uint8)
    expected[:8, :8] = 2
    expected[2:5, 2:5] = 1
    expected[9] = 255
    np.testing.assert_array_equal(mask, expected)


def test_an_image_without_objects_is_background(coco):
    folder = convert(coco)
    assert not dataset.read_mask(folder.samples("train")[1].mask_path).any()


def test_other_formats_become_png(coco):
    folder = convert(coco)
    assert [sample.image_path.name for sample in folder.samples("train")] == ["a.jpg", "b.png"]
    assert dataset.check_folder(folder, quiet=True).faults == ()


def test_classes_chosen_get_ids_in_their_order_and_the_rest_is_background(coco):
    folder = convert(coco, classes=["dog"])
    assert folder.class_names == ("background", "dog")
    mask = dataset.read_mask(folder.samples("train")[0].mask_path)
    assert np.unique(mask).tolist() == [0, 1]
    assert mask[3, 3] == 1


def test_a_category_named_background_is_class_0(coco):
    coco[1]["categories"][0]["name"] = "Background"
    folder = convert(coco)
    assert folder.class_names == ("background", "cat")
    assert dataset.read_mask(folder.samples("train")[0].mask_path)[0, 0] == 0


def test_a_second_split_joins_the_first(coco):
    convert(coco)
    folder = convert(coco, split="val")
    assert list(folder.splits) == ["train", "val"]


def test_a_second_split_with_other_classes_is_refused(coco):
    convert(coco)
    with pytest.raises(DatasetError, match="has the classes background, cat, dog, expected background, dog"):
        convert(coco, split="val", classes=["dog"])


def test_a_class_that_is_no_category_is_wrong_usage(coco):
    with pytest.raises(UsageError, match="has no category bird") as caught:
        convert(coco, classes=["bird"])
    assert "cat, dog" in caught.value.hint


def test_folders_inside_file_names_become_part_of_the_name(coco):
    root, content = coco
    (root / "images" / "x").mkdir()
    (root / "images" / "a.jpg").rename(root / "images" / "x" / "a.jpg")
    content["images"][0]["file_name"] = "x/a.jpg"
    assert convert(coco).samples("train")[1].sample_id == "x_a"


def test_every_fault_is_named_and_nothing_is_written(coco):
    root, content = coco
    content["images"][0]["width"] = 13
    (root / "images" / "b.bmp").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match="has 2 faults, listed above; nothing was written") as caught:
        convert(coco)
    assert caught.value.faults[0] == (f"{root}/images/a.jpg: is 12x10 (width x height), expected 13x10 as annotated")
    assert caught.value.faults[1].startswith(f"{root}/images/b.bmp: is not an image")
    assert not (root / "out").exists()


def test_a_malformed_region_is_named_with_its_image(coco):
    coco[1]["annotations"][0]["segmentation"] = []
    with pytest.raises(DatasetError) as caught:
        convert(coco)
    reason = "has no segmentation (perhaps a box only), expected polygons or run lengths"
    assert caught.value.faults == (f"{coco[0]}/images/a.jpg: annotation 7 {reason}",)


def test_two_images_that_would_get_one_name_are_refused(coco):
    coco[1]["images"][1]["file_name"] = "a.bmp"
    with pytest.raises(DatasetError) as caught:
        convert(coco)
    assert caught.value.faults == ("a.bmp: a second image of this name, expected different names",)


def test_a_split_name_cannot_lead_out_of_the_folder(coco):
    with pytest.raises(UsageError, match="is not a plain name"):
        convert(coco, split="../val")


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ([], "has no segmentation"),
        (None, "has no segmentation"),
        ([[1, 2, 3, 4]], "has a polygon that is not a list x1, y1"),
        ([[1, 2, 3, 4, 5, 1e12]], "has a polygon that is not a list x1, y1"),
        ([[1, 2, 3, 4, 5, float("nan")]], "has a polygon that is not a list x1, y1"),
        ([["a"] * 6], "has a polygon that is not a list x1, y1"),
        ({"size": [12, 10], "counts": [120]}, r"is drawn for size \[12, 10\], expected \[10, 12\]"),
        ({"size": [10, 12], "counts": [100]}, "has run lengths of 100 pixels in all, expected 120"),
        ({"size": [10, 12], "counts": [130, -10]}, "has run lengths that are neither text"),
        ({"size": [10, 12], "counts": 5}, "has run lengths that are neither text"),
        ({"size": [10, 12], "counts": "ooo"}, "has run lengths that are cut off"),
        ({"size": [10, 12], "counts": "é"}, "has run lengths with the character"),
    ],
)
def test_a_malformed_region_is_refused_by_its_annotation(segmentation, reason):
    with pytest.raises(DatasetError, match=f"annotation 7 {reason}"):
        draw_regions([region(segmentation)], SIZE_HW, CLASS_IDS)


def test_polygons_runs_and_compressed_runs_draw_the_same():
    mask = np.zeros(SIZE_HW, np.uint8)
    mask[2:5, 3:9] = 1
    compressed = coder.encode(np.asfortranarray(mask))
    text = {"size": list(SIZE_HW), "counts": compressed["counts"].decode()}
    for segmentation in (box(3, 2, 6, 3), runs_of(mask), text):
        np.testing.assert_array_equal(draw_regions([region(segmentation)], SIZE_HW, CLASS_IDS), mask)


def test_small_regions_stay_visible_whatever_the_order():
    large, small = region(box(0, 0, 9, 9), 2), region(box(2, 2, 2, 2), 1)
    first = draw_regions([large, small], SIZE_HW, CLASS_IDS)
    np.testing.assert_array_equal(first, draw_regions([small, large], SIZE_HW, CLASS_IDS))
    assert np.count_nonzero(first == 1) == 4


def test_an_object_is_drawn_over_a_crowd_even_if_it_is_larger():
    crowd, large = region(box(0, 0, 2, 2), 1, iscrowd=1), region(box(0, 0, 6, 6), 2)
    assert 255 not in draw_regions([large, crowd], SIZE_HW, CLASS_IDS)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.integers(0, 99))
@settings(deadline=None)
def test_compressed_run_lengths_are_read_as_pycocotools_writes_them(height, width, share, seed):
    mask = (np.random.default_rng(seed).random((height, width)) < share).astype(np.uint8)
    text = coder.encode(np.asfortranarray(mask))["counts"].decode()
    counts = run_lengths(text)
    values = np.repeat(np.arange(len(counts)) % 2, counts)
    np.testing.assert_array_equal(values.reshape(mask.shape, order="F"), mask)


@pytest.mark.parametrize("content", ["no json", "[]", "{}", '{"images": [], "annotations": [], "categories": []}'])
def test_a_file_that_is_no_coco_file_is_refused(tmp_path, content):
    path = tmp_path / "instances.json"
    path.write_text(content)
    with pytest.raises(DatasetError, match=str(path)):
        dataset.convert_coco(path, tmp_path, tmp_path / "out", split="train", quiet=True)


def test_annotations_of_an_unlisted_image_are_refused(coco):
    coco[1]["annotations"][0]["image_id"] = "1"
    with pytest.raises(DatasetError, match="1 annotations name an image or a category that is not listed"):
        convert(coco)


def test_paths_that_do_not_exist_are_wrong_usage(coco):
    root, _ = coco
    with pytest.raises(UsageError, match="does not exist"):
        dataset.convert_coco(root / "nowhere.json", root, root / "out", split="train")
    (root / "instances.json").write_text(json.dumps(coco[1]))
    with pytest.raises(UsageError, match="is not a folder"):
        dataset.convert_coco(root / "instances.json", root / "nowhere", root / "out", split="train")


def test_from_coco_on_the_command_line(coco, capsys):
    root, content = coco
    (root / "instances.json").write_text(json.dumps(content))
    command = ["data", "from-coco", str(root / "instances.json"), "--images", str(root / "images")]
    assert main([*command, "--out", str(root / "out"), "--split", "train", "--classes", "cat, dog"]) == 0
    assert capsys.readouterr().out.startswith(f"{root / 'out'}: 2 train; 3 classes\n")
