"""What is compared with what, and the bars that this project sets itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from fcn_edge.timing.intervals import RatioStats
from peers.entry import (
    ENCODER_ENTRY,
    KERAS_ENTRY,
    LITERT,
    ONNX_RUNTIME,
    OPENVINO,
    PRECISIONS,
    RUNTIMES,
    TUTORIAL_ENTRIES,
    again,
    folded,
    unfolded,
)

Verdict = Literal["met", "missed"]

OUR_INT8 = folded("int8", LITERT)


@dataclass(frozen=True, slots=True)
class Bar:
    """A limit on a comparison: at least so many times as fast, or at most so many times the time."""

    kind: Literal["at least", "at most"]
    times: float

    def judge(self, ratio: RatioStats) -> Verdict:
        """Hold a median ratio to the bar, to the two decimals that both are printed with."""
        met = speedup(ratio.ratio) >= self.times if self.kind == "at least" else round(ratio.ratio, 2) <= self.times
        return "met" if met else "missed"


@dataclass(frozen=True, slots=True)
class Matchup:
    """Two entries to compare.

    Attributes:
        key: Unique among the comparisons of a network.
        what: In words.
        candidate: Name of an entry.
        reference: Name of an entry.
        bar: None where there is none.
    """

    key: str
    what: str
    candidate: str
    reference: str
    bar: Bar | None = None


# By network, then by key of the comparison.
BARS: Mapping[str, Mapping[str, Bar]] = {
    "fcn": {
        f"fold fp32 {LITERT}": Bar("at least", 4.8),
        f"fold int8 {LITERT}": Bar("at least", 4.0),
        f"fold fp32 {ONNX_RUNTIME}": Bar("at least", 3.0),
        f"fold int8 {ONNX_RUNTIME}": Bar("at least", 6.5),
        "tutorial int8": Bar("at least", 6.5),
        "tutorial fp32": Bar("at least", 22.0),
        "openvino": Bar("at least", 4.0),
        "encoder": Bar("at most", 1.15),
    },
    "fcn11": {f"fold fp32 {LITERT}": Bar("at least", 2.8), f"fold int8 {LITERT}": Bar("at least", 2.5)},
}
_NEVER_SLOWER = {
    f"fold {precision} {runtime}": Bar("at least", 1.0) for precision in PRECISIONS for runtime in RUNTIMES
}


def speedup(ratio: float) -> float:
    """Turn a ratio of times into how many times as fast the candidate is, to two decimals."""
    return round(1 / ratio, 2)


def matchups(network: str, medians_ms: Mapping[str, float]) -> list[Matchup]:
    """List the comparisons of a network whose entries were both timed.

    Args:
        network: A name of :data:`peers.network.NETWORKS`.
        medians_ms: By name of the entry; the fastest int8 file is chosen by them.
    """
    bars = _NEVER_SLOWER if network.startswith("fcn8s") else BARS.get(network, {})
    return [
        Matchup(key, what, candidate, reference, bars.get(key))
        for key, what, candidate, reference in _pairs(medians_ms)
        if {candidate, reference} <= set(medians_ms)
    ]


def _pairs(medians_ms: Mapping[str, float]) -> Iterator[tuple[str, str, str, str]]:
    for runtime in RUNTIMES:
        for precision in PRECISIONS:
            key = f"fold {precision} {runtime}"
            what = f"folded against unfolded, {runtime} {precision}"
            yield key, what, folded(precision, runtime), unfolded(precision, runtime)
    for precision, name in reversed(TUTORIAL_ENTRIES.items()):
        yield f"tutorial {precision}", f"our int8 against the tutorials' {precision}, {LITERT}", OUR_INT8, name
    best = _fastest([folded("int8", runtime) for runtime in RUNTIMES], medians_ms)
    yield "openvino", f"our best int8 against the unfolded ONNX in {OPENVINO}", best, unfolded("fp32", OPENVINO)
    yield "encoder", f"our int8 against its encoder alone in int8, {LITERT}", OUR_INT8, ENCODER_ENTRY
    yield "keras", f"our best int8 against the {KERAS_ENTRY} model", best, KERAS_ENTRY
    yield "control", "a file against itself, the measurement's own error", again(OUR_INT8), OUR_INT8


def _fastest(names: Collection[str], medians_ms: Mapping[str, float]) -> str:
    return min(names, key=lambda name: medians_ms.get(name, float("inf")))
