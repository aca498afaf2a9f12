"""One opened model of a benchmark: its inputs made from the pictures, and what it makes of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.card import Activation
from fcn_edge.measure.bench.job import Job, SessionJob
from fcn_edge.model_file import read_card
from fcn_edge.runtime.backend import Backend, BackendInfo
from fcn_edge.runtime.contract import channels
from fcn_edge.runtime.description import from_card, from_names
from fcn_edge.runtime.interpreter import InterpreterBackend
from fcn_edge.runtime.pixels import Preprocessing
from fcn_edge.runtime.registry import open_backend
from fcn_edge.runtime.segmenter import Segmenter

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A model that is ready.

    Attributes:
        name: Of the session.
        segmenter: It, with its runtime.
        init_ms: From the file's path to a loaded model.
        inputs: The pictures as this model takes them.
    """

    name: str
    segmenter: Segmenter
    init_ms: float
    inputs: tuple[NDArray[Any], ...]

    def labels(self, picture_bgr: Image) -> NDArray[np.uint8]:
        """Segment a picture, ``(H, W)`` uint8 class ids at its own size."""
        return self.segmenter(picture_bgr)


def open_sessions(job: Job, pictures: Sequence[Image]) -> tuple[OpenSession, ...]:
    """Open all sessions of a job in its order.

    The runtimes' packages are imported before the clock runs: loading a model is timed, starting Python is not.

    Raises:
        UsageError, ModelFileError, MissingPackageError: As :func:`fcn_edge.runtime.registry.open_backend`.
    """
    for session in job.sessions:
        # Once before the clock, so that no session pays for the import that the others profit from.
        open_backend(session.path, backend=session.backend, threads=session.threads).close()
    return tuple(_open(session, job, pictures) for session in job.sessions)


def delegate(backend: Backend) -> str | None:
    """Name the delegate that takes a part of the graph; None where none does or the runtime does not tell."""
    if not isinstance(backend, InterpreterBackend):
        return None
    found = backend.delegation()
    return "xnnpack" if found is not None and found.delegated else None


def _open(session: SessionJob, job: Job, pictures: Sequence[Image]) -> OpenSession:
    path = Path(session.path)
    started = time.perf_counter()
    backend = open_backend(path, backend=session.backend, threads=session.threads)
    init_ms = 1000 * (time.perf_counter() - started)
    segmenter = _segmenter(path, backend, job.preprocessing, job.activation)
    # A copy, because the next picture overwrites the buffer.
    inputs = tuple(np.array(segmenter.preprocess(picture)[0]) for picture in pictures)
    return OpenSession(session.name, segmenter, init_ms, inputs)


def _segmenter(path: Path, backend: Backend, preprocessing: Preprocessing | None, activation: Activation) -> Segmenter:
    card = read_card(path)
    if card is not None:
        return Segmenter(path, backend, card, from_card(path, card, backend.info, None), None)
    description = from_names(path, backend.info, _numbered(backend.info), activation)
    return Segmenter(path, backend, None, description, preprocessing)


def _numbered(info: BackendInfo) -> list[str]:
    """Name classes by their numbers: how fast a model is does not depend on what they are called."""
    # Of class ids nobody knows how many there are; 256 fit into a byte.
    count = 256 if info.output.layout == "NHW" else max(2, channels(info.output))
    return [str(class_id) for class_id in range(count)]
