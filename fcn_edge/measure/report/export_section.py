"""The section of an export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fcn_edge.measure.report.block import Block, Facts, Paragraph, Section, Table, Verdict
from fcn_edge.measure.report.environment_block import environment_facts
from fcn_edge.measure.report.result_file import ResultFile
from fcn_edge.measure.wording import NONE, drop_sentence, percent, points, size


def export_section(result: ResultFile) -> Section:
    """Make the section; missing keys raise KeyError or TypeError."""
    content = result.content
    blocks: list[Block] = [
        Paragraph(
            "Every rung below was checked on real images before a file got its name. Signal to noise is of the "
            "scores, in decibel; agreement is the share of pixels that get the same class."
        ),
        _files(content),
    ]
    if content.get("ladder"):
        blocks.append(_ladder(content))
    blocks.extend(_folding(content["folding"]))
    blocks.extend(Paragraph(f"Warning: {warning}") for warning in content.get("warnings") or ())
    blocks.append(_facts(content))
    tools = {"env": {"packages": content.get("tools") or {}}}
    blocks.append(environment_facts(tools))
    title = f"Export of {content['name']}" if "name" in content else "Export"
    return Section(title, result.path.name, _verdicts(content), tuple(blocks))


def _verdicts(content: Mapping[str, Any]) -> tuple[Verdict, ...]:
    limit = content.get("max_drop")
    verdicts = []
    for file in content["files"]:
        if file["precision"] != "int8":
            continue
        drop = file.get("miou_drop")
        text = f"{file['path']} gives {percent(file['parity']['agreement'])} % of pixels the same class as Keras"
        if drop is not None:
            text = f"{file['path']} {drop_sentence(drop)} against Keras"
        if not file["float_ops"]:
            text += "; nothing in it runs in float"
        bad = drop is not None and limit is not None and drop > limit
        verdicts.append(Verdict(f"{text}.", "bad" if bad else "good"))
    folding = content["folding"]
    if folding["applied"] and folding["macs_after"] < folding["macs_before"]:
        times = folding["macs_before"] / folding["macs_after"]
        saved = f"{_millions(folding['macs_before'])} → {_millions(folding['macs_after'])} million multiply-adds"
        verdicts.append(Verdict(f"Folding makes the model {times:.1f} times lighter: {saved} an image.", "good"))
    return tuple(verdicts)


def _files(content: Mapping[str, Any]) -> Table:
    rows = [
        (
            file["path"],
            size(file["bytes"]),
            percent(file["parity"]["agreement"]),
            _decibel(file["parity"].get("sqnr_db")),
            percent(file.get("miou")),
            points(file.get("miou_drop")),
            str(file["float_ops"]),
        )
        for file in content["files"]
    ]
    head = ("file", "size", "agreement %", "S/N dB", "mIoU %", "points", "float ops")
    return Table(head, tuple(rows), "lrrrrrr", "Files")


def _ladder(content: Mapping[str, Any]) -> Table:
    rows = []
    for rung in content["ladder"]:
        parity = rung["parity"]
        rows.append(
            (
                rung["name"],
                rung["against"],
                f"{percent(parity['agreement'])} (≥ {percent(rung['min_agreement'])})",
                _limited(_scientific(parity.get("max_diff")), "≤", _scientific(rung.get("max_diff"))),
                _limited(_decibel(parity.get("sqnr_db")), "≥", _decibel(rung.get("min_sqnr_db"))),
                rung.get("reason", ""),
            )
        )
    head = ("rung", "against", "agreement %", "largest difference", "S/N dB", "why this limit")
    return Table(head, tuple(rows), "llrrrt", "The ladder: found, and the limit in brackets", detail=True)


def _folding(folding: Mapping[str, Any]) -> list[Block]:
    """Tell how each folded region is computed now."""
    rows = []
    for region in folding.get("regions") or ():
        for step in region["steps"] if region["applied"] else ():
            how = " + ".join(_term(term) for term in step["terms"]) or "as it was"
            constant = {"map": " + a constant map", "bias": " + a bias"}.get(step["constant"], "")
            rows.append((step["target"], f"{how}{constant}", _millions(step["macs"])))
    if not rows:
        return []
    head = ("result of layer", "computed as", "million multiply-adds")
    return [Table(head, tuple(rows), "ltr", "Folded: linear layers computed as one sum", detail=True)]


def _term(term: Mapping[str, Any]) -> str:
    source = term["source"]
    if term["form"] == "identity":
        return str(source)
    kernel, up = "x".join(map(str, term["kernel"])), max(term["upsampling"])
    strips = f", {term['border_strips']} border corrections" if term["border_strips"] else ""
    channels = f"{term['channels'][0]}→{term['channels'][1]} channels"
    finer = f", {up} times finer" if up > 1 else ""
    return f"{source} ({term['form']} {kernel}, {channels}{finer}{strips})"


def _facts(content: Mapping[str, Any]) -> Facts:
    pairs = []
    source = content.get("source")
    if source:
        pairs.append(("source", str(source["path"])))
        pairs.append(("input", "{}x{} (height x width)".format(*source["input_size_hw"])))
        pairs.append(("head", str(source["head"])))
    calibration = content.get("calibration")
    if calibration:
        spread = ", ".join(f"{name} in {count}" for name, count in (calibration.get("class_images") or {}).items())
        used = f"{calibration['count']} images of split {calibration['split']}, seed {calibration['seed']}"
        values = f"values {calibration['low']}..{calibration['high']}"
        pairs.append(("calibrated on", "; ".join(part for part in (used, spread, values) if part)))
    if content.get("keras_miou") is not None:
        pairs.append(("mIoU of Keras", f"{percent(content['keras_miou'])} % on split {content['split']}"))
    if content.get("seconds") is not None:
        pairs.append(("took", f"{content['seconds']:.0f} s"))
    return Facts(tuple(pairs))


def _limited(found: str, sign: str, limit: str) -> str:
    return found if limit == NONE else f"{found} ({sign} {limit})"


def _decibel(value: float | None) -> str:
    return NONE if value is None else f"{value:.1f}"


def _scientific(value: float | None) -> str:
    return NONE if value is None else f"{value:.1e}"


def _millions(count: int) -> str:
    return f"{count / 1e6:,.1f}"
