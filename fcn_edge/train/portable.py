"""Making a ``.keras`` file readable by older versions of Keras 3 than the one that wrote it."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

from fcn_edge.atomic import replacing
from fcn_edge.model_file.keras_format import CONFIG_MEMBER

# Options that Keras 3.15 writes for every layer or initialiser and that 3.12, the newest for Python 3.10 and so for
# JetPack 6, refuses to read, with the values at which they change nothing.
_NEWER_OPTIONS: dict[str, Any] = {
    "input_axes": None,
    "output_axes": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}


def make_portable(path: Path) -> None:
    """Drop from a ``.keras`` file the options that older versions do not know, where they say nothing."""
    with replacing(path) as temporary, zipfile.ZipFile(path) as archive, zipfile.ZipFile(temporary, "w") as written:
        for info in archive.infolist():
            if info.filename == CONFIG_MEMBER:
                written.writestr(info, json.dumps(_without_newer_options(json.loads(archive.read(info)))))
            else:
                with archive.open(info) as old, written.open(info, "w") as new:
                    shutil.copyfileobj(old, new)


def _without_newer_options(config: Any) -> Any:  # noqa: ANN401 - JSON
    """Copy *config* without newer options, at any depth; batch renormalisation in use keeps all of its own."""
    if isinstance(config, list):
        return [_without_newer_options(part) for part in config]
    if not isinstance(config, dict):
        return config
    unused = set() if config.get("renorm") else {k for k, value in _NEWER_OPTIONS.items() if config.get(k) == value}
    return {key: _without_newer_options(value) for key, value in config.items() if key not in unused}
