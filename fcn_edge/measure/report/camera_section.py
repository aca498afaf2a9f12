"""The section of a camera run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fcn_edge.measure.report.block import Block, Facts, Section, Stack, Table, Verdict
from fcn_edge.measure.report.environment_block import environment_facts
from fcn_edge.measure.report.result_file import ResultFile
from fcn_edge.measure.wording import NONE, percent

# The stages from capture to the mask; drawing and output follow and delay nobody.
# A machine that needs so many times as long at the end has become slower, not only busier.
_SLOWER = 1.05
_TO_RESULT = ("capture", "wait", "preprocess", "inference", "postprocess")


def camera_section(result: ResultFile) -> Section:
    """Make the section; missing keys raise KeyError or TypeError."""
    content = result.content
    blocks: list[Block] = []
    parts = _parts(content)
    if parts:
        blocks.append(Stack("From capture to mask, mean of each stage", parts))
    blocks += [_stages(content), _facts(content), environment_facts(content)]
    return Section("Camera run", result.path.name, _verdicts(content), tuple(blocks))


def _verdicts(content: Mapping[str, Any]) -> tuple[Verdict, ...]:
    frames, latency = content["frames"], content["capture_to_result_ms"]
    rate = content["fps"]["processed"]
    text = f"{frames['processed']} of {frames['captured']} frames segmented"
    if rate is not None:
        text += f" at {rate:.1f} a second"
    if latency["p50"] is not None:
        text += f"; a mask is there {latency['p50']:.1f} ms after capture (median)"
    model = (content.get("model") or {}).get("path") or (content.get("model") or {}).get("name")
    if model:
        text = f"{str(model).rpartition('/')[2]}: {text}"
    failed = content.get("error")
    first = Verdict(f"{text}. The run ended by an error: {failed}", "bad") if failed else Verdict(f"{text}.", "plain")
    return (first, *_sustained(content), *_troubles(content))


def _sustained(content: Mapping[str, Any]) -> tuple[Verdict, ...]:
    sustained = content.get("sustained")
    if not sustained:
        return ()
    first, last = sustained["first_minute"], sustained["last_minute"]
    slower = last["inference_ms"] > _SLOWER * first["inference_ms"]
    text = (
        f"Sustained, in the last minute: {last['fps']:.1f} frames a second, inference {last['inference_ms']:.1f} ms, "
        f"a mask {last['capture_to_result_ms']:.1f} ms after capture (first minute: {first['fps']:.1f}, "
        f"{first['inference_ms']:.1f} and {first['capture_to_result_ms']:.1f} ms)."
    )
    return (Verdict(text, "bad" if slower else "good"),)


def _troubles(content: Mapping[str, Any]) -> tuple[Verdict, ...]:
    each = (content.get("outputs") or {}).get("each") or {}
    found = [
        Verdict(f"{name.replace('_', ' ')}: {output['error']}", "bad")
        for name, output in each.items()
        if output["error"]
    ]
    machine = content.get("machine") or {}
    if machine.get("throttled"):
        found.append(Verdict("The machine slowed itself down during the run: too hot, or at its limits.", "bad"))
    if machine.get("undervoltage"):
        found.append(Verdict("The supply was too weak during the run.", "bad"))
    return tuple(found)


def _parts(content: Mapping[str, Any]) -> tuple[tuple[str, float, str], ...]:
    stages = content["stages_ms"]
    # The mean, because medians of parts do not add up; older files may have none.
    means = [(name, (stages.get(name) or {}).get("mean")) for name in _TO_RESULT]
    return tuple((name, float(mean), f"{mean:.1f} ms") for name, mean in means if mean is not None)


def _stages(content: Mapping[str, Any]) -> Table:
    rows = [(name, *_percentiles(times)) for name, times in content["stages_ms"].items()]
    rows.append(("capture to result", *_percentiles(content["capture_to_result_ms"])))
    head = ("stage, ms", "median", "p90", "p99", "mean")
    return Table(head, tuple(rows), "lrrrr", "Times of the stages; a dash where too few frames tell")


def _percentiles(times: Mapping[str, Any]) -> tuple[str, ...]:
    values = (times.get(key) for key in ("p50", "p90", "p99", "mean"))
    return tuple(NONE if value is None else f"{value:.2f}" for value in values)


def _facts(content: Mapping[str, Any]) -> Facts:
    frames, fps = content["frames"], content["fps"]
    pairs = [("frames", f"{frames['captured']} captured, {frames['processed']} processed, {frames['dropped']} dropped")]
    causes = {cause: count for cause, count in (frames.get("dropped_by_cause") or {}).items() if count}
    if causes:
        pairs.append(("dropped", ", ".join(f"{cause.replace('_', ' ')}: {count}" for cause, count in causes.items())))
    if fps["camera"] is not None and fps["processed"] is not None:
        pairs.append(("rate", f"camera {fps['camera']:.1f}, processed {fps['processed']:.1f} frames a second"))
    backend = content.get("backend")
    if backend:
        threads = content.get("threads")
        count = f", {threads} thread{'' if threads == 1 else 's'}" if threads else ""
        pairs.append(("runtime", f"{backend['runtime']} {backend['version']} on {backend['device']}{count}"))
    shares = content.get("class_share_mean")
    if shares:
        pairs.append(("picture", ", ".join(f"{name} {percent(share)} %" for name, share in shares.items())))
    pairs += _lately_known(content)
    if content.get("ended_by"):
        pairs.append(("ended by", str(content["ended_by"]).replace("_", " ")))
    return Facts(tuple(pairs))


def _lately_known(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give the facts that older results have not."""
    pairs = []
    health = content.get("source_health") or {}
    if health.get("losses") or health.get("gaps"):
        text = f"lost {health['losses']} times, came back {health['reconnects']} times; {health['gaps']} gaps"
        pairs.append(("source", f"{text}; {health['gap_s']:.1f} s without frames"))
    each = (content.get("outputs") or {}).get("each") or {}
    if each:
        texts = [
            f"{name.replace('_', ' ')}: {n['written']} written, {n['dropped']} dropped" for name, n in each.items()
        ]
        pairs.append(("outputs", "; ".join(texts)))
    smoothing = content.get("smoothing")
    if smoothing and smoothing["cost_ms"]["p50"] is not None:
        pairs.append(("smoothing", f"over {smoothing['seconds']:g} s, {smoothing['cost_ms']['p50']:.2f} ms a frame"))
    machine = content.get("machine") or {}
    if machine.get("resident_mb") is not None:
        growth = machine.get("resident_growth_mb")
        grown = "" if growth is None else f", {growth:+.1f} MB since the first minute"
        pairs.append(
            ("memory", f"{machine['resident_mb']:.0f} MB, at most {machine['resident_peak_mb']:.0f} MB{grown}")
        )
    if machine.get("temperature_c") is not None:
        pairs.append(("temperature", f"at most {machine['temperature_c']:.0f} °C"))
    return pairs
