"""A window on the desktop. OpenCV wants everything about it in the main thread."""

from __future__ import annotations

import ctypes
import os
import sys

import cv2
import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import OutputError
from fcn_edge.live.handover import Handover
from fcn_edge.live.result import Result

_ESCAPE = 27
_NO_KEY = -1
_TURN_S = 0.02


def why_no_window() -> str | None:
    """Tell why no window can be opened here; None if one can.

    Asked beforehand because Qt, inside OpenCV, answers a display that cannot be reached by aborting the process.
    """
    try:
        framework = cv2.currentUIFramework()
    except (AttributeError, cv2.error):
        framework = ""
    if not framework:
        return "this OpenCV was built without windows (opencv-python-headless)"
    if not sys.platform.startswith("linux"):
        return None
    if os.environ.get("WAYLAND_DISPLAY") and framework.startswith("GTK"):
        return None
    display = os.environ.get("DISPLAY")
    if not display:
        return "there is no display (DISPLAY is not set)"
    return None if _x11_answers() else f"the display {display} does not answer, or not to this user"


def _x11_answers() -> bool:
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        # The opencv wheel brings its own copy under another name; without the system's the question stays open.
        return True
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XOpenDisplay.argtypes = [ctypes.c_char_p]
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    display = x11.XOpenDisplay(None)
    if display:
        x11.XCloseDisplay(display)
    return bool(display)


class WindowFeed:
    """The sink's side of a window: keeps the newest picture and never waits for the window."""

    name = "window"
    needs_picture = True
    needs_frame = False

    def __init__(self) -> None:
        self._newest = Handover[NDArray[np.uint8]](1, drop_oldest=True)

    def write(self, result: Result, picture_bgr: NDArray[np.uint8]) -> None:
        """Leave a picture for the window; one that it has not shown yet is replaced."""
        del result
        self._newest.put(picture_bgr.copy())

    def take(self, timeout_s: float) -> NDArray[np.uint8] | None:
        """Give the newest picture not yet taken, waiting up to *timeout_s* for one."""
        return self._newest.get(timeout_s)

    def close(self) -> None:
        """End the feed; the last picture can still be taken."""
        self._newest.close()


class Window:
    """The main thread's side of a window: shows what the feed has and listens to the keyboard.

    Args:
        feed: Where pictures come from.
        title: Of the window.
    """

    def __init__(self, feed: WindowFeed, title: str) -> None:
        self._feed = feed
        self._title = title
        self._is_open = False

    def turn(self) -> bool:
        """Give the window a moment to draw and listen; False when the user pressed q or Esc or closed it.

        Raises:
            OutputError: The window cannot be opened or drawn.
        """
        picture = self._feed.take(_TURN_S)
        try:
            if picture is not None:
                self._show(picture)
            if not self._is_open:
                return True
            key = cv2.waitKey(1)
        except cv2.error as error:
            message = f"the window cannot be shown: {error.err}"
            raise OutputError(message, hint="run without: --view none --record film.mkv") from error
        return self._is_visible() and (key == _NO_KEY or key & 0xFF not in (ord("q"), ord("Q"), _ESCAPE))

    def close(self) -> None:
        """Close the window. May be called twice."""
        if self._is_open:
            self._is_open = False
            cv2.destroyAllWindows()
            # The windows go when the event loop turns once more.
            cv2.waitKey(1)

    def _is_visible(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:
            # Qt takes everything down with its last window and then knows of none.
            return False

    def _show(self, picture: NDArray[np.uint8]) -> None:
        if not self._is_open:
            # GUI_NORMAL leaves out Qt's toolbar; NORMAL lets the user change the size.
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(self._title, picture.shape[1], picture.shape[0])
            self._is_open = True
        cv2.imshow(self._title, picture)
