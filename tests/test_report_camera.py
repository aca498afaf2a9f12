"""What the page says of a camera that ran for long."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fcn_edge.measure.report.block import Facts
from fcn_edge.measure.report.camera_section import camera_section
from fcn_edge.measure.report.result_file import ResultFile

GOLDEN = json.loads((Path(__file__).parent / "golden" / "camera.json").read_text())


def _minute(fps, inference_ms, total_ms):
    return {
        "begins_s": 0.0,
        "frames": 60,
        "fps": fps,
        "inference_ms": inference_ms,
        "capture_to_result_ms": total_ms,
    }


def _section(**content):
    return camera_section(ResultFile(Path("camera.json"), "camera", {**GOLDEN, **content}))


def _facts(section):
    return dict(next(block for block in section.blocks if isinstance(block, Facts)).pairs)


@pytest.mark.parametrize(("last_ms", "tone"), [(30.5, "good"), (45.0, "bad")])
def test_the_sustained_figure_is_the_headline_and_a_slower_machine_is_bad(last_ms, tone):
    sustained = {"first_minute": _minute(30.0, 30.0, 34.0), "last_minute": _minute(22.0, last_ms, 50.0)}
    verdict = _section(sustained=sustained).verdicts[1]
    assert verdict.text.startswith(f"Sustained, in the last minute: 22.0 frames a second, inference {last_ms:.1f} ms")
    assert verdict.tone == tone


def test_an_output_that_failed_and_a_machine_that_was_hot_are_said():
    section = _section(
        outputs={"written": 5, "dropped": 3, "each": {"recording": {"written": 5, "dropped": 3, "error": "no room"}}},
        machine={"throttled": True, "undervoltage": True, "temperature_c": 84.6},
    )
    texts = [verdict.text for verdict in section.verdicts if verdict.tone == "bad"]
    assert texts == [
        "recording: no room",
        "The machine slowed itself down during the run: too hot, or at its limits.",
        "The supply was too weak during the run.",
    ]
    assert _facts(section)["outputs"] == "recording: 5 written, 3 dropped"
    assert _facts(section)["temperature"] == "at most 85 °C"


def test_losses_smoothing_and_memory_are_among_the_facts():
    facts = _facts(
        _section(
            source_health={"losses": 3, "reconnects": 2, "gaps": 1, "gap_s": 7.25},
            smoothing={"seconds": 0.3, "cost_ms": {"p50": 0.12}},
            machine={"resident_mb": 120.4, "resident_peak_mb": 131.0, "resident_growth_mb": 1.25},
        )
    )
    assert facts["source"] == "lost 3 times, came back 2 times; 1 gaps; 7.2 s without frames"
    assert facts["smoothing"] == "over 0.3 s, 0.12 ms a frame"
    assert facts["memory"] == "120 MB, at most 131 MB, +1.2 MB since the first minute"


def test_a_result_of_an_older_version_has_none_of_it():
    section = _section()
    assert len(section.verdicts) == 1
    assert not {"source", "outputs", "smoothing", "memory", "temperature"} & set(_facts(section))
