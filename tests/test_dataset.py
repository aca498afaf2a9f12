import struct
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from fcn_edge import dataset
from fcn_edge.cli.main import main
from fcn_edge.errors import DatasetError, UsageError

SIZE_HW = (6, 8)


def image(seed=0, size_hw=SIZE_HW):
    return np.random.default_rng(seed).integers(0, 256, (*size_hw, 3), dtype=np.uint8)


def mask_of_two_classes(size_hw=SIZE_HW):
    mask = np.zeros(size_hw, np.uint8)
    mask[:, : size_hw[1] // 2] = 1
    return mask


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array)
    return path


@pytest.fixture
def root(tmp_path):
    """A data folder without a fault: two pictures to train, one to validate."""
    root = tmp_path / "data"
    for seed, (split, name) in enumerate([("train", "a2"), ("train", "a10"), ("val", "b")]):
        write(root / "images" / split / f"{name}.png", image(seed))
        write(root / "masks" / split / f"{name}.png", mask_of_two_classes())
    (root / "classes.txt").write_text("background\ncell\n")
    return root


def faults(root, splits=None):
    return dataset.check_folder(dataset.open_folder(root), splits, quiet=True).faults


def test_open_folder_lists_classes_splits_and_samples_in_natural_order(root):
    folder = dataset.open_folder(root)
    assert folder.class_names == ("background", "cell")
    assert list(folder.splits) == ["train", "val"]
    assert [s.sample_id for s in folder.samples("train")] == ["a2", "a10"]
    assert folder.samples("val")[0] == dataset.Sample(
        "b", root / "images" / "val" / "b.png", root / "masks" / "val" / "b.png"
    )


def test_a_missing_mask_is_none_in_its_sample(root):
    (root / "masks" / "val" / "b.png").unlink()
    assert dataset.open_folder(root).samples("val")[0].mask_path is None


def test_a_folder_that_does_not_exist_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        dataset.open_folder(tmp_path / "nowhere")


def test_a_folder_without_classes_is_refused(root):
    (root / "classes.txt").unlink()
    with pytest.raises(DatasetError, match=r"classes\.txt: does not exist, expected one class name a line"):
        dataset.open_folder(root)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has 0 class name"),
        ("\udcff", "cannot be read as text"),
        ("background\n", "has 1 class name"),
        ("background\n\ncell\n", "line 2 is empty"),
        ("background\ncell\ncell\n", "names repeat: cell"),
        ("\n".join(f"c{i}" for i in range(256)), "has 256 class names, expected at most 255"),
    ],
)
def test_class_names_that_cannot_be_used_are_refused(root, text, reason):
    (root / "classes.txt").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DatasetError, match=reason):
        dataset.open_folder(root)


def test_class_names_may_have_windows_line_ends_and_a_byte_order_mark(root):
    (root / "classes.txt").write_bytes(b"\xef\xbb\xbfbackground\r\ncell\r\n\r\n")
    assert dataset.open_folder(root).class_names == ("background", "cell")


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "classes.txt").write_text("background\ncell\n")
    with pytest.raises(DatasetError, match="there are no splits, expected folders such as images/train"):
        dataset.open_folder(tmp_path)


def test_a_split_that_is_missing_is_refused_with_those_that_are_there(root):
    with pytest.raises(DatasetError, match="there is no such split, expected one of train, val"):
        dataset.open_folder(root).samples("test")


def test_an_empty_split_is_refused_when_it_is_wanted(root):
    (root / "images" / "test").mkdir()
    with pytest.raises(DatasetError, match="the split is empty"):
        dataset.open_folder(root).samples("test")


def test_a_folder_without_fault_has_counts_and_frequencies(root):
    mask = mask_of_two_classes()
    mask[0] = 255
    write(root / "masks" / "val" / "b.png", mask)
    report = dataset.check_folder(dataset.open_folder(root), quiet=True)
    assert report.faults == report.warnings == ()
    assert report.images == {"train": 2, "val": 1}
    assert report.class_pixels == {"train": (48, 48), "val": (20, 20)}
    assert report.ignored_pixels == {"train": 0, "val": 8}
    assert report.class_frequencies("val") == (0.5, 0.5)
    assert report.ignored_share("val") == pytest.approx(8 / 48)
    report.raise_on_faults()


def test_a_missing_mask_is_a_fault(root):
    (root / "masks" / "train" / "a2.png").unlink()
    assert faults(root) == (f"{root}/images/train/a2.png: has no mask, expected masks/train/a2.png",)


def test_a_mask_without_image_is_a_fault(root):
    (root / "images" / "train" / "a2.png").unlink()
    assert faults(root) == (f"{root}/masks/train/a2.png: has no image, expected images/train/a2.jpg or .png",)


def test_a_mask_of_another_size_is_a_fault(root):
    write(root / "masks" / "val" / "b.png", mask_of_two_classes((8, 8)))
    assert faults(root) == (f"{root}/masks/val/b.png: is 8x8 (width x height), expected 8x6 as its image",)


def test_a_mask_must_lie_as_its_picture_is_looked_at(root):
    data = cv2.imencode(".jpg", image(9))[1].tobytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 274, 3, 1, 6, 0, 0)
    (root / "images" / "val" / "b.png").unlink()
    (root / "images" / "val" / "b.jpg").write_bytes(
        data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    )
    assert faults(root) == (f"{root}/masks/val/b.png: is 8x6 (width x height), expected 6x8 as its image",)
    write(root / "masks" / "val" / "b.png", mask_of_two_classes((8, 6)))
    assert faults(root) == ()


def test_class_ids_out_of_range_are_named_and_counted(root):
    mask = mask_of_two_classes()
    mask[0, :3] = 2
    mask[1, 0] = 254
    write(root / "masks" / "val" / "b.png", mask)
    assert faults(root) == (
        f"{root}/masks/val/b.png: class ids out of range: 2 (on 3 px), 254 (on 1 px); expected 0..1 or 255 (ignore)",
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (np.zeros((*SIZE_HW, 3), np.uint8), "has three channels (RGB), expected one channel of class ids"),
        (np.zeros(SIZE_HW, np.uint16), "has 16 bits, expected 8"),
    ],
)
def test_a_mask_with_colours_or_16_bits_is_a_fault(root, content, reason):
    write(root / "masks" / "val" / "b.png", content)
    assert faults(root) == (f"{root}/masks/val/b.png: {reason}",)


@pytest.mark.parametrize("kind", ["images", "masks"])
@pytest.mark.parametrize("content", [b"", b"text", "half"])
def test_an_unreadable_file_is_a_fault_without_a_word_on_stderr(root, capfd, kind, content):
    path = root / kind / "val" / "b.png"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if content == "half" else content)
    (fault,) = faults(root)
    assert fault.startswith(f"{path}: ")
    assert capfd.readouterr().err == ""


def test_a_file_among_the_masks_that_is_no_png_is_a_fault(root):
    (root / "masks" / "val" / "b.bmp").touch()
    assert faults(root) == (f"{root}/masks/val/b.bmp: is not a mask, expected a .png file",)


def test_an_empty_split_is_a_fault(root):
    (root / "images" / "test").mkdir()
    assert faults(root) == (f"{root}/images/test: the split is empty, expected .jpg, .jpeg or .png files",)


def test_two_images_of_one_name_are_a_fault(root):
    write(root / "images" / "val" / "b.jpg", image(7))
    assert faults(root) == (f"{root}/images/val/b.png: has the same name as b.jpg, expected one image a mask",)


def test_every_fault_is_named_and_not_only_the_first(root):
    (root / "masks" / "train" / "a2.png").unlink()
    (root / "images" / "train" / "a10.png").write_bytes(b"")
    write(root / "masks" / "val" / "b.png", mask_of_two_classes((8, 8)))
    with pytest.raises(DatasetError, match="has 3 faults") as caught:
        dataset.check_folder(dataset.open_folder(root), quiet=True).raise_on_faults()
    assert [fault.partition(": ")[0].removeprefix(f"{root}/") for fault in caught.value.faults] == [
        "images/train/a2.png",
        "images/train/a10.png",
        "masks/val/b.png",
    ]


def test_only_the_splits_asked_for_are_checked(root):
    (root / "masks" / "train" / "a2.png").unlink()
    assert faults(root, ["val"]) == ()


def test_checking_a_split_that_is_missing_is_refused(root):
    with pytest.raises(DatasetError, match="there is no such split"):
        faults(root, ["test"])


def test_a_class_that_never_occurs_is_a_warning(root):
    (root / "classes.txt").write_text("background\ncell\nstain\n")
    report = dataset.check_folder(dataset.open_folder(root), ["val"], quiet=True)
    assert report.faults == ()
    assert report.warnings == (f"{root}/masks/val: class 2 (stain) never occurs",)


def test_the_same_picture_in_two_splits_is_a_warning(root):
    data = (root / "images" / "train" / "a2.png").read_bytes()
    (root / "images" / "val" / "b.png").write_bytes(data)
    report = dataset.check_folder(dataset.open_folder(root), quiet=True)
    assert report.faults == ()
    assert report.warnings == (
        (
            f"{root}/images/val/b.png: is the same file as {root}/images/train/a2.png; "
            "a picture in two splits spoils the measure"
        ),
    )


def test_a_file_of_another_kind_is_a_warning(root):
    (root / "images" / "val" / "b.bmp").touch()
    (root / "images" / "val" / ".hidden").touch()
    report = dataset.check_folder(dataset.open_folder(root), quiet=True)
    assert report.warnings == (f"{root}/images/val/b.bmp: is not used, expected a file with .jpeg, .jpg, .png",)


def test_data_check_prints_the_table(root, capsys):
    assert main(["data", "check", str(root), "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["data", "check", str(root)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "class                   train     val",
        "0 background           50.00%  50.00%",
        "1 cell                 50.00%  50.00%",
        "255 (ignored, of all)   0.00%   0.00%",
        "images                      2       1",
    ]


def test_data_check_ends_with_faults_and_two_lines_and_exit_code_1(root, capsys):
    (root / "masks" / "val" / "b.png").unlink()
    assert main(["data", "check", str(root), "--quiet"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"  {root}/images/val/b.png: has no mask, expected masks/val/b.png",
        f"error: {root}: the data folder has 1 fault, listed above",
        "hint: mend or remove the files named, then run: fcn-edge data check",
    ]


def test_data_check_of_a_path_that_does_not_exist_is_exit_code_2(tmp_path, capsys):
    assert main(["data", "check", str(tmp_path / "nowhere")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_data_check_writes_json_even_when_there_are_faults(root, tmp_path):
    (root / "masks" / "val" / "b.png").unlink()
    report = tmp_path / "report.json"
    assert main(["data", "check", str(root), "--split", "val", "--json", str(report)]) == 1
    assert '"class_pixels"' in report.read_text()
    assert "has no mask" in report.read_text()


@pytest.mark.shared
@pytest.mark.parametrize(("pack", "pairs"), [("nuclei", 571), ("people_ccp", 903), ("camvid", 468)])
def test_the_shared_packs_have_no_fault_and_are_checked_in_seconds(pack, pairs):
    root = Path(__file__).parents[2] / "shared" / "data" / pack
    if not root.is_dir():
        pytest.skip(f"{root} is not there")
    started = time.process_time()
    report = dataset.check_folder(dataset.open_folder(root), quiet=True)
    # 2 s for the largest. Processor time, since the clock on the wall also counts what else the machine is doing.
    assert time.process_time() - started < 20
    assert report.faults == ()
    assert sum(report.images.values()) == pairs
