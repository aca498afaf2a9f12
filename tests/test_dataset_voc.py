import json

import cv2
import numpy as np
import pytest

from fcn_edge import dataset
from fcn_edge.cli.main import main
from fcn_edge.errors import DatasetError, UsageError

Image = pytest.importorskip("PIL.Image", reason="Pillow writes the palette masks; it comes with matplotlib")


def write_palette_mask(path, indices):
    """As VOC does: indices with a palette in which no colour equals its index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(indices, mode=None).convert("L").convert("P")
    picture.putdata(indices.ravel().tolist())
    picture.putpalette([(index * 37 + 11) % 256 for index in range(768)])
    picture.save(path)


@pytest.fixture
def voc(tmp_path):
    """A VOC-style folder: two pictures to train, one to validate, and one that no list names."""
    root = tmp_path / "VOC2012"
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (root / "JPEGImages").mkdir()
    (lists / "train.txt").write_text("2007_01\n2007_02\n")
    (lists / "val.txt").write_text("2007_03\n")
    for number in range(1, 5):
        mask = np.zeros((6, 8), np.uint8)
        mask[2:4] = 15
        mask[4] = 255
        assert cv2.imwrite(str(root / "JPEGImages" / f"2007_0{number}.jpg"), np.full((6, 8, 3), 40 * number, np.uint8))
        write_palette_mask(root / "SegmentationClass" / f"2007_0{number}.png", mask)
    return root


def test_lists_become_splits_with_palette_indices_as_class_ids(voc, tmp_path):
    folder = dataset.convert_voc(voc, tmp_path / "out", quiet=True)
    assert {split: len(samples) for split, samples in folder.splits.items()} == {"train": 2, "val": 1}
    assert folder.class_names[0] == "background"
    assert folder.class_names[15] == "person"
    assert len(folder.class_names) == 21
    mask = dataset.read_mask(folder.samples("val")[0].mask_path)
    assert mask[:, 0].tolist() == [0, 0, 15, 15, 255, 0]


def test_the_folder_made_has_no_fault(voc, tmp_path):
    folder = dataset.convert_voc(voc, tmp_path / "out", quiet=True)
    assert dataset.check_folder(folder, quiet=True).faults == ()


def test_images_are_copied_byte_for_byte(voc, tmp_path):
    folder = dataset.convert_voc(voc, tmp_path / "out", quiet=True)
    copied = folder.samples("val")[0].image_path
    assert copied.read_bytes() == (voc / "JPEGImages" / "2007_03.jpg").read_bytes()


def test_every_broken_file_is_named_and_nothing_is_written(voc, tmp_path):
    (voc / "JPEGImages" / "2007_01.jpg").write_bytes(b"")
    (voc / "SegmentationClass" / "2007_02.png").unlink()
    cv2.imwrite(str(voc / "SegmentationClass" / "2007_03.png"), np.zeros((6, 8, 3), np.uint8))
    out = tmp_path / "out"
    with pytest.raises(DatasetError, match="has 3 faults, listed above; nothing was written") as caught:
        dataset.convert_voc(voc, out, quiet=True)
    assert [fault.removeprefix(f"{voc}/").split(":")[0] for fault in caught.value.faults] == [
        "JPEGImages/2007_01.jpg",
        "SegmentationClass/2007_02.png",
        "SegmentationClass/2007_03.png",
    ]
    assert not out.exists()


def test_a_class_id_without_a_name_is_a_fault(voc, tmp_path):
    with pytest.raises(DatasetError) as caught:
        dataset.convert_voc(voc, tmp_path / "out", classes=["cell"], quiet=True)
    assert "class ids out of range: 15 (on 16 px); expected 0..1 or 255" in caught.value.faults[0]


def test_a_folder_in_use_is_not_mixed_with_new_files(voc, tmp_path):
    dataset.convert_voc(voc, tmp_path / "out", quiet=True)
    with pytest.raises(DatasetError, match="holds files already"):
        dataset.convert_voc(voc, tmp_path / "out", quiet=True)


def test_a_folder_of_another_layout_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="JPEGImages: does not exist, expected a VOC-style folder"):
        dataset.convert_voc(tmp_path, tmp_path / "out", quiet=True)


def test_lists_are_needed(voc, tmp_path):
    for path in (voc / "ImageSets" / "Segmentation").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match=r"has neither train\.txt nor val\.txt"):
        dataset.convert_voc(voc, tmp_path / "out", quiet=True)


def test_an_empty_list_is_refused(voc, tmp_path):
    (voc / "ImageSets" / "Segmentation" / "val.txt").write_text("\n")
    with pytest.raises(DatasetError, match=r"val\.txt: is empty"):
        dataset.convert_voc(voc, tmp_path / "out", quiet=True)


def test_an_id_cannot_lead_out_of_the_folder(voc, tmp_path):
    (voc / "ImageSets" / "Segmentation" / "val.txt").write_text("../secret\n")
    with pytest.raises(DatasetError, match="is not an ID"):
        dataset.convert_voc(voc, tmp_path / "out", quiet=True)


def test_a_source_that_does_not_exist_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        dataset.convert_voc(tmp_path / "nowhere", tmp_path / "out", quiet=True)


def test_from_voc_on_the_command_line(voc, tmp_path, capsys):
    out = tmp_path / "out"
    names = ",".join(f"c{index}" for index in range(1, 16))
    assert main(["data", "from-voc", str(voc), "--out", str(out), "--classes", names]) == 0
    assert capsys.readouterr().out == f"{out}: 2 train, 1 val; 16 classes\nnext: fcn-edge data check {out}\n"
    assert main(["data", "check", str(out), "--quiet"]) == 0


def test_from_voc_writes_json_to_standard_output_and_nothing_else(voc, tmp_path, capsys):
    assert main(["data", "from-voc", str(voc), "--out", str(tmp_path / "out"), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["splits"] == {"train": {"images": 2}, "val": {"images": 1}}
