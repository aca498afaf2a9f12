"""Ranges of activations for int8, from calibration images: all of what was seen, or without what is rare.

A wider range loses nothing at its ends and is coarser everywhere. Which of the two costs more depends on the model:
Nagel et al., "A White Paper on Neural Network Quantization" (arXiv:2106.08295), section 2.3 (min-max, mean squared
error); percentiles as in Wu et al., "Integer Quantization for Deep Learning Inference" (arXiv:2004.09602), section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Method = Literal["min-max", "percentile", "mse"]
METHODS: tuple[Method, ...] = ("min-max", "percentile", "mse")

# Share of the values that a percentile keeps, half of the rest cut off at each end.
KEPT = 0.9999
_BINS = 2048
_STEPS = 255
# How much of each side the search tries to cut off.
_CUTS = np.linspace(0, 0.6, 25)

Arrays = Mapping[str, NDArray[np.floating]]
Range = tuple[float, float]


def find_ranges(passes: Callable[[], Iterable[Arrays]], method: Method) -> dict[str, Range]:
    """Find the range of each tensor.

    Args:
        passes: Gives the tensors by name for one image after the other; called twice, which takes no memory, where a
            single pass would have to keep all values.
        method: How.

    Returns:
        Lowest and highest value by name; a range holds 0, as integers need it.
    """
    spans: dict[str, Range] = {}
    for arrays in passes():
        for name, values in arrays.items():
            low, high = spans.get(name, (0.0, 0.0))
            spans[name] = min(low, float(values.min())), max(high, float(values.max()))
    if method == "min-max":
        return spans
    counts = {name: np.zeros(_BINS, np.int64) for name in spans}
    for arrays in passes():
        for name, values in arrays.items():
            counts[name] += np.histogram(values, _BINS, _open(spans[name]))[0]
    narrow = _percentile if method == "percentile" else _least_error
    return {name: narrow(counts[name], _open(span)) for name, span in spans.items()}


def _open(span: Range) -> Range:
    return span if span[1] > span[0] else (span[0], span[0] + 1e-6)


def _percentile(counts: NDArray[np.int64], span: Range) -> Range:
    edges = np.linspace(*span, _BINS + 1)
    share = np.cumsum(counts) / max(1, counts.sum())
    rest = (1 - KEPT) / 2
    low = edges[np.searchsorted(share, rest, side="right")]
    high = edges[min(_BINS, int(np.searchsorted(share, 1 - rest)) + 1)]
    return min(0.0, float(low)), max(0.0, float(high))


def _least_error(counts: NDArray[np.int64], span: Range) -> Range:
    """Search both ends for the least mean squared error of 256 steps, values outside being cut off."""
    edges = np.linspace(*span, _BINS + 1)
    values = (edges[1:] + edges[:-1]) / 2
    best, least = span, np.inf
    for cut_low in _CUTS if span[0] < 0 else (0.0,):
        for cut_high in _CUTS if span[1] > 0 else (0.0,):
            low, high = span[0] * (1 - cut_low), span[1] * (1 - cut_high)
            step = max((high - low) / _STEPS, 1e-12)
            inside = np.clip(values, low, high)
            # Of values inside, rounding loses a twelfth of the step squared.
            error = float((counts * (np.square(values - inside) + step**2 / 12)).sum())
            if error < least:
                best, least = (low, high), error
    return best
