"""What bringing another layout into a data folder needs: writing it whole, and refusing it with every fault named."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge.atomic import replacing_folder
from fcn_edge.dataset.folder import SUFFIXES, read_class_names, reason_against_names
from fcn_edge.errors import DatasetError
from fcn_edge.image_file import decode_image, encode_png


@dataclass(slots=True)
class FolderWriter:
    """A data folder in the making. Nothing of it is seen under its own name before it is whole.

    Attributes:
        source: What is read, for messages.
        part: The temporary folder that files go to.
        faults: What cannot be read, one line each; any of them keeps the folder from being made.
    """

    source: Path
    part: Path
    faults: list[str] = field(default_factory=list)

    def add(self, split: str, sample_id: str, image: tuple[bytes, Path], mask: NDArray[np.uint8]) -> None:
        """Write one picture and its mask.

        A JPEG or PNG file is copied byte for byte; any other format becomes a PNG by the rule of
        :func:`fcn_edge.image_file.read_image`.

        Args:
            split: Name of the split.
            sample_id: Stem of both files.
            image: The image file's bytes and its path.
            mask: Class ids, ``(H, W)`` uint8.
        """
        data, path = image
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            data, suffix = encode_png(decode_image(data, path)), ".png"
        for file, content in (
            (self.part / "images" / split / f"{sample_id}{suffix}", data),
            (self.part / "masks" / split / f"{sample_id}.png", encode_png(mask)),
        ):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


@contextlib.contextmanager
def writing_folder(
    out: Path, *, source: Path, class_names: Sequence[str], splits: Sequence[str]
) -> Iterator[FolderWriter]:
    """Give a writer for *splits* of the data folder *out*; put it in place when the block ends without a fault.

    Args:
        out: May exist with other splits of the same classes.
        source: What is read, for messages.
        class_names: Names in id order, background first.
        splits: What will be written.

    Raises:
        DatasetError: *out* holds one of the splits or other classes already, or the block found faults.
        OutputError: *out* cannot be written.
    """
    names = tuple(class_names)
    _refuse_unfit_names(source, names)
    _refuse_occupied(out, names, splits)
    with replacing_folder(out) as part:
        writer = FolderWriter(source, part)
        (part / "classes.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        yield writer
        if writer.faults:
            what = "1 fault" if len(writer.faults) == 1 else f"{len(writer.faults)} faults"
            raise DatasetError(
                f"{source}: has {what}, listed above; nothing was written",
                hint="mend or remove what is named, then try again",
                faults=writer.faults,
            )


def _refuse_unfit_names(source: Path, names: tuple[str, ...]) -> None:
    reason = reason_against_names(names)
    if reason:
        raise DatasetError(f"{source}: {reason}", hint="name the classes with --classes, without the background")


def _refuse_occupied(out: Path, names: tuple[str, ...], splits: Sequence[str]) -> None:
    if (out / "classes.txt").exists() and (there := read_class_names(out / "classes.txt")) != names:
        raise DatasetError(
            f"{out / 'classes.txt'}: has the classes {', '.join(there)}, expected {', '.join(names)}",
            hint="choose another folder for the output, or the same classes in the same order",
        )
    for folder in (out / kind / split for kind in ("images", "masks") for split in splits):
        if folder.is_dir() and any(folder.iterdir()):
            raise DatasetError(
                f"{folder}: holds files already, expected an empty or new folder",
                hint="choose another folder for the output, or remove this one",
            )
