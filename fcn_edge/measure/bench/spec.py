"""What to time: a model file, and in which runtime with how many threads."""

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
        threads: Of the runtime; None for what the benchmark's configuration says.
        name: Unique in the benchmark; None for one made from the file's name.
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
    return VariantSpec(resolve(match["model"]), match["backend"], None if threads is None else int(threads))


def named(specs: Sequence[VariantSpec]) -> tuple[VariantSpec, ...]:
    """Give each variant a name of its own: as short as tells them apart.

    Raises:
        UsageError: No variant, or two that are the same.
    """
    if not specs:
        raise UsageError("no model to time", hint="name at least one model file")
    for names in (
        _plain_names(specs),
        [f"{name}{_suffix(s)}" for name, s in zip(_plain_names(specs), specs, strict=True)],
    ):
        if len(set(names)) == len(names):
            return tuple(dataclasses.replace(spec, name=name) for spec, name in zip(specs, names, strict=True))
    twice = next(spec for i, spec in enumerate(specs) if _key(spec) in {_key(other) for other in specs[:i]})
    raise UsageError(
        f"{twice.path}: is named twice", hint="name each once; a second session of the reference takes part anyway"
    )


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


def _plain_names(specs: Sequence[VariantSpec]) -> list[str]:
    """Name each after its file, with its folder where two different files share a name."""
    shared = {
        spec.path.name
        for spec in specs
        for other in specs
        if other.path.name == spec.path.name and other.path.resolve() != spec.path.resolve()
    }
    return [
        spec.name
        or (f"{spec.path.resolve().parent.name}/{spec.path.name}" if spec.path.name in shared else spec.path.name)
        for spec in specs
    ]


def _suffix(spec: VariantSpec) -> str:
    if spec.name:
        return ""
    threads = "" if spec.threads is None else f":{spec.threads}"
    return f"{'' if spec.backend is None else f'@{spec.backend}'}{threads}"


def _key(spec: VariantSpec) -> tuple[object, ...]:
    return spec.name, spec.path.resolve(), spec.backend, spec.threads
