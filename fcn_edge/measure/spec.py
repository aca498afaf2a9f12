"""Which model is measured: a file, and in which runtime with how many threads it runs."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn_edge.errors import UsageError
from fcn_edge.model_file import parse_name, read_card, resolve

_SPEC = re.compile(r"(?P<model>.+?)(?:@(?P<backend>[a-z][a-z-]*))?(?::(?P<threads>\d+))?")

# Which file is the nearest to what was trained: the more precise one, and of equals the one nearer to Keras.
_PRECISION_ORDER = ("fp32", None, "fp16", "int8")
_FORMAT_ORDER = ("keras", "tflite", "onnx")


@dataclass(frozen=True, slots=True)
class VariantSpec:
    """A model file in a runtime.

    Attributes:
        path: Of the model file.
        backend: A name of :data:`fcn_edge.runtime.registry.BACKENDS`; None for the first that fits.
        threads: Of the runtime; None for what the configuration says.
        name: Unique among those measured together; None for one made from the file's name.
    """

    path: Path
    backend: str | None = None
    threads: int | None = None
    name: str | None = None


def parse_spec(text: str | Path) -> VariantSpec:
    """Read ``MODEL``, ``MODEL@BACKEND``, ``MODEL:THREADS`` or ``MODEL@BACKEND:THREADS``.

    MODEL is a file, a run folder or the name of a shipped model; a file whose own name looks like this is a file.

    Raises:
        UsageError: There is no such model.
    """
    whole = str(text)
    match = _SPEC.fullmatch(whole)
    if Path(whole).exists() or match is None:
        return VariantSpec(resolve(whole))
    threads = match["threads"]
    if threads is not None and int(threads) < 1:
        raise UsageError(f"{whole}: {threads} threads, at least 1 was expected", hint="write MODEL@BACKEND:1")
    return VariantSpec(resolve(match["model"]), match["backend"], None if threads is None else int(threads))


def named(specs: Sequence[VariantSpec]) -> tuple[VariantSpec, ...]:
    """Give each variant a name of its own: as short as tells them apart.

    Raises:
        UsageError: No variant, or two that are the same.
    """
    if not specs:
        raise UsageError("no model to measure", hint="name at least one model file")
    for number, spec in enumerate(specs):
        if _key(spec) in {_key(other) for other in specs[:number]}:
            hint = "name each model once, or in different runtimes: MODEL@BACKEND:THREADS"
            raise UsageError(f"{spec.path}: is named twice", hint=hint)
    for label in (_file, _file_and_folder, str):
        for suffix in (lambda _: "", _runtime_suffix):
            names = [spec.name or f"{label(spec.path)}{suffix(spec)}" for spec in specs]
            if len(set(names)) == len(names):
                return tuple(dataclasses.replace(spec, name=name) for spec, name in zip(specs, names, strict=True))
    hint = "give them names that differ"
    raise UsageError(f"{', '.join(str(spec.name or spec.path) for spec in specs)}: cannot be told apart", hint=hint)


def most_precise(specs: Sequence[VariantSpec]) -> VariantSpec:
    """Choose what the others are held against: the ``.keras``, else the most precise file, the first of equals."""

    def rank(spec: VariantSpec) -> tuple[bool, int, int]:
        name = parse_name(spec.path)
        return name.format != "keras", _PRECISION_ORDER.index(precision(spec.path)), _FORMAT_ORDER.index(name.format)

    return min(specs, key=rank)


def precision(path: Path) -> str | None:
    """Tell a file's precision from its card or its name; None where neither tells."""
    card = read_card(path)
    if card is not None:
        return card.precision
    name = parse_name(path)
    return "fp32" if name.format == "keras" else name.precision


def _file(path: Path) -> str:
    return path.name


def _file_and_folder(path: Path) -> str:
    return f"{path.resolve().parent.name}/{path.name}"


def _runtime_suffix(spec: VariantSpec) -> str:
    threads = "" if spec.threads is None else f":{spec.threads}"
    return f"{'' if spec.backend is None else f'@{spec.backend}'}{threads}"


def _key(spec: VariantSpec) -> tuple[object, ...]:
    return spec.name, spec.path.resolve(), spec.backend, spec.threads
