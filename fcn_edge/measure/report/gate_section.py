"""The section of a gate: its verdict, its checks, and what they rest on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fcn_edge.measure.gate.rule import why_undecided
from fcn_edge.measure.report.bench_blocks import ratios_table
from fcn_edge.measure.report.bench_section import bench_blocks, circumstances
from fcn_edge.measure.report.block import (
    Block,
    Facts,
    Heading,
    Note,
    Notes,
    Paragraph,
    Picture,
    Section,
    Table,
    Tone,
    Verdict,
)
from fcn_edge.measure.report.compare_section import compare_section
from fcn_edge.measure.report.environment_block import environment_facts
from fcn_edge.measure.report.picture_file import find_picture
from fcn_edge.measure.report.result_file import ResultFile
from fcn_edge.measure.wording import as_sentence, limit_of_check, percent, quantity, quantity_interval, size

_TONE: dict[str, Tone] = {"pass": "good", "fail": "bad", "inconclusive": "plain", "incomparable": "plain"}
_MARK = {"pass": "✓ pass", "fail": "✗ fail", "inconclusive": "? inconclusive", "incomparable": "? incomparable"}
_SENTENCE = {
    "pass": "The gate passes",
    "fail": "The gate fails",
    "inconclusive": "The gate decides nothing",
    "incomparable": "The gate decides nothing: the figures cannot be compared",
}
_MODES = {
    "relative": "head against base, interleaved in one run",
    "ratio": "the ratio now against the baseline's",
    "budget": "absolute times on the declared board",
    "accuracy": "accuracy only",
}


def gate_section(result: ResultFile) -> Section:
    """Make the section; missing keys raise KeyError or TypeError."""
    content = result.content
    blocks: list[Block] = [_checks(content), *_hints(content), *_worst(result), _facts(content)]
    blocks += _bench(content)
    shown = {block.path for block in blocks if isinstance(block, Picture)}
    blocks += _compare(result, shown)
    if not (content.get("bench") or content.get("compare")):
        blocks.append(environment_facts(content))
    return Section("Gate", result.path.name, _verdicts(content), tuple(blocks))


def _verdicts(content: Mapping[str, Any]) -> tuple[Verdict, ...]:
    verdict = content["verdict"]
    checks = content["checks"]
    count = f"{sum(check['verdict'] == 'pass' for check in checks)} of {len(checks)} checks pass"
    bench = content.get("bench")
    where = f", on {circumstances(bench)}; the benchmark is {bench['reliability']['verdict']}" if bench else ""
    strict = " Strict: that counts as a failure." if content.get("strict") and _TONE[verdict] == "plain" else ""
    why = f": {'; '.join(_causes(checks))}" if verdict == "inconclusive" else ""
    verdicts = [
        Verdict(f"{_SENTENCE[verdict]}{why}: {_models(content)}; {count}{where}.{strict}", _tone(content, verdict))
    ]
    for check in checks:
        if check["verdict"] != "pass":
            text = f"{check['name']}: {check.get('detail') or check['verdict']}"
            verdicts.append(Verdict(text if text.endswith(".") else f"{text}.", _tone(content, check["verdict"])))
    return tuple(verdicts)


def _causes(checks: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Say why checks stay open, each cause once."""
    return dict.fromkeys(
        why_undecided(check.get("interval"), check["limit"], check.get("detail") or "")
        for check in checks
        if check["verdict"] == "inconclusive"
    )


def _tone(content: Mapping[str, Any], verdict: str) -> Tone:
    return "bad" if content.get("strict") and verdict != "pass" else _TONE[verdict]


def _models(content: Mapping[str, Any]) -> str:
    head, base = content.get("head"), content.get("base") or content.get("reference")
    mode = _mode(content)
    if not head:
        return mode
    if not base:
        return f"{_file(head)} ({mode})"
    # Two builds of a model have the same file name.
    names = [head["path"], base["path"]] if _file(head) == _file(base) else [_file(head), _file(base)]
    return f"{names[0]} against {names[1]} ({mode})"


def _mode(content: Mapping[str, Any]) -> str:
    return _MODES.get(content["mode"], str(content["mode"]))


def _file(model: Mapping[str, Any]) -> str:
    return str(model["path"]).rpartition("/")[2]


def _checks(content: Mapping[str, Any]) -> Table:
    rows = []
    for check in content["checks"]:
        unit = check.get("unit") or ""
        within = quantity_interval(check.get("interval"), unit)
        found = quantity(check["value"], unit)
        limit = limit_of_check(check["name"], check["limit"], unit)
        rows.append((check["name"], _MARK[check["verdict"]], found, within, limit, check.get("detail") or ""))
    return Table(("check", "verdict", "found", "interval", "limit", "meaning"), tuple(rows), "llrrrt")


def _hints(content: Mapping[str, Any]) -> Iterator[Notes]:
    notes = tuple(
        Note(check["name"], as_sentence(check["hint"]))
        for check in content["checks"]
        if check["verdict"] != "pass" and check.get("hint")
    )
    if notes:
        yield Notes("What to do", notes)


def _worst(result: ResultFile) -> Iterator[Block]:
    """Show the worst images of each check that did not pass: as pictures where there are any, else by name."""
    rows: list[tuple[str, ...]] = []
    pictures: dict[Path, Picture] = {}
    for check in result.content["checks"]:
        for sample in (check.get("worst") or ()) if check["verdict"] != "pass" else ():
            found = find_picture(result.path, sample.get("picture"))
            if found is None:
                rows.append((check["name"], str(sample["id"]), percent(sample["pixel"])))
            else:
                caption = f"{sample['id']}: {percent(sample['pixel'])} % agree ({check['name']})"
                pictures.setdefault(found, Picture(found, caption))
    if pictures:
        yield Paragraph("The images that lost most, worst first:")
        yield from pictures.values()
    if rows:
        yield Table(("check", "image", "agreement %"), tuple(rows), "llr", "The images that lost most")


def _facts(content: Mapping[str, Any]) -> Facts:
    pairs = [("mode", _mode(content))]
    for role in ("base", "head", "reference"):
        model = content.get(role)
        if model:
            what = ", ".join(part for part in (model.get("precision"), size(model["bytes"])) if part)
            pairs.append((role, f"{model['path']} ({what}, fingerprint {model['fingerprint'][:12]})"))
    if content.get("baseline"):
        pairs.append(("baseline", str(content["baseline"])))
    if content["mode"] in ("relative", "ratio") and content.get("threshold") is not None:
        pairs.append(("threshold", f"{content['threshold']:g}"))
    pairs.append(("strict", "yes" if content.get("strict") else "no"))
    pairs.append(("took", f"{content['seconds']:.0f} s"))
    return Facts(tuple(pairs))


def _bench(content: Mapping[str, Any]) -> Iterator[Block]:
    if content.get("bench"):
        limit = content.get("threshold") if content["mode"] == "relative" else None
        yield Heading("Latency")
        yield from bench_blocks(content["bench"], limit=limit)
    confirmation = content.get("confirmation")
    if confirmation:
        yield Heading("Confirmation in fresh processes")
        yield Paragraph(
            f"A failure must repeat: {len(confirmation['blocks'])} more blocks in {confirmation['seconds']:.0f} s on "
            f"{circumstances(confirmation)}; that run is {confirmation['reliability']['verdict']}."
        )
        yield ratios_table(confirmation)


def _compare(result: ResultFile, shown: set[Path]) -> Iterator[Block]:
    content = result.content.get("compare")
    if content:
        yield Heading("Accuracy and agreement")
        section = compare_section(ResultFile(result.path, "compare", content))
        yield from (block for block in section.blocks if not (isinstance(block, Picture) and block.path in shown))
