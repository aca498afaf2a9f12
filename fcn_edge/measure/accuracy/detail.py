"""What a comparison tells beyond its figures: ruined classes, how sure the reference was, findings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# Both ends of an interval at 95 %.
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ClassSample:
    """What a candidate did to a class on one image.

    Attributes:
        sample_id: Of the data folder.
        pixels: How many more pixels the candidate gets wrong in this class, missed or invented, than the reference;
            without masks, how many it takes from or gives to the class.
        iou: Of the candidate in this class on this image; None without masks.
        reference_iou: The reference's.
        picture: Of the difference, where pictures were asked for.
    """

    sample_id: str
    pixels: int
    iou: float | None = None
    reference_iou: float | None = None
    picture: Path | None = None


@dataclass(frozen=True, slots=True)
class ClassLoss:
    """A class that a candidate ruins.

    Attributes:
        class_name: Of the data.
        drop_points: Points of IoU (0..100) it lost over the set; None without masks.
        images: Those that lost most of it, worst first.
    """

    class_name: str
    drop_points: float | None
    images: tuple[ClassSample, ...]


@dataclass(frozen=True, slots=True)
class MarginPercentiles:
    """Percentiles of the reference's margin, in the unit that :class:`MarginStats` names, to half a percent."""

    p10: float
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class MarginStats:
    """How sure the reference is of the pixels that a candidate gives another class.

    The margin of a pixel is the difference of its two largest scores; for a model with one score, the distance from
    the threshold. Where flips are near-ties, it is small at them compared with all pixels.

    Attributes:
        unit: ``logit`` or ``probability``, after what the reference gives.
        flipped: At the pixels that change their class.
        everywhere: At all pixels, taken on a grid of about 16,000 in each image.
        closer_everywhere: Share of all pixels, 0..1, whose margin is not above ``flipped.p90``: small where flips are
            near-ties, 0.9 where it makes no difference how sure the reference is.
    """

    unit: Literal["logit", "probability"]
    flipped: MarginPercentiles
    everywhere: MarginPercentiles
    closer_everywhere: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know about a comparison.

    Attributes:
        kind: Which rule found it, for programs.
        model: The variant it is about; None for the whole comparison.
        text: What, in a sentence with its figure.
        hint: What to do about it.
        severity: ``warning`` where something is likely broken, ``note`` else.
    """

    kind: str
    model: str | None
    text: str
    hint: str
    severity: Literal["warning", "note"]
