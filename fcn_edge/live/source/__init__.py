"""Where frames come from: devices, streams, films, folders. ``config`` says which, ``opening`` opens it."""

from __future__ import annotations

from fcn_edge.live.source.config import SourceConfig, check_source
from fcn_edge.live.source.opening import open_source, open_unless_stopped

__all__ = ["SourceConfig", "check_source", "open_source", "open_unless_stopped"]
