"""Whether a window can be opened, or the browser view takes its place."""

from __future__ import annotations

from collections.abc import Iterator

from fcn_edge.doctor.finding import Finding
from fcn_edge.doctor.host import Host


def check(host: Host) -> Iterator[Finding]:
    """Look at the display as OpenCV sees it."""
    answer = host.opencv
    told = next((event for event in answer.events if "no_window" in event), None)
    if told is None:
        if answer.first and answer.failure is not None:
            text = f"asking for the display {answer.failure}"
            yield Finding("display_dies", "warning", text, advice="run the camera with --view web")
        # Otherwise OpenCV does not import, which its own check has told.
        return
    reason = told["no_window"]
    if reason is None:
        yield Finding("display", "ok", "windows can be opened (--view window)")
    elif "headless" in str(reason) and host.has_display:
        headless = [name for name in host.packages if name.startswith("opencv-") and name.endswith("-headless")]
        text = "there is a display, but OpenCV was built without windows"
        command = f"pip uninstall -y {' '.join(headless)} && pip install opencv-python" if headless else None
        advice = None if headless else "show the camera in a browser: --view web"
        yield Finding("opencv_headless", "warning", text, command=command, advice=advice)
    else:
        yield Finding("no_display", "ok", f"{reason}; the browser view takes its place (--view web)")
