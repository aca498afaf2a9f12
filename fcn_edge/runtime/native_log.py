"""Holding back what native libraries say on standard error while a model is opened."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Send file descriptor 2 to nowhere inside the block.

    Native runtimes print greetings ("Created TensorFlow Lite XNNPACK delegate") past Python, and offer no switch but
    environment variables read at import. What they have to say about a failure is in their exceptions. Python's own
    ``sys.stderr`` is flushed before, so nothing of ours is lost; other threads should not print meanwhile.
    """
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError, AttributeError):
        # No standard error (a daemon, pythonw): nothing to hold back.
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
