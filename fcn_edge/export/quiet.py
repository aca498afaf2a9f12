"""Keeping the chatter of TensorFlow and the converters away from the user."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

from fcn_edge.runtime.native_log import held_back


@contextlib.contextmanager
def silenced(*, enabled: bool = True) -> Iterator[None]:
    """Swallow what the block logs, warns of or writes to standard error from C++. Exceptions pass.

    Args:
        enabled: False lets everything through, for ``--debug``.
    """
    if not enabled:
        yield
        return
    disabled = logging.root.manager.disable
    try:
        with held_back(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.disable(logging.CRITICAL)
            yield
    finally:
        logging.disable(disabled)
