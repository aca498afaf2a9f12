"""Time models side by side, so that a noisy machine cannot decide.

Each MODEL is a file, a run folder or the name of a shipped model; MODEL@BACKEND:THREADS names the runtime and its
threads. Rounds run in fresh processes, bursts in random order, and a second session of the reference shows what a
difference is worth on this machine. Ratios are medians over pairs; a percentile that too few calls carry is a dash.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fcn_edge.atomic import check_writable, write_report
from fcn_edge.cli import foreign
from fcn_edge.errors import UsageError

EXAMPLE = "fcn-edge bench people.fp32.tflite people.int8.tflite people.int8.onnx@onnxruntime:1 --json bench.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("models", nargs="+", metavar="MODEL", help="model files, MODEL@BACKEND:THREADS")
    parser.add_argument("--reference", metavar="MODEL", help="what the others are compared with (the most precise)")
    parser.add_argument("--images", nargs="+", type=Path, metavar="PATH", help="pictures to time on (drawn scenes)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of each runtime (default: %(default)s)")
    parser.add_argument(
        "--time-budget", type=float, default=120.0, metavar="S", help="seconds of sampling at most (%(default)g)"
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="fresh processes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the random order (default: %(default)s)")
    parser.add_argument("--no-layers", action="store_true", help="leave out the pass that times single operations")
    parser.add_argument("--no-memory", action="store_true", help="leave out the pass that measures memory")
    foreign.add_pixels_and_scores(parser)
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON; - is standard output")
    parser.add_argument("--resume", action="store_true", help="go on with the finished rounds of a killed run (--json)")


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write the JSON."""
    from fcn_edge.measure.bench import BenchConfig, bench
    from fcn_edge.measure.bench.result import to_json
    from fcn_edge.measure.bench.table import format_table

    state = None if args.json in (None, "-") else Path(f"{args.json}.rounds")
    if args.resume and state is None:
        raise UsageError("--resume without a file to go on with", hint="name it as it was begun: --json FILE")
    if args.json not in (None, "-"):
        check_writable(Path(args.json))
    config = BenchConfig(
        threads=args.threads,
        rounds=args.rounds,
        time_budget_s=args.time_budget,
        seed=args.seed,
        layers=not args.no_layers,
        memory=not args.no_memory,
        quiet=args.quiet,
    )
    report = bench(
        args.models,
        config=config,
        images=args.images,
        reference=args.reference,
        state=state,
        resume=args.resume,
        preprocessing=foreign.preprocessing(args),
        activation=foreign.activation(args),
    )
    if args.json == "-":
        write_report("-", "bench", to_json(report))
        return 0
    print(format_table(report))
    if args.json and state is not None:
        write_report(args.json, "bench", to_json(report))
        state.unlink(missing_ok=True)
        print(f"\nJSON: {args.json}")
    return 0
