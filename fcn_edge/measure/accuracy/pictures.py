"""Difference pictures: where a candidate says something else than the reference."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.atomic import write_bytes
from fcn_edge.card import ClassSpec
from fcn_edge.dataset import Sample, read_mask
from fcn_edge.image_file import read_image
from fcn_edge.measure.accuracy.result import AgreementReport
from fcn_edge.overlay import colorize

Image = NDArray[np.uint8]
Labels = NDArray[np.uint8]

# The longer side of a panel: four of them are legible on a page and small enough to embed.
PANEL_PX = 288
GAP_PX = 6
CAPTION_PX = 24
TEXT_SCALE = 0.45

# Strong against photographs, grey pictures and our class colours alike (BGR).
DIFFERENCE_BGR = (255, 0, 255)
TRUTH_BGR = (60, 230, 60)
PAPER_BGR = (250, 250, 250)
INK_BGR = (40, 40, 40)


def difference_picture(
    image_bgr: Image,
    reference: Labels,
    candidate: Labels,
    classes: Sequence[ClassSpec],
    *,
    truth: Labels | None = None,
    title: str = "",
    names: tuple[str, str] = ("reference", "candidate"),
) -> Image:
    """Put four panels side by side: image, what the reference says, what the candidate says, where they differ.

    Args:
        image_bgr: ``(H, W, 3)`` uint8, BGR.
        reference: Class ids, ``(H, W)`` uint8.
        candidate: Class ids, ``(H, W)`` uint8.
        classes: Names and colours in id order.
        truth: Class ids, ``(H, W)`` uint8; its outlines are drawn on the image.
        title: One line above.
        names: Captions of the reference's and the candidate's panel.

    Returns:
        ``(h, w, 3)`` uint8, BGR; the longer side of each panel is 288 pixels.
    """
    differs = reference != candidate
    share = float(differs.mean())
    panels = [
        (_outlined(image_bgr, truth), "image" if truth is None else "image, true outline"),
        (_panel(colorize(reference, classes), nearest=True), names[0]),
        (_panel(colorize(candidate, classes), nearest=True), names[1]),
        (_differences(image_bgr, differs), f"differs: {100 * share:.2f} % of pixels"),
    ]
    row = _side_by_side([_captioned(panel, caption) for panel, caption in panels])
    legend = [("differs", DIFFERENCE_BGR)] + ([("true outline", TRUTH_BGR)] if truth is not None else [])
    used = np.union1d(reference, candidate).tolist()
    legend += [(classes[i].name, classes[i].color_rgb[::-1]) for i in used if i < len(classes)]
    return np.vstack([_title(title, row.shape[1]), row, _legend(legend, row.shape[1])])


def write_pictures(
    report: AgreementReport,
    labels_of: Callable[[int], tuple[Labels, Labels]],
    samples: Sequence[Sample],
    classes: Sequence[ClassSpec],
    folder: Path,
) -> AgreementReport:
    """Write a difference picture of each of the worst images and note its path in the report.

    An image that is among the worst more than once has one picture.

    Args:
        report: Names the worst images, over all and by class.
        labels_of: Gives what reference and candidate say of the sample of an index.
        samples: Of the data folder, by index.
        classes: Names and colours in id order.
        folder: Where to.

    Raises:
        OutputError: A picture cannot be written.
    """
    named = [(sample.sample_id, f"{rank:02d}") for rank, sample in enumerate(report.worst, start=1)]
    for loss in report.worst_by_class:
        named += [(s.sample_id, f"{loss.class_name}-{rank:02d}") for rank, s in enumerate(loss.images, start=1)]
    index_of = {sample.sample_id: index for index, sample in enumerate(samples)}
    paths: dict[str, Path] = {}
    for sample_id, place in named:
        if sample_id not in paths:
            index = index_of[sample_id]
            picture = _picture_of(report, samples[index], labels_of(index), classes)
            paths[sample_id] = folder / re.sub(r"[^\w.-]+", "_", f"{report.candidate}-{place}-{sample_id}.png")
            png = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
            write_bytes(paths[sample_id], png.tobytes())
    return dataclasses.replace(
        report,
        worst=tuple(dataclasses.replace(s, picture=paths[s.sample_id]) for s in report.worst),
        worst_by_class=tuple(
            dataclasses.replace(
                loss, images=tuple(dataclasses.replace(s, picture=paths[s.sample_id]) for s in loss.images)
            )
            for loss in report.worst_by_class
        ),
    )


def _picture_of(
    report: AgreementReport, sample: Sample, labels: tuple[Labels, Labels], classes: Sequence[ClassSpec]
) -> Image:
    return difference_picture(
        read_image(sample.image_path),
        *labels,
        classes,
        truth=None if sample.mask_path is None else read_mask(sample.mask_path),
        title=f"{sample.sample_id}: {report.candidate} against {report.reference}",
        names=(report.reference, report.candidate),
    )


def _outlined(image_bgr: Image, truth: Labels | None) -> Image:
    panel = _panel(image_bgr)
    if truth is None:
        return panel
    large = _panel(truth, nearest=True)
    edge = cv2.morphologyEx(large, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0
    panel[edge] = TRUTH_BGR
    return panel


def _differences(image_bgr: Image, differs: NDArray[np.bool_]) -> Image:
    """Give the image, faint and grey, with the differing pixels in the strong colour."""
    grey = cv2.cvtColor(_panel(image_bgr), cv2.COLOR_BGR2GRAY)
    faint = cv2.cvtColor((grey * 0.5 + 60).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    # Shrinking by nearest pixel would lose thin differences, which are most of them: any differing pixel counts.
    scale = faint.shape[0] / differs.shape[0]
    grown = differs.astype(np.uint8)
    if scale < 1:
        width = int(np.ceil(1 / scale))
        grown = cv2.dilate(grown, np.ones((width, width), np.uint8)).astype(np.uint8)
    faint[_panel(grown, nearest=True) > 0] = DIFFERENCE_BGR
    return faint.astype(np.uint8)


def _panel(pixels: Image, *, nearest: bool = False) -> Image:
    height, width = pixels.shape[:2]
    scale = PANEL_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST_EXACT if nearest else smooth)
    return np.array(resized, dtype=np.uint8)


def _captioned(panel: Image, caption: str) -> Image:
    strip = np.full((CAPTION_PX, panel.shape[1], 3), PAPER_BGR, np.uint8)
    _write(strip, caption, 2)
    return np.vstack([strip, panel])


def _side_by_side(panels: Sequence[Image]) -> Image:
    gap = np.full((panels[0].shape[0], GAP_PX, 3), PAPER_BGR, np.uint8)
    parts = [part for panel in panels for part in (gap, panel)]
    return np.hstack([*parts, gap])


def _title(text: str, width: int) -> Image:
    strip = np.full((CAPTION_PX + 4, width, 3), PAPER_BGR, np.uint8)
    _write(strip, text, GAP_PX, scale=TEXT_SCALE * 1.15)
    return strip


def _legend(entries: Sequence[tuple[str, tuple[int, ...]]], width: int) -> Image:
    """Draw a colour square and a name for each entry, in as many lines as it takes."""
    lines: list[list[tuple[str, tuple[int, ...], int]]] = [[]]
    x = GAP_PX
    for name, color in entries:
        needed = 18 + _text_width(name, TEXT_SCALE) + 16
        if lines[-1] and x + needed > width:
            lines.append([])
            x = GAP_PX
        lines[-1].append((name, color, x))
        x += needed
    strips = []
    for line in lines:
        strip = np.full((CAPTION_PX, width, 3), PAPER_BGR, np.uint8)
        for name, color, left in line:
            cv2.rectangle(strip, (left, 6), (left + 12, 18), color, cv2.FILLED)
            cv2.rectangle(strip, (left, 6), (left + 12, 18), INK_BGR, 1)
            _write(strip, name, left + 18)
        strips.append(strip)
    return np.vstack(strips)


def _write(strip: Image, text: str, left: int, *, scale: float = TEXT_SCALE) -> None:
    """Write one line, shortened in the middle where it does not fit."""
    shown = text
    while len(shown) > 3 and _text_width(shown, scale) > strip.shape[1] - left:  # noqa: PLR2004 - room for the dots
        half = (len(shown) - 3) // 2
        shown = f"{text[:half]}..{text[-half:]}" if half else shown[:1]
    cv2.putText(strip, shown, (left, 16), cv2.FONT_HERSHEY_SIMPLEX, scale, INK_BGR, 1, cv2.LINE_AA)


def _text_width(text: str, scale: float) -> int:
    return int(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0])
