"""From a folder in the layout of the Pascal VOC segmentation task to a data folder.

The layout (VOCdevkit/VOC2012; Everingham et al., IJCV 2010): ``JPEGImages/ID.jpg``, ``SegmentationClass/ID.png`` with a
palette whose indices are class ids and 255 the border (which stays ignore), ``ImageSets/Segmentation/{train,val}.txt``
with one ID a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fcn_edge.dataset.adapter import FolderWriter, writing_folder
from fcn_edge.dataset.folder import DataFolder, open_folder
from fcn_edge.dataset.mask import count_values, decode_mask, mask_faults
from fcn_edge.errors import DatasetError, FcnEdgeError, UsageError
from fcn_edge.image_file import read_file, size_of
from fcn_edge.progress import track

BACKGROUND = "background"
VOC_CLASSES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
_SPLITS = ("train", "val")
_LAYOUT_HINT = "give the folder that holds JPEGImages, SegmentationClass and ImageSets, such as VOCdevkit/VOC2012"


def convert_voc(
    source: Path | str, out: Path | str, *, classes: Sequence[str] = VOC_CLASSES, quiet: bool = False
) -> DataFolder:
    """Write the train and val lists of a VOC-style folder as the data folder *out*.

    Args:
        source: The folder that holds ``JPEGImages``.
        out: The data folder to make.
        classes: Names of ids 1, 2, …; the background is put in front.
        quiet: Show no progress.

    Raises:
        UsageError: *source* does not exist.
        DatasetError: It is not such a folder, or files of it are missing or broken (all are named), or *out* is
            occupied.
        OutputError: *out* cannot be written.
    """
    source, out = Path(source), Path(out)
    lists = _read_lists(source)
    names = (BACKGROUND, *classes)
    total = sum(len(ids) for ids in lists.values())
    with writing_folder(out, source=source, class_names=names, splits=tuple(lists)) as writer:
        pairs = ((split, sample_id) for split, ids in lists.items() for sample_id in ids)
        for split, sample_id in track(pairs, total=total, description="converting VOC", quiet=quiet):
            _convert(writer, split, sample_id, len(names))
    return open_folder(out)


def _convert(writer: FolderWriter, split: str, sample_id: str, classes: int) -> None:
    image_path = writer.source / "JPEGImages" / f"{sample_id}.jpg"
    mask_path = writer.source / "SegmentationClass" / f"{sample_id}.png"
    try:
        image = read_file(image_path)
        size_hw = size_of(image, image_path)
        mask = decode_mask(read_file(mask_path), mask_path)
    except FcnEdgeError as error:
        writer.faults.append(error.message)
        return
    faults = mask_faults(mask, mask_path, counts=count_values(mask), size_hw=size_hw, classes=classes)
    writer.faults.extend(faults)
    if not faults:
        writer.add(split, sample_id, (image, image_path), mask)


def _read_lists(source: Path) -> dict[str, tuple[str, ...]]:
    if not source.is_dir():
        what = "is a file, expected a folder" if source.exists() else "does not exist"
        raise UsageError(f"{source}: {what}", hint=_LAYOUT_HINT)
    for name in ("JPEGImages", "SegmentationClass"):
        if not (source / name).is_dir():
            raise DatasetError(f"{source / name}: does not exist, expected a VOC-style folder", hint=_LAYOUT_HINT)
    folder = source / "ImageSets" / "Segmentation"
    files = {split: folder / f"{split}.txt" for split in _SPLITS if (folder / f"{split}.txt").is_file()}
    if not files:
        raise DatasetError(f"{folder}: has neither train.txt nor val.txt, expected one ID a line", hint=_LAYOUT_HINT)
    lists = {split: _read_ids(path) for split, path in files.items()}
    for split, ids in lists.items():
        if not ids:
            raise DatasetError(f"{files[split]}: is empty, expected one ID a line", hint="remove it or fill it")
    return lists


def _read_ids(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as text: {error}", hint="save it as UTF-8") from error
    ids = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    for sample_id in ids:
        if Path(sample_id).name != sample_id:
            raise DatasetError(
                f"{path}: {sample_id!r} is not an ID, expected a file name without suffix", hint=_LAYOUT_HINT
            )
    return ids
