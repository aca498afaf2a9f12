"""What there is to choose from: files, each in the runtimes that are here, with some numbers of threads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fcn_edge.errors import UsageError
from fcn_edge.machine.processor import usable_cpus
from fcn_edge.model_file import Family, parse_name, read_card
from fcn_edge.runtime.registry import BACKENDS, why_absent
from fcn_edge.runtime.tune.config import TuneConfig

_PRECISION_ORDER = ("fp32", None, "fp16", "int8")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to run a model.

    Attributes:
        path: The file.
        backend: A name of :data:`fcn_edge.runtime.registry.BACKENDS`.
        threads: Of the runtime.
        delegate: An external delegate; None for none.
    """

    path: Path
    backend: str
    threads: int
    delegate: str | None = None

    @property
    def name(self) -> str:
        """As ``bench`` writes it, and the delegate's library behind it: unique among those of one run."""
        library = "" if self.delegate is None else f"+{Path(self.delegate.partition(',')[0]).name}"
        return f"{self.path.name}@{self.backend}{library}:{self.threads}"


@dataclass(frozen=True, slots=True)
class Field:
    """All candidates of a run.

    Attributes:
        candidates: Those that are thought to be fast first.
        reference: The one whose masks the others must give: the most precise file on the processor.
        absent: Backends that run one of the files but are not here, and why.
    """

    candidates: tuple[Candidate, ...]
    reference: Candidate
    absent: dict[str, str]


def list_candidates(family: Family, config: TuneConfig) -> Field:
    """List what may be chosen.

    Raises:
        UsageError: There is no file that a device can run, or no runtime for one.
    """
    files = _runnable(family)
    formats = {parse_name(file).format for file in files}
    names = [name for name, spec in BACKENDS.items() if formats & set(spec.formats)]
    names = [name for name in names if config.backends is None or name in config.backends]
    absent = {name: reason for name in names if (reason := why_absent(name)) is not None}
    present = [name for name in names if name not in absent]
    counts = tuple(dict.fromkeys(config.threads or thread_counts()))
    candidates = [
        candidate
        # int8 first: what is far slower than the fastest so far is given up early.
        for file in sorted(files, key=_rank, reverse=True)
        for name in present
        if parse_name(file).format in BACKENDS[name].formats
        for candidate in _of(file, name, counts, config)
    ]
    if not candidates:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in absent.items()) or "no backend runs it"
        hint = "install a runtime: pip install ai-edge-litert, or pip install fcn-edge[onnx]; see --backend"
        raise UsageError(f"{family.name}: nothing to choose from ({reasons})", hint=hint)
    return Field(tuple(candidates), _reference(candidates), absent)


def thread_counts(usable: float | None = None) -> tuple[int, ...]:
    """Give 1, 2, 4, … and all processors that may be used.

    Args:
        usable: How many may be; None asks the system.
    """
    most = max(1, int(usable_cpus() if usable is None else usable))
    counts, count = [], 1
    while count < most:
        counts.append(count)
        count *= 2
    return (*counts, most)


def _runnable(family: Family) -> list[Path]:
    exported = [file for file in family.files if parse_name(file).format != "keras"]
    scores = [file for file in exported if file == family.asked or parse_name(file).output != "labels"]
    if not exported:
        files = ", ".join(file.name for file in family.files)
        hint = f"export it first: fcn-edge export {family.asked or family.name} --formats tflite-int8,tflite-fp32"
        raise UsageError(f"{family.name}: {files} is not for devices; a .tflite or .onnx was expected", hint=hint)
    return scores or exported


def _of(file: Path, backend: str, counts: tuple[int, ...], config: TuneConfig) -> list[Candidate]:
    spec = BACKENDS[backend]
    # A GPU does not wait for threads of the processor, and a delegate hardly.
    numbers = counts[:1] if spec.accelerated else counts
    found = [Candidate(file, backend, number) for number in numbers]
    if config.delegate is not None and spec.delegates and not spec.arguments:
        found.append(Candidate(file, backend, counts[0], config.delegate))
    return found


def _reference(candidates: list[Candidate]) -> Candidate:
    """Take the most precise file in its first plain backend with the fewest threads."""

    def rank(candidate: Candidate) -> tuple[int, bool, bool, int, int]:
        spec = BACKENDS[candidate.backend]
        plain = candidate.delegate is None and not spec.arguments
        order = list(BACKENDS).index(candidate.backend)
        return _rank(candidate.path), not plain, spec.accelerated, candidate.threads, order

    return min(candidates, key=rank)


def _rank(file: Path) -> int:
    card = read_card(file)
    return _PRECISION_ORDER.index(parse_name(file).precision if card is None else card.precision)
