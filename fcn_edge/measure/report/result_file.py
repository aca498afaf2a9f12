"""Reading result files: any JSON that a command of ours wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn_edge.atomic import REPORT_SCHEMA_VERSION
from fcn_edge.errors import ResultFileError, UsageError

_HINT = "give a file that a command of fcn-edge wrote with --json, or an export.json"


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A result as read; keys that this version does not know are still in *content*."""

    path: Path
    kind: str
    content: Mapping[str, Any]


def read_result(path: Path | str) -> ResultFile:
    """Read a result file.

    Raises:
        UsageError: It does not exist.
        ResultFileError: It is not JSON, not one of our results, or of a newer schema.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(f"{path}: does not exist", hint=_HINT) from error
    except OSError as error:
        raise ResultFileError(f"{path}: cannot be read: {error.strerror or error}", hint=_HINT) from error
    except ValueError as error:
        raise ResultFileError(f"{path}: is not JSON: {error}", hint=_HINT) from error
    if not isinstance(content, dict) or not isinstance(content.get("kind"), str):
        raise ResultFileError(f"{path}: is JSON, but not a result of fcn-edge: it has no kind", hint=_HINT)
    version = content.get("schema_version")
    if not isinstance(version, int) or version > REPORT_SCHEMA_VERSION:
        message = f"{path}: has schema version {version}, this fcn-edge reads up to {REPORT_SCHEMA_VERSION}"
        raise ResultFileError(message, hint="pip install --upgrade fcn-edge")
    return ResultFile(path, content["kind"], content)
