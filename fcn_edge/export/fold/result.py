"""What folding did, in words and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TermReport:
    """One term of a folded sum.

    Attributes:
        source: Layer whose map it starts from.
        form: A kind of :class:`fcn_edge.export.fold.form.Form`.
        upsampling: Output pixels for each pixel of the source (rows, columns).
        kernel: Rows and columns of the convolution.
        channels: In and out of the convolution.
        border_strips: Corrections along borders and in corners.
        macs: Multiply-adds of the convolution.
        why: What this form weighs and what the others would, in multiply-adds with memory traffic.
    """

    source: str
    form: str
    upsampling: tuple[int, int]
    kernel: tuple[int, int]
    channels: tuple[int, int]
    border_strips: int
    macs: int
    why: str


@dataclass(frozen=True, slots=True)
class StepReport:
    """One map that is computed in a region.

    Attributes:
        target: Layer whose map it is.
        form: ``sum`` of the terms, or ``layer``: left as it was.
        terms: Of the sum.
        constant: ``none``, ``bias`` (the same everywhere) or ``map``.
        macs: Multiply-adds.
    """

    target: str
    form: str
    terms: tuple[TermReport, ...]
    constant: str
    macs: int


@dataclass(frozen=True, slots=True)
class RegionReport:
    """One linear region of the model.

    Attributes:
        end: Layer whose map it ends in.
        layers: Names of its layers.
        applied: Whether anything was folded.
        macs_before: Multiply-adds of its layers as they were.
        macs_after: Multiply-adds now.
        why: Why it was folded, or left.
        steps: How it is computed now.
    """

    end: str
    layers: tuple[str, ...]
    applied: bool
    macs_before: int
    macs_after: int
    why: str
    steps: tuple[StepReport, ...]


@dataclass(frozen=True, slots=True)
class Folding:
    """A folded model.

    Attributes:
        model: Flat Keras model with the same input and output.
        regions: What was found and done.
        batch_norms: How many batch normalisations went into the convolution before them.
    """

    model: Any
    regions: tuple[RegionReport, ...]
    batch_norms: int = 0

    @property
    def applied(self) -> bool:
        """Whether anything was folded."""
        return self.batch_norms > 0 or any(region.applied for region in self.regions)
