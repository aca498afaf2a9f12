"""Live progress of a round: a bar on a terminal, one line elsewhere."""

from __future__ import annotations

import io

import pytest

from fcn_edge.measure.bench.job import Job
from fcn_edge.measure.bench.show import RoundProgress

JOB = Job("round", (), "pictures.npz", blocks=10, min_seconds=1.0, time_budget_s=5.0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(stream, *, quiet=False):
    with RoundProgress(0, 2, JOB, quiet=quiet, stream=stream) as progress:
        progress.show({"event": "warm_up"})
        for block in range(6):
            progress.show({"event": "block", "block": block, "seconds": 0.1 * block})
    return stream.getvalue()


def test_a_terminal_shows_what_is_done_and_the_time_left():
    text = shown(Terminal())

    assert "round 1 of 2: loading" in text
    assert "round 1 of 2: warming up" in text
    assert "50 %, block 5, 0 s left" in text


def test_a_log_gets_one_line_for_a_round():
    assert shown(io.StringIO()) == "round 1 of 2: 0 s of blocks\n"


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_quiet_shows_nothing(stream):
    assert shown(stream, quiet=True) == ""


def test_a_round_that_failed_has_no_line():
    stream = io.StringIO()

    with pytest.raises(ValueError, match="broken"), RoundProgress(0, 1, JOB, quiet=False, stream=stream):
        raise ValueError("broken")

    assert stream.getvalue() == ""
