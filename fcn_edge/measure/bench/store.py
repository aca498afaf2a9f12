"""Keeping finished rounds, so that a benchmark that was killed goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from fcn_edge.atomic import output_error
from fcn_edge.errors import UsageError
from fcn_edge.measure.bench.config import BenchConfig
from fcn_edge.measure.bench.job import RoundTimes, round_from_json, to_json
from fcn_edge.measure.spec import VariantSpec
from fcn_edge.model_file import fingerprint


class RoundStore:
    """A file with one line for each finished round, after one that tells what is measured.

    Args:
        path: The file; None keeps nothing.
        key: Of what is measured, from :func:`job_key`.
        resume: Go on with the rounds that are there; False begins anew.

    Raises:
        UsageError: The file holds rounds of something else.
        OutputError: It cannot be written.
    """

    def __init__(self, path: Path | None, key: str, *, resume: bool) -> None:
        self._path = path
        self.rounds: list[RoundTimes] = []
        if path is None:
            return
        if resume and path.exists():
            self._read(path, key)
        else:
            self._write(path, json.dumps({"key": key}) + "\n", mode="w")

    def add(self, times: RoundTimes) -> None:
        """Keep a finished round; it is on the disk when this returns."""
        self.rounds.append(times)
        if self._path is not None:
            self._write(self._path, json.dumps(to_json(times)) + "\n", mode="a")

    def _read(self, path: Path, key: str) -> None:
        try:
            text = path.read_text(encoding="utf-8")
            # What was being written at the kill has no end of line, and is cut off before more is added.
            whole = text[: text.rfind("\n") + 1]
            lines = whole.splitlines()
            if json.loads(lines[0])["key"] != key:
                message = f"{path}: its rounds are of other models or settings"
                raise UsageError(message, hint="run as it was begun, or without --resume to begin anew")
            self.rounds = [round_from_json(json.loads(line)) for line in lines[1:]]
        except (IndexError, KeyError, TypeError, ValueError, OSError) as error:
            message = f"{path}: holds no finished rounds"
            raise UsageError(message, hint="run without --resume to begin anew") from error
        if whole != text:
            self._write(path, whole, mode="w")

    def _write(self, path: Path, text: str, *, mode: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open(mode, encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise output_error(path, error) from error


def job_key(specs: Sequence[VariantSpec], reference: str, config: BenchConfig, surroundings: Sequence[str] = ()) -> str:
    """Tell one benchmark from another: by its files' contents, runtimes, threads, protocol, and what else counts.

    Args:
        specs: Named.
        reference: Name of one of them.
        config: The protocol.
        surroundings: What else times depend on, such as the pictures and the machine with its packages.
    """
    parts = [
        [(spec.name, fingerprint(spec.path), spec.backend, spec.threads, config.threads) for spec in specs],
        reference,
        [config.rounds, config.blocks, config.min_seconds, config.time_budget_s, config.burst, config.dropped],
        [config.warm_up_s, config.seed, config.inputs, config.extensions],
        list(surroundings),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
