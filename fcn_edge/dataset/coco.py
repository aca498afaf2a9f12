"""From COCO instance annotations (one JSON file and a folder of images) to a split of a data folder.

Every object's region becomes pixels of its category's class id. Larger regions are drawn first, so that small objects
stay visible where regions overlap; crowd regions become 255 (ignore), since their borders are not drawn per object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn_edge.dataset.adapter import FolderWriter, writing_folder
from fcn_edge.dataset.folder import DataFolder, open_folder
from fcn_edge.dataset.region import draw_regions
from fcn_edge.errors import DatasetError, FcnEdgeError, UsageError
from fcn_edge.image_file import read_file, size_of
from fcn_edge.progress import track

BACKGROUND = "background"
_JSON_HINT = "give a COCO instance file: JSON with images, annotations and categories"


@dataclass(frozen=True, slots=True)
class _Annotations:
    """A COCO file, looked up by image."""

    path: Path
    images: tuple[Mapping[str, Any], ...]
    regions: Mapping[int, tuple[Mapping[str, Any], ...]]
    class_names: tuple[str, ...]
    class_ids: Mapping[int, int]


def convert_coco(
    annotations: Path | str,
    images: Path | str,
    out: Path | str,
    *,
    split: str,
    classes: Sequence[str] | None = None,
    quiet: bool = False,
) -> DataFolder:
    """Write the images of a COCO file and their masks as one split of the data folder *out*.

    Args:
        annotations: The JSON file. Polygons, RLE and compressed RLE are read.
        images: The folder that its ``file_name`` entries are in.
        out: The data folder to make, or to add the split to.
        split: Name of the split, such as ``train``.
        classes: Categories to take, which get the ids 1, 2, … in this order; the rest becomes background. By default
            all, in the order of their ids. A category named ``background`` gets id 0.
        quiet: Show no progress.

    Raises:
        UsageError: A path does not exist, or a class is not a category.
        DatasetError: The JSON, an annotation or an image cannot be read (all are named), or *out* is occupied.
        MissingPackageError: There are polygons, and pycocotools is not installed.
        OutputError: *out* cannot be written.
    """
    images, out = Path(images), Path(out)
    content = _read_annotations(Path(annotations), classes)
    if not images.is_dir():
        raise UsageError(f"{images}: is not a folder, expected the images of {content.path}", hint="check --images")
    if Path(split).name != split:
        raise UsageError(f"split {split!r} is not a plain name", hint="use train, val or test")
    with writing_folder(out, source=content.path, class_names=content.class_names, splits=(split,)) as writer:
        taken: set[str] = set()
        for image in track(content.images, total=len(content.images), description="converting COCO", quiet=quiet):
            sample_id = str(Path(image["file_name"]).with_suffix("")).strip("./").replace("/", "_")
            if sample_id in taken:
                writer.faults.append(f"{image['file_name']}: a second image of this name, expected different names")
                continue
            taken.add(sample_id)
            _convert(writer, content, image, images / image["file_name"], (split, sample_id))
    return open_folder(out)


def _convert(
    writer: FolderWriter, content: _Annotations, image: Mapping[str, Any], path: Path, target: tuple[str, str]
) -> None:
    try:
        data = read_file(path)
        size_hw = size_of(data, path)
    except FcnEdgeError as error:
        writer.faults.append(error.message)
        return
    expected_hw = int(image["height"]), int(image["width"])
    if size_hw != expected_hw:
        turned = " (turned by its EXIF orientation)" if size_hw == expected_hw[::-1] else ""
        writer.faults.append(
            f"{path}: is {size_hw[1]}x{size_hw[0]} (width x height){turned}, "
            f"expected {expected_hw[1]}x{expected_hw[0]} as annotated"
        )
        return
    try:
        mask = draw_regions(content.regions.get(image["id"], ()), size_hw, content.class_ids)
    except DatasetError as error:
        writer.faults.append(f"{path}: {error.message}")
    else:
        writer.add(*target, (data, path), mask)


def _read_annotations(path: Path, classes: Sequence[str] | None) -> _Annotations:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(f"{path}: does not exist", hint=_JSON_HINT) from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as JSON: {error}", hint=_JSON_HINT) from error
    try:
        categories = {int(c["id"]): str(c["name"]) for c in content["categories"]}
        images = tuple(content["images"])
        regions: dict[int, list[Mapping[str, Any]]] = {}
        for region in content["annotations"]:
            regions.setdefault(region["image_id"], []).append({**region, "category_id": int(region["category_id"])})
        for image in images:
            _ = image["id"], Path(image["file_name"]), int(image["height"]), int(image["width"])
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path}: is not a COCO instance file: {error!r}", hint=_JSON_HINT) from error
    listed = {image["id"] for image in images}
    lost = sum(len(found) for image_id, found in regions.items() if image_id not in listed)
    lost += sum(region["category_id"] not in categories for found in regions.values() for region in found)
    if lost:
        raise DatasetError(
            f"{path}: {lost} annotations name an image or a category that is not listed",
            hint="ids must have the same type everywhere; export the file again",
        )
    if not images:
        raise DatasetError(f"{path}: lists no images", hint=_JSON_HINT)
    names, ids = _classes(path, categories, classes)
    return _Annotations(path, images, {i: tuple(found) for i, found in regions.items()}, names, ids)


def _classes(
    path: Path, categories: Mapping[int, str], wanted: Sequence[str] | None
) -> tuple[tuple[str, ...], dict[int, int]]:
    in_order = [name for _, name in sorted(categories.items()) if name.lower() != BACKGROUND]
    names = list(dict.fromkeys(in_order)) if wanted is None else list(wanted)
    unknown = [name for name in names if name not in categories.values()]
    if unknown:
        raise UsageError(
            f"{path}: has no category {', '.join(unknown)}", hint=f"it has {', '.join(in_order) or 'no categories'}"
        )
    by_name = {name: index for index, name in enumerate(names, start=1)}
    ids = {category: by_name[name] for category, name in categories.items() if name in by_name}
    ids.update({category: 0 for category, name in categories.items() if name.lower() == BACKGROUND})
    return (BACKGROUND, *names), ids
