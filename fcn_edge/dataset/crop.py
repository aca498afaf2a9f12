"""Cutting boxes out of a data folder into one of its own, such as the portraits in full-length pictures."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from fcn_edge.dataset.adapter import FolderWriter, writing_folder
from fcn_edge.dataset.folder import DataFolder, Sample, open_folder
from fcn_edge.dataset.mask import read_mask
from fcn_edge.errors import DatasetError, FcnEdgeError
from fcn_edge.image_file import encode_png, read_image
from fcn_edge.progress import track

COLUMNS = ("split", "id", "x0", "y0", "x1", "y1")

Box = tuple[int, int, int, int]


def crop_folder(data: Path | str, boxes: Path | str, out: Path | str, *, quiet: bool = False) -> DataFolder:
    """Write the boxes of *data* to the data folder *out*, as PNG files ``ID_LINE`` where LINE is that of the box.

    Args:
        data: A data folder.
        boxes: CSV with the columns ``split,id,x0,y0,x1,y1``: pixels of the image, x1 and y1 outside of the box. Boxes
            of splits that *data* does not have are left out.
        out: New, or with other splits of the same classes.
        quiet: Show no progress.

    Raises:
        UsageError: *data* is no folder.
        DatasetError: The table cannot be used, or pictures are missing, broken or smaller than their box (all are
            named), or *out* is occupied.
        OutputError: *out* cannot be written.
    """
    folder, boxes, out = open_folder(data), Path(boxes), Path(out)
    rows = {line: row for line, row in _read_boxes(boxes).items() if row[0] in folder.splits}
    if not rows:
        raise DatasetError(
            f"{boxes}: has no boxes of {', '.join(folder.splits)}", hint="the column split names splits of the folder"
        )
    samples = {(split, sample.sample_id): sample for split, found in folder.splits.items() for sample in found}
    splits = tuple(dict.fromkeys(split for split, _, _ in rows.values()))
    with writing_folder(out, source=boxes, class_names=folder.class_names, splits=splits) as writer:
        for line, (split, sample_id, box) in track(rows.items(), total=len(rows), description="cropping", quiet=quiet):
            sample = samples.get((split, sample_id))
            if sample is None:
                writer.faults.append(f"{boxes}: line {line}: {split} of {folder.root} has no picture {sample_id}")
            else:
                _crop(writer, split, sample, box, line)
    return open_folder(out)


def _crop(writer: FolderWriter, split: str, sample: Sample, box: Box, line: int) -> None:
    where = f"{writer.source}: line {line}"
    if sample.mask_path is None:
        writer.faults.append(f"{where}: {sample.image_path} has no mask")
        return
    try:
        image, mask = read_image(sample.image_path), read_mask(sample.mask_path)
    except FcnEdgeError as error:
        writer.faults.append(error.message)
        return
    x0, y0, x1, y1 = box
    height, width = image.shape[:2]
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height) or mask.shape != (height, width):
        writer.faults.append(f"{where}: {x0},{y0},{x1},{y1} is no box in {sample.image_path} of {width}x{height}")
        return
    png = encode_png(image[y0:y1, x0:x1])
    name = f"{sample.sample_id}_{line}"
    writer.add(split, name, (png, Path(f"{name}.png")), mask[y0:y1, x0:x1])


def _read_boxes(path: Path) -> Mapping[int, tuple[str, str, Box]]:
    """Read a table of boxes by line."""
    hint = f"give a CSV file with the columns {','.join(COLUMNS)}"
    rows: dict[int, tuple[str, str, Box]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not set(COLUMNS) <= set(reader.fieldnames or ()):
                raise DatasetError(f"{path}: has not the columns {','.join(COLUMNS)}", hint=hint)
            for row in reader:
                try:
                    x0, y0, x1, y1 = (int(row[name]) for name in COLUMNS[2:])
                except (TypeError, ValueError):
                    raise DatasetError(
                        f"{path}: line {reader.line_num} has no four whole numbers x0,y0,x1,y1", hint=hint
                    ) from None
                rows[reader.line_num] = row["split"], row["id"], (x0, y0, x1, y1)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as a table: {error}", hint=hint) from error
    return rows
