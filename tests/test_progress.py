"""Progress of long work."""

from __future__ import annotations

import io

from fcn_edge.progress import track


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_plain_lines_with_rate_and_time_left():
    out = io.StringIO()
    seconds = iter(range(0, 1000, 4))
    assert list(track(range(6), total=6, description="reading", stream=out, clock=lambda: float(next(seconds)))) == [
        *range(6)
    ]
    assert out.getvalue().splitlines() == [
        "reading: 3/6 images, 0.2/s, 12 s left",
        "reading: 6 images in 28.0 s",
    ]


def test_a_terminal_gets_a_bar():
    out = Terminal()
    assert list(track("ab", total=2, description="reading", stream=out)) == ["a", "b"]
    assert "reading" in out.getvalue()
    assert "\r" in out.getvalue()


def test_quiet_says_nothing():
    out = io.StringIO()
    assert list(track("ab", total=2, description="reading", stream=out, quiet=True)) == ["a", "b"]
    assert out.getvalue() == ""
