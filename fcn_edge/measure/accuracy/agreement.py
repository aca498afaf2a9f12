"""How far two models give the same classes: counted image by image, no masks needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import UsageError
from fcn_edge.measure.accuracy.result import AgreementReport, FlipStats, SampleAgreement
from fcn_edge.metrics import Counts, confusion_matrix

Labels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class WorstSample:
    """An image with little agreement, with what both models said: labels ``(H, W)`` uint8."""

    index: int
    pixel: float
    reference: Labels
    candidate: Labels


@dataclass(slots=True)
class Agreement:
    """Counts the agreement of a candidate with a reference, one image after the other.

    Attributes:
        classes: Number of classes.
        keep: How many of the worst images to keep with their labels.
        flips: Pooled counts, rows reference, columns candidate.
        pixel: Agreement on each image so far.
        worst: The worst images so far, worst first.
    """

    classes: int
    keep: int = 0
    flips: Counts = field(init=False)
    pixel: list[float] = field(init=False, default_factory=list)
    worst: list[WorstSample] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.flips = np.zeros((self.classes, self.classes), np.int64)

    def add(self, reference: Labels, candidate: Labels) -> None:
        """Count one image; both ``(H, W)`` uint8 class ids, which are kept where they are among the worst."""
        counts = confusion_matrix(reference, candidate, classes=self.classes)
        self.flips += counts
        share = float(np.trace(counts) / counts.sum())
        index = len(self.pixel)
        self.pixel.append(share)
        # An image without a single flip is not one of the worst, however few there are.
        if share < 1 and self.keep:
            self.worst.append(WorstSample(index, share, reference, candidate))
            self.worst.sort(key=lambda sample: (sample.pixel, sample.index))
            del self.worst[self.keep :]

    def report(
        self, candidate: str, reference: str, class_names: Sequence[str], sample_ids: Sequence[str]
    ) -> AgreementReport:
        """Sum up.

        Raises:
            UsageError: No image was counted.
        """
        if not self.pixel:
            raise UsageError("there is no image to compare on", hint="raise --limit, or name another split")
        samples = tuple(SampleAgreement(name, share) for name, share in zip(sample_ids, self.pixel, strict=True))
        pairs = [(a, b) for a in range(self.classes) for b in range(self.classes) if a != b and self.flips[a, b]]
        pairs.sort(key=lambda pair: -int(self.flips[pair]))
        return AgreementReport(
            candidate=candidate,
            reference=reference,
            pixel=float(np.trace(self.flips) / self.flips.sum()),
            images=len(samples),
            flips=tuple(FlipStats(class_names[a], class_names[b], int(self.flips[a, b])) for a, b in pairs),
            worst=tuple(samples[sample.index] for sample in self.worst),
            samples=samples,
        )
