"""The command line: a table of commands, imported when called; errors become two lines and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import NoReturn

import fcn_edge
from fcn_edge.errors import FcnEdgeError, UsageError

# Command: (module in fcn_edge.cli.commands, one-line summary). The module has add_arguments(parser), run(args) -> int
# and EXAMPLE, a command line to show in --help.
COMMANDS = {
    "quickstart": ("quickstart", "the whole way on drawn scenes, in a minute or two"),
    "camera": ("camera", "live segmentation of a camera, film or stream"),
    "compare": ("compare", "accuracy and agreement of any model files"),
    "bench": ("bench", "latency of any model files, side by side"),
    "gate": ("gate", "whether a model may go out: latency and accuracy against limits"),
    "export": ("export", "TFLite and ONNX files of a model, proven against it"),
    "data": ("data", "check a data folder, or make one from VOC or COCO"),
    "info": ("info", "what a model file is: input, output, precision, card"),
    "doctor": ("doctor", "what this machine can do, what is wrong, how to mend it"),
    "models": ("models", "the models that come with the package"),
    "segment": ("segment", "masks and overlays for image files and folders"),
    "report": ("report", "one page from any result files"),
    "train": ("train", "train a network on a data folder; resumable"),
    "ensemble": ("ensemble", "several trained models as one that gives their mean"),
    "tune": ("tune", "what runs a model fastest on this device; camera then uses it"),
}

INTERRUPTED = 130
TERMINATED = 143


class _Terminated(KeyboardInterrupt):
    """SIGTERM, by which systems and CI end programs: everything is put away as after an interrupt at the keyboard."""


class _Parser(argparse.ArgumentParser):
    """argparse, with errors in the form of ours: what, and how to mend."""

    def error(self, message: str) -> NoReturn:
        command = self.prog
        raise UsageError(message, hint=f"see {command} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1, 2, 3, 130 or 143."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    try:
        with _orderly_end():
            args = _parse(arguments)
            return _run(args)
    except SystemExit as leaving:  # --help and --version
        return leaving.code if isinstance(leaving.code, int) else 1
    except KeyboardInterrupt as ending:
        return _ended(ending, arguments)
    except BrokenPipeError:
        # The reader of our output has gone (``| head``); say no more, also not when Python flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - a user is never shown a traceback unasked
        if debug:
            traceback.print_exc()
        return _tell(error if isinstance(error, FcnEdgeError) else _as_ours(error))


@contextlib.contextmanager
def _orderly_end() -> Iterator[None]:
    """Turn SIGTERM into an exception while a command runs, where this is the main thread."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        del number, frame
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        # None: it was set by something that is no Python.
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _ended(ending: KeyboardInterrupt, arguments: Sequence[str]) -> int:
    # A camera ends by a signal as a matter of course; this one came before it had begun.
    if _wanted(arguments) == "camera":
        return 0
    terminated = isinstance(ending, _Terminated)
    print(f"{'terminated' if terminated else 'interrupted'}; no file is left half-written", file=sys.stderr)
    return TERMINATED if terminated else INTERRUPTED


def _wanted(arguments: Sequence[str]) -> str | None:
    return next((argument for argument in arguments if not argument.startswith("-")), None)


def _as_ours(error: Exception) -> FcnEdgeError:
    text = " ".join(str(error).split())
    if isinstance(error, OSError):
        where = "" if error.filename is None else f"{error.filename}: "
        hint = "check the path, its permissions and the disk; --debug shows where it happened"
        return FcnEdgeError(f"{where}{error.strerror or text}", hint=hint)
    hint = "this is a fault of fcn-edge: run again with --debug and report what it shows"
    return FcnEdgeError(f"unexpected {type(error).__name__}: {text}", hint=hint)


def _tell(error: FcnEdgeError) -> int:
    for fault in getattr(error, "faults", ()):
        print(f"  {fault}", file=sys.stderr)
    print(f"error: {error.message}", file=sys.stderr)
    print(f"hint: {error.hint}", file=sys.stderr)
    return error.exit_code


def _run(args: argparse.Namespace) -> int:
    with contextlib.ExitStack() as stack:
        # A result that is asked for on standard output is no chatter.
        if args.quiet and getattr(args, "json", None) != "-":
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(open(os.devnull, "w"))))  # noqa: PTH123 - devnull
        code: int = args.run(args)
    return code


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="fcn-edge",
        description="Segmentation networks from training to a live camera on a small board.",
        epilog="fcn-edge COMMAND --help has an example for each.",
    )
    parser.add_argument("--version", action="version", version=f"fcn-edge {fcn_edge.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    wanted = _wanted(arguments)
    for name, (module_name, summary) in COMMANDS.items():
        if name != wanted:
            commands.add_parser(name, help=summary)
            continue
        module = importlib.import_module(f"fcn_edge.cli.commands.{module_name}")
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{module.__doc__}".strip(),
            epilog=f"example:\n  {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.add_argument("--quiet", action="store_true", help="print nothing but errors")
        command.add_argument("--debug", action="store_true", help="show the traceback of an error")
        command.set_defaults(run=module.run)
    return parser.parse_args(arguments)
