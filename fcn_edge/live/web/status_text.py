"""The state of a run as JSON, made a few times a second at most, however many ask."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

from fcn_edge.live.frame import Clock
from fcn_edge.live.status import AskStatus

_KEPT_S = 0.45

_LOG = logging.getLogger(__name__)


class StatusText:
    """Asks for the state of the run and keeps the answer for a moment.

    Args:
        ask: Takes one look.
        clock: Monotonic seconds.
    """

    def __init__(self, ask: AskStatus, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._kept: dict[str, Any] = {}
        self._asked_at = -math.inf

    def status(self) -> dict[str, Any]:
        """Give the state as plain data that JSON can hold."""
        now = self._clock()
        if now - self._asked_at >= _KEPT_S:
            self._kept = _plain(self._ask().to_dict())
            self._asked_at = now
        return self._kept

    def message(self, **more: Any) -> str:  # noqa: ANN401 - whatever JSON holds
        """Give the text message for a page; its status is null where the run cannot tell."""
        status: dict[str, Any] | None = None
        try:
            status = self.status()
        except Exception:  # noqa: BLE001 - a page without figures is better than none
            _LOG.exception("the state of the run cannot be told")
        return json.dumps({"type": "status", "status": status, **more}, separators=(",", ":"))


def _plain(value: Any) -> Any:  # noqa: ANN401 - walks through whatever a dataclass held
    """Replace what JSON does not know: a browser refuses NaN and infinity."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
