"""The blocks of a comparison's ``layers`` key: where an int8 file is lost, the proof, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fcn_edge.measure.report.block import Block, Heading, Note, Notes, Table
from fcn_edge.measure.wording import NONE, as_sentence, percent

# A network has up to a hundred; what matters are the first.
_MOST_LAYERS = 8
_VERDICTS = {
    "healthy": "Healthy",
    "calibration": "Calibration",
    "layers": "Guilty layers",
    "spread": "Spread over layers",
    "unfollowed": "Not followed",
}
_NAMES = {
    "saturation": "Cut off",
    "unused_range": "Unused range",
    "channel_outlier": "One large channel",
    "value_outlier": "Few large values",
    "weight_outlier": "Large weights",
    "shared_scale": "Shared scale",
    "border": "Border layer",
    "leave_float": "Leave in float",
}


def layers_blocks(content: Mapping[str, Any]) -> Iterator[Block]:
    """Make the blocks of all diagnosed files of a comparison; none where it was made without ``--layers``."""
    for found in content.get("layers") or ():
        yield Heading(f"Layers of {found['candidate']}")
        notes = tuple(
            Note(_NAMES.get(finding["kind"], finding["kind"]), f"{finding['seen']}.", as_sentence(finding["advice"]))
            for finding in found["findings"]
        )
        verdict = Note(_VERDICTS.get(found["verdict"], found["verdict"]), f"{found['text']}.")
        yield Notes("What was found, and what to do about it", (verdict, *notes))
        if found["layers"]:
            yield _layers(found)
        if found["trials"]:
            yield _trials(found)


def _layers(found: Mapping[str, Any]) -> Table:
    ranked = sorted(found["layers"], key=lambda layer: float(layer["drop_db"]), reverse=True)[:_MOST_LAYERS]
    rows = tuple(
        (
            layer["name"],
            f"{layer['sqnr_db']:.1f}",
            # Rounded, a gain of next to nothing is no minus nothing.
            f"{round(layer['drop_db'], 1) + 0.0:.1f}",
            f"{layer['channel_db']:.1f}",
            NONE if layer["low"] is None else f"{layer['low']:.3g} to {layer['high']:.3g}",
            percent(layer["saturated"]),
            percent(layer["macs_share"]),
        )
        for layer in ranked
    )
    head = ("layer", "SQNR dB", "drop dB", "channel dB", "integers reach", "outside %", "MACs %")
    shown = f"{len(rows)} of {len(found['layers'])} layers"
    caption = f"The largest drops of signal to noise against a layer's own inputs, {shown}; channel is the median one"
    return Table(head, rows, "lrrrrrr", caption)


def _trials(found: Mapping[str, Any]) -> Table:
    rows = [("none", *_output(found["anew"]), NONE, percent(0.0))] if found["anew"] else []
    rows += [
        (", ".join(trial["layers"]), *_output(trial["output"]), percent(trial["won"]), percent(trial["macs_share"]))
        for trial in found["trials"]
    ]
    head = ("left in float", "SQNR dB", "agreement %", "mIoU %", "noise gone %", "MACs in float %")
    return Table(head, tuple(rows), "trrrrr", "Quantised anew with layers left in float; MACs are multiply-adds")


def _output(output: Mapping[str, Any]) -> tuple[str, str, str]:
    level = output["sqnr_db"]
    return NONE if level is None else f"{level:.1f}", percent(output["agreement"]), percent(output["miou"])
