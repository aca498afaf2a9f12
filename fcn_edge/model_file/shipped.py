"""Models that come with the package, and what MODEL on a command line means."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import fcn_edge
from fcn_edge.card import ModelCard
from fcn_edge.errors import ModelFileError, UsageError
from fcn_edge.model_file import choice
from fcn_edge.model_file.card_file import read_card
from fcn_edge.model_file.choice import Family, TuneChoice
from fcn_edge.model_file.name import FORMATS, ModelName, parse_name

RUN_MODEL = "model.keras"

# What a device should get when only a name is given, best first: int8 before float, class scores before class ids.
_PRECISION_ORDER = ("int8", "fp16", "fp32", None)


def shipped_models() -> tuple[Path, ...]:
    """List the files of all shipped models, for each name the preferred one first."""
    folder = _folder()
    if folder is None:
        return ()
    files = [file for known in FORMATS for file in folder.glob(f"*/*.{known}") if not file.name.startswith(".")]
    return tuple(sorted(files, key=lambda file: _preference(parse_name(file))))


def shipped_encoder(name: str) -> Path:
    """Find the weights of an encoder that come with the package: ``encoders/NAME.npz``.

    Raises:
        ModelFileError: It is not there.
    """
    folder = _folder()
    path = (folder or Path("models")) / "encoders" / f"{name}.npz"
    if not path.is_file():
        raise ModelFileError(f"{path}: encoder weights are missing", hint="install fcn-edge again")
    return path


@dataclass(frozen=True, slots=True)
class ShippedInfo:
    """A shipped model file, read without any runtime."""

    path: Path
    name: ModelName
    size_bytes: int
    card: ModelCard | None


def shipped_info() -> tuple[ShippedInfo, ...]:
    """Describe all shipped models, in the order of :func:`shipped_models`."""
    return tuple(ShippedInfo(file, parse_name(file), file.stat().st_size, read_card(file)) for file in shipped_models())


def resolve(model: str | Path) -> Path:
    """Find the file that MODEL means: an existing path first, then a shipped model.

    Args:
        model: A model file, a run folder (its ``model.keras`` is meant), the name of a shipped model (``people``: the
            file that ``tune`` chose for this device, else its int8 TFLite, else int8 ONNX, else whatever there is) or
            of a shipped file (``people.fp32.onnx``).

    Raises:
        UsageError: Nothing of that name exists; the hint lists the shipped models.
        ModelFileError: A folder without ``model.keras``.
    """
    path = Path(model)
    if path.is_file():
        return path
    if (path / RUN_MODEL).is_file():
        return path / RUN_MODEL
    shipped = shipped_models()
    for file in shipped:
        if str(model) == parse_name(file).name:
            chosen = choice.find(_shipped_family(str(model), shipped))
            return file if chosen is None else chosen.path
        if str(model) == file.name:
            return file
    if path.is_dir():
        hint = "name a model file inside it, or train: fcn-edge train DATA --out DIR"
        raise ModelFileError(f"{path}: a folder without {RUN_MODEL}; a run folder was expected", hint=hint)
    names = ", ".join(dict.fromkeys(parse_name(file).name for file in shipped)) or "none in this installation"
    raise UsageError(f"{model}: neither a file nor a shipped model", hint=f"check the path; shipped models: {names}")


def find_family(model: str | Path, *, siblings: bool = False) -> Family:
    """List the files that MODEL may be run from: all of a shipped model's name, else the one file.

    Args:
        model: As in :func:`resolve`.
        siblings: Of a file, also those beside it that are the same model in another precision or format.

    Raises:
        UsageError: Nothing of that name exists.
        ModelFileError: A folder without ``model.keras``, or the file's name is of no format that can be run.
    """
    shipped = shipped_models()
    path = Path(model)
    is_path = path.is_file() or (path / RUN_MODEL).is_file()
    if not is_path and any(parse_name(file).name == str(model) for file in shipped):
        return _shipped_family(str(model), shipped)
    path = resolve(model)
    name = parse_name(path)
    beside = []
    if siblings:
        found = (file for known in FORMATS for file in path.parent.glob(f"*.{known}") if not file.name.startswith("."))
        beside = [file for file in found if file != path and _is_sibling(parse_name(file), name)]
    return Family(path.name, path, (path, *sorted(beside, key=lambda file: _preference(parse_name(file)))))


def find_choice(model: str | Path) -> TuneChoice | None:
    """Look up what ``tune`` chose for MODEL on this device: file, backend, threads, delegate.

    Args:
        model: As in :func:`resolve`.

    Returns:
        None where it chose nothing, or the file, the runtime or the device is another one since.

    Raises:
        UsageError: Nothing of that name exists.
        ModelFileError: As :func:`find_family`.
    """
    return choice.find(find_family(model, siblings=True))


def _shipped_family(name: str, shipped: tuple[Path, ...]) -> Family:
    return Family(name, None, tuple(file for file in shipped if parse_name(file).name == name))


def _is_sibling(one: ModelName, other: ModelName) -> bool:
    return one.name == other.name and one.output == other.output


def _preference(name: ModelName) -> tuple[str, int, int, int]:
    # Any exported file of a lower precision comes before .keras, which needs TensorFlow.
    return (
        name.name,
        (0 if name.format != "keras" else 1) + (2 if name.output == "labels" else 0),
        _PRECISION_ORDER.index(name.precision),
        FORMATS.index(name.format),
    )


def _folder() -> Path | None:
    package = Path(fcn_edge.__file__).parent
    installed = package / "shipped"
    if installed.is_dir():
        return installed
    # In the source tree they lie beside the package; beside an installed one any folder could be called models.
    source = package.parent / "models"
    return source if source.is_dir() and (package.parent / "pyproject.toml").is_file() else None
