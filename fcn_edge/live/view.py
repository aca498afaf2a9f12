"""Choosing how people see the result: a window, a page for browsers, or not at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from fcn_edge import optional
from fcn_edge.errors import OutputError
from fcn_edge.live.config import CameraConfig
from fcn_edge.live.status import AskStatus
from fcn_edge.live.web.config import PORT
from fcn_edge.live.web.view import WebView
from fcn_edge.live.window import WindowFeed, why_no_window
from fcn_edge.runtime.segmenter import Segmenter

Tell = Callable[[str], None]


def open_view(config: CameraConfig, segmenter: Segmenter, ask: AskStatus, tell: Tell) -> WindowFeed | WebView | None:
    """Open what *config* asks for: a window where there is a display and nothing else is said, else the page.

    Args:
        config: ``view`` and ``web`` count.
        segmenter: Its classes are shown.
        ask: Takes a look at the run, for the page.
        tell: Told the page's address, or why there is no view.

    Raises:
        OutputError: What was asked for by name cannot be opened.
        MissingPackageError: The page was asked for, and its server is not installed.
    """
    if config.view == "none":
        return None
    no_window = None if config.view == "web" else why_no_window()
    if config.view == "web" or (no_window and config.view is None):
        return _open_page(config, segmenter, ask, tell, no_window)
    if no_window:
        hint = "use --view web to see it in a browser, or --view none"
        raise OutputError(f"--view window: no window can be opened: {no_window}", hint=hint)
    return WindowFeed()


def _open_page(
    config: CameraConfig, segmenter: Segmenter, ask: AskStatus, tell: Tell, no_window: str | None
) -> WebView | None:
    asked = config.view == "web"
    if not asked and not optional.available("aiohttp"):
        tell(f"no view: {no_window}, and aiohttp for the browser view is not installed; Ctrl-C ends")
        return None
    view = WebView(segmenter.classes, ask, config.web, title=segmenter.path.name)
    try:
        view.start()
    except OutputError:
        # A page nobody asked for need not be at its usual port, which another camera may have.
        if asked or config.web.port != PORT:
            raise
        view = WebView(segmenter.classes, ask, dataclasses.replace(config.web, port=0), title=segmenter.path.name)
        view.start()
    tell(f"live at {view.url}" + (f" (no window: {no_window})" if no_window else "") + "; Ctrl-C ends")
    return view
