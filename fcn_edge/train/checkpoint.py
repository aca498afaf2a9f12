"""The state of an unfinished training, in one file that is replaced whole after each epoch."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.atomic import replacing
from fcn_edge.errors import UsageError

FILE_NAME = "checkpoint.npz"
_GROUPS = ("variables", "optimizer", "best", "average")

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything a run needs to go on as if it had not been stopped.

    Attributes:
        state: JSON values: settings, epochs so far, best epoch.
        variables: Of the network, weights and random states.
        optimizer: Of the optimizer.
        best: Weights of the best epoch.
        average: The moving average of the weights; empty where none is kept.
    """

    state: dict[str, Any]
    variables: tuple[Array, ...]
    optimizer: tuple[Array, ...]
    best: tuple[Array, ...]
    average: tuple[Array, ...] = ()


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint.npz`` into *folder*, whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    arrays: dict[str, Array] = {"state": np.array(json.dumps(checkpoint.state))}
    for group in _GROUPS:
        arrays |= {f"{group}_{index:04d}": array for index, array in enumerate(getattr(checkpoint, group))}
    with replacing(folder / FILE_NAME) as temporary:
        np.savez(temporary, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its own options


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """Read the checkpoint of *folder*; None where there is none.

    Raises:
        UsageError: It cannot be read.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        # Opened here, because np.load leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in sorted(stored.files)}
        state = json.loads(str(arrays.pop("state")))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{path}: cannot be read as a checkpoint: {error}", hint="begin anew with --fresh, or give another --out"
        ) from error
    groups = {
        group: tuple(array for name, array in arrays.items() if name.startswith(group + "_")) for group in _GROUPS
    }
    return Checkpoint(state, **groups)


def require_same_settings(path: Path, stored: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse to resume a run under settings that it was not begun with.

    Raises:
        UsageError: They differ; the message names each difference.
    """
    # A setting that there was not yet when the run was begun is as if it were off.
    keys = sorted(stored.keys() | wanted.keys())
    differing = [key for key in keys if (stored.get(key) or None) != (wanted.get(key) or None)]
    if differing:
        told = ", ".join(f"{key} was {stored.get(key)!r} and is now {wanted.get(key)!r}" for key in differing)
        raise UsageError(
            f"{path}: holds a run with other settings: {told}",
            hint="give the same settings to resume it, --fresh to begin anew, or another --out",
        )


def assign(variables: Sequence[Any], arrays: Sequence[Array], path: Path) -> None:
    """Put stored *arrays* into Keras *variables*, in order.

    Raises:
        UsageError: Their number or shapes differ (another version of Keras or of this package).
    """
    same = [tuple(v.shape) for v in variables] == [a.shape for a in arrays]
    if not same:
        raise UsageError(
            f"{path}: its checkpoint does not fit this network, as after an update", hint="begin anew with --fresh"
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
