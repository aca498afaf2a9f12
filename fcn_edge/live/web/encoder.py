"""The thread that encodes results for viewers, once for all of them and only when one is waiting."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fcn_edge.card import ClassSpec
from fcn_edge.live.painter import OPACITY
from fcn_edge.live.web.config import WebConfig
from fcn_edge.live.web.message import encode_jpeg, encode_message, shrink
from fcn_edge.live.web.newest import Copy, Newest
from fcn_edge.overlay import draw_legend, draw_overlay

PAGE = "page"
"""A message with picture and mask, for the page."""
OVERLAY = "overlay"
"""A JPEG with the overlay drawn on it, for other programs."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A result in one form.

    Attributes:
        number: Of the copy it was made from.
        form: ``page`` or ``overlay``.
        data: What goes over the network.
    """

    number: int
    form: str
    data: bytes


class Encoder:
    """Encodes what *newest* has and somebody wants, in a thread of its own.

    Args:
        newest: Closed here.
        classes: In id order.
        config: Size and quality.
        publish: Given each encoding, in the encoder's thread.
    """

    def __init__(
        self, newest: Newest, classes: Sequence[ClassSpec], config: WebConfig, publish: Callable[[Encoded], None]
    ) -> None:
        self._newest = newest
        self._classes = tuple(classes)
        self._config = config
        self._publish = publish
        self._thread = threading.Thread(target=self._work, name="fcn-edge-web-encoder", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """End after the encoding in work."""
        self._newest.close()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _work(self) -> None:
        while (taken := self._newest.take()) is not None:
            copy, forms = taken
            for form in forms:
                self._encode_and_publish(copy, form)

    def _encode_and_publish(self, copy: Copy, form: str) -> None:
        try:
            self._publish(Encoded(copy.number, form, self._encode(copy, form)))
        except Exception:  # noqa: BLE001 - one picture that cannot be encoded is no reason to show none any more
            _LOG.exception("result %d cannot be encoded as %s", copy.number, form)

    def _encode(self, copy: Copy, form: str) -> bytes:
        limits = self._config
        if form == PAGE:
            return encode_message(copy, max_width=limits.max_width, jpeg_quality=limits.jpeg_quality)
        image, labels = shrink(copy.image_bgr, copy.labels, limits.max_width)
        picture = draw_legend(draw_overlay(image, labels, self._classes, opacity=OPACITY), self._classes)
        return encode_jpeg(picture, limits.jpeg_quality)
