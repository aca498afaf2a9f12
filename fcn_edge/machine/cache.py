"""Where things are kept that belong to this machine and can be made again: choices, and engines built for a GPU."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "FCN_EDGE_CACHE"


def cache_folder() -> Path:
    """Give the folder; it need not be there yet.

    ``FCN_EDGE_CACHE`` where that is set, else ``fcn-edge`` in ``XDG_CACHE_HOME`` or in ``~/.cache``.
    """
    own = os.environ.get(VARIABLE)
    if own:
        return Path(own)
    # The standard has it that a path that is not absolute is to be ignored.
    shared = Path(os.environ.get("XDG_CACHE_HOME") or "")
    # expanduser of os.path rather than Path.home(), which raises where a service has no home.
    return (shared if shared.is_absolute() else Path(os.path.expanduser("~/.cache"))) / "fcn-edge"  # noqa: PTH111
