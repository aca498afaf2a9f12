"""A diagnosis in words and as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from fcn_edge.export.diagnosis import FloatTrial, LayerDiagnosis, OutputStats
from fcn_edge.measure.columns import align
from fcn_edge.measure.wording import NONE, percent

_WORST = 5


def describe_output(output: OutputStats) -> str:
    """Give the figures of a whole file in words."""
    parts = [] if output.sqnr_db is None else [f"{output.sqnr_db:.1f} dB signal to noise in the scores"]
    parts.append(f"{percent(output.agreement)} % of the pixels as in Keras")
    if output.miou is not None:
        parts.append(f"mIoU {output.miou:.4f}")
    return ", ".join(parts)


def verdict_sentence(found: LayerDiagnosis) -> str:
    """Say in one sentence what is at fault."""
    file, where = found.candidate, f"on {found.images} images of {found.split} it has {describe_output(found.output)}"
    if found.verdict == "healthy":
        return f"{file} is healthy: {where}; no single layer stands out"
    if found.verdict == "unfollowed":
        return f"{file}: {where}; its layers cannot be followed, so none is named"
    start = f"{file} is not healthy: {where}"
    if found.anew is not None and found.verdict == "calibration":
        return (
            f"{start}. Its calibration is at fault: the same model quantised anew on {found.calibration_images} images "
            f"has {describe_output(found.anew)}"
        )
    worst = max(found.layers, key=lambda layer: layer.drop_db)
    lost = f"Most is lost in {worst.name!r}, {worst.drop_db:.1f} dB below what goes into it"
    best = next((trial for trial in found.trials if trial.layers == found.guilty), None)
    if best is None:
        return f"{start}. {lost}, but no single layer stands out: {_best_of(found.trials)}"
    return (
        f"{start}. {lost}. Confirmed: with {_names(best.layers)} in float, {_gone(best)}, and the file has "
        f"{describe_output(best.output)}; {100 * best.macs_share:.1f} % of the multiply-adds are then in float, which "
        "devices that have integers only cannot run"
    )


def format_diagnosis(found: LayerDiagnosis) -> str:
    """Lay out a diagnosis for the terminal; no newline at the end."""
    lines = [found.text]
    ranked = sorted(found.layers, key=lambda layer: layer.drop_db, reverse=True)[:_WORST]
    if ranked:
        rows = [("layer", "SQNR dB", "drop dB", "median channel dB", "outside range %", "MACs %")]
        rows += [
            (
                layer.name,
                f"{layer.sqnr_db:.1f}",
                f"{round(layer.drop_db, 1) + 0.0:.1f}",
                f"{layer.channel_db:.1f}",
                percent(layer.saturated),
                percent(found.macs_share.get(layer.name, 0.0)),
            )
            for layer in ranked
        ]
        lines += ["", f"the {len(ranked)} largest drops of {len(found.layers)} layers followed:", align(rows)]
    if found.trials:
        lines += ["", "quantised anew with layers left in float (MACs are multiply-adds):", align(_trial_rows(found))]
    if found.findings:
        lines += ["", "what to do about it:"]
        for finding in found.findings:
            lines += [f"- {finding.seen}", f"  {finding.advice}"]
    return "\n".join(lines)


def _trial_rows(found: LayerDiagnosis) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("in float", "SQNR dB", "agreement %", "mIoU %", "noise gone %", "MACs in float %")]
    if found.anew is not None:
        rows.append(("none", _db(found.anew), percent(found.anew.agreement), percent(found.anew.miou), NONE, "0.00"))
    rows += [
        (
            ", ".join(trial.layers),
            _db(trial.output),
            percent(trial.output.agreement),
            percent(trial.output.miou),
            percent(trial.won),
            percent(trial.macs_share),
        )
        for trial in found.trials
    ]
    return rows


def _gone(trial: FloatTrial) -> str:
    what = "pixels that differed" if trial.output.sqnr_db is None else "noise in the scores"
    return f"{percent(trial.won)} % of the {what} is gone"


def _best_of(trials: Sequence[FloatTrial]) -> str:
    best = max(trials, key=lambda trial: trial.won if trial.won is not None else 0.0, default=None)
    if best is None:
        return "none can be left in float by itself; an fp16 file keeps the accuracy"
    return (
        f"at best, with {_names(best.layers)} in float, {_gone(best)}; an fp16 file keeps the accuracy, and training "
        "with quantisation in mind may bring int8 there"
    )


def _names(layers: Sequence[str]) -> str:
    return ", ".join(map(repr, layers))


def _db(output: OutputStats) -> str:
    return NONE if output.sqnr_db is None else f"{output.sqnr_db:.1f}"
