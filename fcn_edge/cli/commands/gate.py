"""Say whether a model may go out: pass, fail, or that nothing can be said.

Latency against a base in the same run (--base, any machine), against the ratio in a baseline file (--baseline,
--reference), or against milliseconds on one board (--budget-ms, --board); accuracy on --data against --reference, else
--base. A failure is measured a second time before it counts. Exit code 3: a limit was missed; what could not be decided
only warns, unless --strict.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from fcn_edge.atomic import check_writable, write_report, write_text
from fcn_edge.cli import foreign
from fcn_edge.errors import FcnEdgeError, OutputError, ThresholdMissedError, UsageError
from fcn_edge.measure.gate import GateConfig, GateReport
from fcn_edge.measure.gate.config import AGREEMENT, CLASS_DROP, DEFAULT_THRESHOLD, MIOU_KEPT

EXAMPLE = "fcn-edge gate --base main/people.int8.tflite --head build/people.int8.tflite --junit gate.xml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    _add_models(parser)
    _add_limits(parser)
    timing = parser.add_argument_group("timing")
    timing.add_argument("--resume", action="store_true", help="go on with the rounds of a killed run (--json FILE)")
    timing.add_argument("--images", nargs="+", type=Path, metavar="PATH", help="pictures to time on (drawn scenes)")
    timing.add_argument("--threads", type=int, default=1, metavar="N", help="of each runtime (default: %(default)s)")
    timing.add_argument(
        "--time-budget", type=float, default=120.0, metavar="S", help="seconds of sampling at most (%(default)g)"
    )
    timing.add_argument("--rounds", type=int, default=5, metavar="N", help="fresh processes (default: %(default)s)")
    timing.add_argument("--seed", type=int, default=0, help="of the random order (default: %(default)s)")
    foreign.add_pixels_and_scores(parser)
    written = parser.add_argument_group("results")
    written.add_argument("--json", metavar="FILE", help="write the result as JSON; - is standard output")
    written.add_argument("--junit", type=Path, metavar="FILE", help="as JUnit XML, one test for each check")
    written.add_argument("--markdown", type=Path, metavar="FILE", help="as Markdown, for a step summary")
    written.add_argument("--html", type=Path, metavar="FILE", help="as one self-contained page")
    written.add_argument(
        "--accept", metavar="REASON", help="judge nothing; measure, and put the ratio into --baseline for this reason"
    )


def run(args: argparse.Namespace) -> int:
    """Judge, print the checks, write the results."""
    from fcn_edge.dataset import open_folder
    from fcn_edge.measure.gate import gate
    from fcn_edge.measure.gate.table import format_table

    if args.head is None:
        raise UsageError("no model to judge", hint=f"name it with --head, as in {EXAMPLE}")
    config = _config(args)
    if args.accept is not None:
        return _accept(args, config)
    if args.resume and config.state is None:
        raise UsageError("--resume without a file to go on with", hint="name it as it was begun: --json FILE")
    _check_outputs(args)
    data = open_folder(args.data) if args.data else None
    report = gate(args.head, base=args.base, reference=args.reference, baseline=args.baseline, data=data, config=config)
    if args.json != "-":
        print(format_table(report))
    failed = _write_results(report, args)
    if not failed:
        for state in filter(None, config.states()):
            state.unlink(missing_ok=True)
    return _end(report, failed)


def _add_models(parser: argparse.ArgumentParser) -> None:
    models = parser.add_argument_group("models", "files, run folders, names of shipped models, MODEL@BACKEND:THREADS")
    models.add_argument("--head", metavar="MODEL", help="the model that is judged")
    models.add_argument("--base", metavar="MODEL", help="time it against this one, in the same run")
    models.add_argument("--reference", metavar="MODEL", help="the float model")
    models.add_argument("--baseline", type=Path, metavar="FILE", help="hold its ratio to the float model against this")
    models.add_argument("--data", type=Path, metavar="DATA", help="data folder: judge accuracy as well")
    models.add_argument("--split", default="val", help="its part (default: %(default)s)")
    models.add_argument("--limit", type=int, metavar="N", help="use only its first N images")
    models.add_argument("--pictures", type=Path, metavar="DIR", help="write difference pictures of the worst images")


def _add_limits(parser: argparse.ArgumentParser) -> None:
    limits = parser.add_argument_group("limits")
    for name, default, text in (
        ("--threshold", DEFAULT_THRESHOLD, "most of a ratio of times (%(default)s)"),
        ("--budget-ms", None, "most milliseconds of a median, on --board only"),
        ("--miou-kept", MIOU_KEPT, "least share of the mIoU (%(default)s)"),
        ("--class-drop", CLASS_DROP, "most points of IoU that a class may lose (%(default)g)"),
        ("--agreement", AGREEMENT, "least share of pixels with the same class (%(default)s)"),
    ):
        limits.add_argument(name, type=float, default=default, metavar="X", help=text)
    limits.add_argument("--board", metavar="NAME", help="the board the budget is for, as bench names it")
    limits.add_argument("--strict", action="store_true", help="what could not be decided counts as failed")


def _config(args: argparse.Namespace) -> GateConfig:
    from fcn_edge.measure.bench.config import BenchConfig

    return GateConfig(
        threshold=args.threshold,
        strict=args.strict,
        budget_ms=args.budget_ms,
        board=args.board,
        miou_kept=args.miou_kept,
        class_drop=args.class_drop,
        agreement=args.agreement,
        bench=BenchConfig(
            threads=args.threads,
            rounds=args.rounds,
            time_budget_s=args.time_budget,
            seed=args.seed,
            memory=False,
            layers=False,
        ),
        images=args.images,
        split=args.split,
        limit=args.limit,
        pictures=args.pictures,
        preprocessing=foreign.preprocessing(args),
        activation=foreign.activation(args),
        state=None if args.json in (None, "-") or args.accept is not None else Path(f"{args.json}.rounds"),
        resume=args.resume,
        quiet=args.quiet,
    )


def _accept(args: argparse.Namespace, config: GateConfig) -> int:
    from fcn_edge.dataset import open_folder
    from fcn_edge.measure.gate import accept_baseline

    if args.baseline is None or args.reference is None or args.base is not None:
        raise UsageError(
            "--accept keeps the ratio of --head to --reference in --baseline",
            hint='fcn-edge gate --head HEAD --reference FLOAT --baseline FILE --accept "REASON"',
        )
    unused = [name for name in ("--json", "--junit", "--markdown", "--html") if getattr(args, name[2:]) is not None]
    unused += ["--resume"] * args.resume
    if unused:
        raise UsageError(
            f"--accept with {', '.join(unused)}: nothing is judged, so there is no result beside the baseline",
            hint=f"leave {'it' if len(unused) == 1 else 'them'} out, or --accept",
        )
    _check_outputs(args)
    entry = accept_baseline(
        args.head,
        reference=args.reference,
        baseline=args.baseline,
        reason=args.accept,
        data=open_folder(args.data) if args.data else None,
        config=config,
    )
    before = f", before {entry.history[0]['ratio']:.3f}" if entry.history else ""
    low, high = entry.ci
    print(f"{entry.key.model}: {entry.ratio:.3f} times the float model's time, {low:.3f} to {high:.3f}{before}")
    if entry.budget is not None:
        print(f"budget: {entry.budget.ms:g} ms on {entry.budget.board}")
    print(f"baseline: {args.baseline}; commit it")
    return 0


def _check_outputs(args: argparse.Namespace) -> None:
    """Refuse what cannot be written before minutes of measuring."""
    files = [None if args.json in (None, "-") else Path(args.json), args.junit, args.markdown, args.html]
    if args.accept is not None:
        files.append(args.baseline)
    for path in files:
        if path is not None:
            check_writable(path)
    if args.pictures is not None:
        check_writable(args.pictures, folder=True)


def _write_results(report: GateReport, args: argparse.Namespace) -> list[OutputError]:
    """Write what was asked for, each whether or not the others can be written; give what went wrong.

    Pages are rendered from the JSON, as any later reader of it would.
    """
    from fcn_edge.measure.gate.result import to_json
    from fcn_edge.measure.report import make_report, write_report_pages

    failed: list[OutputError] = []

    def attempt(write: Callable[[], None]) -> bool:
        try:
            write()
        except OutputError as error:
            failed.append(error)
            return False
        return True

    def write_json(path: Path) -> None:
        write_report(path, "gate", to_json(report, beside=path.parent))

    if args.json == "-":
        write_report("-", "gate", to_json(report))
    kept = args.json not in (None, "-") and attempt(lambda: write_json(Path(args.json)))
    if args.junit is None and args.markdown is None and args.html is None:
        return failed
    with tempfile.TemporaryDirectory(prefix="fcn-edge-gate-") as folder:
        source = Path(args.json) if kept else Path(folder, "gate.json")
        if not kept:
            write_json(source)
        pages = make_report([source])
        if args.junit is not None:
            attempt(lambda: write_text(args.junit, pages.junit()))
        attempt(lambda: write_report_pages(pages, html=args.html))
        attempt(lambda: write_report_pages(pages, markdown=args.markdown))
    return failed


def _end(report: GateReport, failed: Sequence[OutputError]) -> int:
    """Give the exit code: that of the verdict, whatever became of its files."""
    if not failed and not report.exit_code:
        return 0
    last: FcnEdgeError = _missed(report) if report.exit_code else failed[-1]
    for error in failed:
        if error is not last:
            print(f"error: {error.message}", file=sys.stderr)
    raise last


def _missed(report: GateReport) -> ThresholdMissedError:
    checks = [check for check in report.checks if check.verdict == report.verdict]
    what = "fails" if report.verdict == "fail" else f"is {report.verdict}, and strict"
    names = ", ".join(check.name for check in checks)
    hint = next((check.hint for check in checks if check.hint), "see the checks: --json FILE, --junit FILE")
    return ThresholdMissedError(f"{report.head.path}: the gate {what}: {names}", hint=hint)
