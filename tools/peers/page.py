"""The result as text: tables for the terminal and for README.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fcn_edge.measure.wording import NONE, percent
from peers.matchup import speedup

FEWEST_BLOCKS = 64
# Below this share of the time on the processor, other programs wanted it too.
SMALLEST_SHARE = 0.95
# Beyond this a file compared with itself says that something disturbed one of the two only.
LARGEST_CONTROL = 0.02


def terminal_page(result: Mapping[str, Any]) -> str:
    """Make the lines that the tool prints, without the last newline.

    Args:
        result: The content of its JSON.
    """
    variants = [["model", "median ms", "shortest ms", "pixels as Keras"]]
    variants += [
        [v["name"], _ms(v["latency_ms"]["p50"]), _ms(v["latency_ms"]["min"]), f"{percent(v['agreement'])} %"]
        if v["agreement"] is not None
        else [v["name"], _ms(v["latency_ms"]["p50"]), _ms(v["latency_ms"]["min"]), NONE]
        for v in result["variants"]
    ]
    comparisons = [["comparison", "result", "95 % interval", "bar"]]
    comparisons += [[c["what"], _figure(c), _interval(c), _bar(c)] for c in result["comparisons"]]
    doubts = "\n".join(_doubts(result))
    parts = [_align(variants), _align(comparisons), doubts, _circumstances(result)]
    return "\n\n".join(part for part in parts if part)


def readme_table(results: Sequence[Mapping[str, Any]]) -> str:
    """Make the table of README.md, with what it was measured on below it.

    Args:
        results: The content of one JSON file for each network, measured on one machine.
    """
    names = " | ".join(f"`{result['network']}`" for result in results)
    lines = [f"| | {names} |", "| --- " * (len(results) + 1) + "|"]
    for what in dict.fromkeys(c["what"] for result in results for c in result["comparisons"]):
        cells = [
            next((f"{_figure(c)} ({_interval(c)})" for c in result["comparisons"] if c["what"] == what), NONE)
            for result in results
        ]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    runs = ", ".join(f"`{r['network']}` {r['blocks']} in {r['seconds']:.0f} s" for r in results)
    clock = f"{results[0]['clock']} time"
    return "\n".join([*lines, "", f"{_machine(results[0])}. Interleaved blocks, {clock}: {runs}."]) + "\n"


def _figure(comparison: Mapping[str, Any]) -> str:
    if _is_limit(comparison):
        return f"{comparison['ratio']:.2f}x the time"
    return f"{speedup(comparison['ratio']):.2f}x as fast"


def _interval(comparison: Mapping[str, Any]) -> str:
    if comparison["ci"] is None:
        return NONE
    low, high = comparison["ci"]
    if not _is_limit(comparison):
        low, high = speedup(high), speedup(low)
    return f"{low:.2f} to {high:.2f}"


def _bar(comparison: Mapping[str, Any]) -> str:
    bar = comparison["bar"]
    return NONE if bar is None else f"{bar['kind']} {bar['times']:.2f}x: {comparison['verdict']}"


def _is_limit(comparison: Mapping[str, Any]) -> bool:
    """Tell whether a comparison is about how little more time something takes."""
    return comparison["key"] in ("encoder", "control")


def _doubts(result: Mapping[str, Any]) -> list[str]:
    doubts = [f"LEFT OUT: {reason}" for reason in result["left_out"].values()]
    if result["blocks"] < FEWEST_BLOCKS:
        blocks = result["blocks"]
        doubts.append(f"DOUBT: there was time for {blocks} blocks only, of {FEWEST_BLOCKS}: raise --time-budget")
    if result["processor_share"] < SMALLEST_SHARE:
        others = f"{1 - result['processor_share']:.0%}"
        mend = "their time is left out" if result["clock"] == "processor" else "use --clock processor, or wait"
        doubts.append(f"DOUBT: other programs had the processor for {others} of the time: {mend}")
    unsteady = [v["name"] for v in result["variants"] if not v["steady"]]
    if unsteady:
        doubts.append(f"DOUBT: times had not settled when measuring began: {', '.join(unsteady)}")
    off = [c["ratio"] for c in result["comparisons"] if c["key"] == "control" and abs(c["ratio"] - 1) > LARGEST_CONTROL]
    doubts += [f"DOUBT: a file against itself came out at {ratio:.3f}: run again on a calmer machine" for ratio in off]
    return doubts


def _circumstances(result: Mapping[str, Any]) -> str:
    return (
        f"{_machine(result)}; {result['blocks']} interleaved blocks in {result['seconds']:.0f} s of {result['clock']} "
        f"time, seed {result['seed']}"
    )


def _machine(result: Mapping[str, Any]) -> str:
    env, int8 = result["env"], result["int8_dot_products"]
    able = "" if int8 is None else f" ({', '.join(int8) or 'without int8 dot products'})"
    runtimes = ", ".join(_runtimes(result))
    where = "not bound to a processor" if result["cpu"] is None else f"all bound to processor {result['cpu']}"
    return (
        f"{env['board']}{able}, {env['machine']}, {env['system']}, Python {env['python']}; {runtimes}; "
        f"one thread each, {where}"
    )


def _runtimes(result: Mapping[str, Any]) -> list[str]:
    """Name the runtimes, with the fewer bits that one chose for float files; older results do not tell these."""
    fewer = {
        v["runtime"]: f" (float files in {v['arithmetic']})"
        for v in result["variants"]
        if v.get("arithmetic", v["precision"]) != v["precision"]
    }
    return [name + fewer.get(name, "") for name in dict.fromkeys(v["runtime"] for v in result["variants"])]


def _ms(value: float) -> str:
    return f"{value:.2f}"


def _align(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join(lines)
