"""Several benchmarks side by side: boards, models, precisions and runtimes, with accuracy beside latency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from fcn_edge.measure.report.block import Bar, Bars, Block, Note, Notes, Paragraph, Section, Table
from fcn_edge.measure.report.part import Accuracy, Part, find_accuracy, find_parts, label, runtime_text
from fcn_edge.measure.report.result_file import ResultFile
from fcn_edge.measure.wording import NONE, interval, milliseconds, percent

_FEWEST = 2
_HEAD = (
    *("board", "model", "precision", "runtime", "median ms", "p90 ms", "ratio (interval)"),
    *("mIoU %", "agreement %", "run"),
)


def boards_section(results: Sequence[ResultFile]) -> Section | None:
    """Make the section; None for fewer than two benchmarks."""
    benches, comparisons = find_parts(results, "bench"), find_parts(results, "compare")
    if len(benches) < _FEWEST:
        return None
    boards = Counter(bench.board for bench in benches)
    names = [b.board if boards[b.board] == 1 else f"{b.board} ({b.source})" for b in benches]
    accuracies = [[find_accuracy(v, bench, comparisons) for v in bench.content["variants"]] for bench in benches]
    rows = [
        row for name, bench, found in zip(names, benches, accuracies, strict=True) for row in _rows(name, bench, found)
    ]
    known = [accuracy for found in accuracies for accuracy in found if accuracy is not None]
    blocks: list[Block] = [Paragraph(_introduction(benches))]
    blocks.append(Table(_HEAD, tuple(rows), "wwlwrrwrrl", "Every model on every board"))
    if known:
        blocks.append(Notes("Where the accuracy is from", tuple(_accuracy_notes(known))))
    blocks.append(_bars(names, benches))
    sources = dict.fromkeys(part.source for part in (*benches, *(accuracy.part for accuracy in known)))
    return Section("Boards" if len(boards) > 1 else "Runs side by side", ", ".join(sources), (), tuple(blocks))


def _introduction(benches: Sequence[Part]) -> str:
    references = dict.fromkeys(str(bench.content["control"]["reference"]) for bench in benches)
    return (
        "Times are each board's own. A ratio is time against the reference of the same run "
        f"({', '.join(references)}), measured in pairs, with its interval; none is computed across boards."
    )


def _rows(board: str, bench: Part, found: Sequence[Accuracy | None]) -> list[tuple[str, ...]]:
    content = bench.content
    ratios = {entry["candidate"]: entry for entry in content["comparisons"]}
    rows: list[tuple[str, ...]] = []
    for variant, accuracy in zip(content["variants"], found, strict=True):
        entry, latency = ratios.get(variant["name"]), variant["latency_ms"]
        rows.append(
            (
                board,
                label(variant),
                variant["model"]["precision"] or NONE,
                runtime_text(variant),
                milliseconds(latency["p50"]),
                milliseconds(latency["p90"]),
                NONE if entry is None else f"{entry['ratio']:.3f} ({interval(entry['ci'])})",
                *_accuracy_cells(accuracy),
                content["reliability"]["verdict"],
            )
        )
    return rows


def _accuracy_cells(accuracy: Accuracy | None) -> tuple[str, str]:
    if accuracy is None:
        return NONE, NONE
    sign = "" if accuracy.same_file else " *"
    miou, agreement = percent(accuracy.variant["miou"]), percent(accuracy.agreement)
    return f"{miou}{sign}", NONE if accuracy.agreement is None else f"{agreement}{sign}"


def _accuracy_notes(known: Sequence[Accuracy]) -> Iterator[Note]:
    for part in {accuracy.part.source: accuracy.part for accuracy in known}.values():
        content = part.content
        yield Note(
            part.source, f"{content['images']} images of {content['data']}, split {content['split']}, {part.board}."
        )
    if any(not accuracy.same_file for accuracy in known):
        yield Note("*", "A file of the same name with other contents.")


def _bars(boards: Sequence[str], benches: Sequence[Part]) -> Bars:
    times = [{label(v): v["latency_ms"]["p50"] for v in bench.content["variants"]} for bench in benches]
    series = tuple(dict.fromkeys(name for known in times for name in known))
    longest = max(value for known in times for value in known.values())
    groups = tuple(
        (board, tuple(_bar(known.get(name), longest) for name in series))
        for board, known in zip(boards, times, strict=True)
    )
    return Bars("Median time of one call, ms", series, groups)


def _bar(value: float | None, longest: float) -> Bar:
    return Bar(None if value is None else value / longest, milliseconds(value))
