"""One model of a comparison: opened, asked for labels, its accuracy counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Activation
from fcn_edge.errors import UsageError
from fcn_edge.measure.accuracy.certainty import Certainty
from fcn_edge.measure.accuracy.margin import Scores
from fcn_edge.measure.accuracy.result import SampleAccuracy, VariantReport
from fcn_edge.measure.spec import VariantSpec, precision
from fcn_edge.metrics import (
    Counts,
    accuracy,
    boundary_counts,
    boundary_labels,
    boundary_width,
    confusion_matrix,
    intersection_over_union,
    mean_iou,
)
from fcn_edge.model_file import fingerprint, parse_name, read_card
from fcn_edge.runtime.pixels import Preprocessing
from fcn_edge.runtime.segmenter import Segmenter
from fcn_edge.runtime.tile import segment_tiled, tiled_scores
from fcn_edge.scoring import labels_from_scores


@dataclass(frozen=True, slots=True)
class TruthMap:
    """A mask, with what all models need of it: both ``(H, W)`` uint8 class ids, 255 is left out.

    Attributes:
        labels: The mask.
        edge: Its pixels near an outline, 255 elsewhere.
        edge_px: How near.
    """

    labels: NDArray[np.uint8]
    edge: NDArray[np.uint8]
    edge_px: int


def truth_map(mask: NDArray[np.uint8]) -> TruthMap:
    """Find the outlines in a mask, ``(H, W)`` uint8."""
    width = boundary_width((mask.shape[0], mask.shape[1]))
    return TruthMap(mask, boundary_labels(mask, width), width)


@dataclass(slots=True)
class Variant:
    """A model in a comparison and what was counted so far.

    Attributes:
        name: Unique in the comparison.
        path: Of the model file.
        precision: From its card or name; a ``.keras`` is fp32.
        segmenter: The open model; the caller closes it.
        activation: What its scores went through.
        counts: Pooled, rows truth, columns prediction.
        boundary: Pooled counts of boundary pixels by class: in both, in truth, in the prediction.
        samples: Counts of each image with a mask.
    """

    name: str
    path: Path
    precision: str | None
    segmenter: Segmenter
    activation: Activation
    counts: Counts = field(init=False)
    boundary: Counts = field(init=False)
    samples: list[SampleAccuracy] = field(default_factory=list)

    def __post_init__(self) -> None:
        classes = len(self.segmenter.classes)
        self.counts = np.zeros((classes, classes), np.int64)
        self.boundary = np.zeros((3, classes), np.int64)

    @property
    def format(self) -> str:
        """``tflite``, ``onnx`` or ``keras``."""
        return parse_name(self.path).format

    def labels(self, image_bgr: NDArray[np.uint8], *, tile: bool) -> NDArray[np.uint8]:
        """Segment ``(H, W, 3)`` uint8 BGR into ``(H, W)`` uint8 class ids, decided at the image's own size."""
        if tile:
            return segment_tiled(self.segmenter, image_bgr)
        return self.segmenter(image_bgr)

    def look(self, image_bgr: NDArray[np.uint8], *, tile: bool) -> tuple[NDArray[np.uint8], Scores | None]:
        """Segment as :meth:`labels` does, and give the scores that decided.

        Returns:
            Class ids, ``(H, W)`` uint8, and scores, ``(H, W, K)`` float32 in the file's own units; None where the model
            gives class ids.
        """
        if self.segmenter.backend.info.output.layout == "NHW":
            return self.labels(image_bgr, tile=tile), None
        scores = tiled_scores(self.segmenter, image_bgr) if tile else self.segmenter.scores(image_bgr)
        return labels_from_scores(scores, self.segmenter.threshold), scores

    @property
    def step(self) -> float:
        """What one unit of the scores is worth: the scale of quantised ones, else 1."""
        card = self.segmenter.card
        quantization = None if card is None else card.score_quantization
        scale = self.segmenter.backend.info.output.scale
        return scale or (1.0 if quantization is None else quantization.scale)

    def count(self, sample_id: str, truth: TruthMap, predicted: NDArray[np.uint8]) -> None:
        """Count one image with a mask; *predicted* is ``(H, W)`` uint8 class ids."""
        classes = len(self.counts)
        counts = confusion_matrix(truth.labels, predicted, classes=classes)
        self.counts += counts
        self.boundary += boundary_counts(
            truth.labels, predicted, classes=classes, width_px=truth.edge_px, true_edge=truth.edge
        )
        self.samples.append(
            SampleAccuracy(
                sample_id,
                hits=tuple(np.diagonal(counts).tolist()),
                truth=tuple(counts.sum(axis=1).tolist()),
                predicted=tuple(counts.sum(axis=0).tolist()),
            )
        )

    def report(self, class_names: Sequence[str], certainty: Certainty) -> VariantReport:
        """Sum up."""
        stats = accuracy(self.counts)
        boundary = intersection_over_union(*self.boundary)
        info = self.segmenter.backend.info
        return VariantReport(
            name=self.name,
            path=str(self.path),
            format=self.format,
            precision=self.precision,
            bytes=self.path.stat().st_size,
            runtime=f"{info.runtime} {info.version}",
            input_size_hw=self.segmenter.input_hw,
            fingerprint=fingerprint(self.path),
            images=len(self.samples),
            miou=stats.miou,
            pixel_accuracy=stats.pixel_accuracy,
            per_class_iou=dict(zip(class_names, stats.per_class_iou, strict=True)),
            confusion=tuple(tuple(row) for row in self.counts.tolist()),
            samples=tuple(self.samples),
            boundary_iou=_value(mean_iou(boundary)),
            per_class_boundary_iou=dict(zip(class_names, map(_value, boundary), strict=True)),
            miou_ci=certainty.miou(self.name),
            per_class_iou_ci={name: certainty.iou(self.name, index) for index, name in enumerate(class_names)},
        )


def open_variant(
    spec: VariantSpec,
    class_names: Sequence[str],
    *,
    threads: int = 1,
    preprocessing: Preprocessing | None = None,
    activation: Activation = "none",
) -> Variant:
    """Open a model and hold its classes against those of the data.

    A model without a card has no names; it is taken at the data's word. Only for such a model do *preprocessing* and
    *activation* count: a card says both itself.

    Raises:
        UsageError: Its classes are not those of the data.
        ModelFileError: It cannot be read.
        MissingPackageError: Its runtime is not installed.
    """
    path = spec.path
    card = read_card(path)
    if card:
        segmenter = Segmenter.open(path, backend=spec.backend, threads=threads)
    else:
        segmenter = Segmenter.open(
            path,
            backend=spec.backend,
            threads=threads,
            classes=tuple(class_names),
            preprocessing=preprocessing,
            activation=activation,
        )
    own = tuple(spec.name for spec in segmenter.classes)
    if own != tuple(class_names):
        segmenter.close()
        raise UsageError(
            f"{path}: its classes are {_listed(own)}, but those of the data are {_listed(class_names)}",
            hint="compare on data that has the model's classes in the same order, see classes.txt",
        )
    scored = segmenter.backend.info.score_activation or (card.score_activation if card else activation)
    return Variant(str(spec.name), path, precision(path), segmenter, scored)


def _listed(names: Sequence[str], most: int = 6) -> str:
    shown = ", ".join(names[:most])
    return f"{len(names)} ({shown}{', …' if len(names) > most else ''})"


def _value(iou: NDArray[np.float64] | np.float64) -> float | None:
    return None if np.isnan(iou) else float(iou)
