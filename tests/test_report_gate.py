"""The page and the JUnit of a gate."""

from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invented_results import GOLDEN, gate_content

from fcn_edge.atomic import write_report
from fcn_edge.errors import ResultFileError, UsageError
from fcn_edge.measure.report import make_report
from fcn_edge.measure.report.block import Heading, Intervals, Notes, Picture, Table
from fcn_edge.measure.report.junit import render_junit

CONTENT = gate_content()


def _gate(folder: Path, **changes):
    content = copy.deepcopy(CONTENT) | changes
    write_report(folder / "gate.json", "gate", content)
    return make_report([folder / "gate.json"])


def _check(verdict: str, **more):
    known = {
        "name": "latency",
        "value": 1.2,
        "limit": 1.1,
        "unit": "ratio",
        "interval": None,
        "detail": "",
        "hint": None,
    }
    return {**known, "worst": [], "verdict": verdict, **more}


def _suite(text: str) -> ET.Element:
    suite = ET.fromstring(text.encode()).find("testsuite")  # noqa: S314 - our own text
    assert suite is not None
    return suite


@pytest.mark.parametrize(
    ("verdict", "strict", "tone"),
    [
        ("pass", True, "good"),
        ("fail", False, "bad"),
        ("inconclusive", False, "plain"),
        ("inconclusive", True, "bad"),
        ("incomparable", False, "plain"),
    ],
)
def test_the_verdict_is_the_first_sentence(tmp_path, verdict, strict, tone):
    (section,) = _gate(tmp_path, verdict=verdict, strict=strict, checks=[_check(verdict)]).sections
    assert section.verdicts[0].text.startswith("The gate ")
    assert section.verdicts[0].tone == tone


def test_files_of_the_same_name_are_told_apart_by_their_folders(tmp_path):
    (section,) = _gate(tmp_path).sections
    assert "build/nuclei.int8.tflite against base/nuclei.int8.tflite" in section.verdicts[0].text


def test_each_check_that_does_not_pass_is_a_sentence_with_its_way_out(tmp_path):
    (section,) = _gate(tmp_path).sections
    assert [verdict.text.partition(":")[0] for verdict in section.verdicts[1:]] == [
        "latency",
        "iou.debris & <dust>",
        "iou.nucleus",
    ]
    notes = next(block for block in section.blocks if isinstance(block, Notes))
    assert [note.name for note in notes.items] == ["latency", "iou.debris & <dust>", "iou.nucleus"]


def test_worst_pictures_are_shown_once_and_those_that_have_gone_are_named(tmp_path):
    shutil.copy(GOLDEN / "worst.png", tmp_path)
    (section,) = _gate(tmp_path).sections
    assert [block.path.name for block in section.blocks if isinstance(block, Picture)] == ["worst.png"]
    (table,) = (b for b in section.blocks if isinstance(b, Table) and b.caption == "The images that lost most")
    assert [row[1] for row in table.rows] == ["scene_0011"]


def test_the_threshold_is_drawn_where_it_is_one_of_this_ratio(tmp_path):
    (relative,) = _gate(tmp_path).sections
    (budget,) = _gate(tmp_path, mode="budget").sections
    assert next(b for b in relative.blocks if isinstance(b, Intervals)).limit == 1.1
    assert next(b for b in budget.blocks if isinstance(b, Intervals)).limit is None


def test_a_gate_on_accuracy_alone_has_no_latency(tmp_path):
    (section,) = _gate(tmp_path, mode="accuracy", bench=None, confirmation=None, base=None).sections
    assert [block.text for block in section.blocks if isinstance(block, Heading)] == ["Accuracy and agreement"]


def test_a_gate_on_latency_alone_has_no_accuracy(tmp_path):
    (section,) = _gate(tmp_path, compare=None, confirmation=None).sections
    assert [block.text for block in section.blocks if isinstance(block, Heading)] == ["Latency"]


def test_junit_has_one_test_for_each_check():
    suite = _suite(render_junit(CONTENT))
    assert [case.get("name") for case in suite.iter("testcase")] == [check["name"] for check in CONTENT["checks"]]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6",
        "failures": "2",
        "errors": "0",
        "skipped": "1",
    }


@pytest.mark.parametrize(
    ("verdict", "strict", "outcome"),
    [
        ("pass", True, None),
        ("fail", False, "failure"),
        ("inconclusive", False, "skipped"),
        ("incomparable", False, "skipped"),
        ("inconclusive", True, "failure"),
        ("incomparable", True, "failure"),
    ],
)
def test_junit_is_red_where_the_gate_is(verdict, strict, outcome):
    checks = [_check(verdict, detail="why")]
    (case,) = _suite(render_junit(CONTENT | {"checks": checks, "strict": strict})).iter("testcase")
    found = [element for element in case if element.tag != "system-out"]
    assert [(element.tag, element.get("message")) for element in found] == (
        [] if outcome is None else [(outcome, "why")]
    )


def test_a_gate_without_checks_shows_its_verdict_in_junit():
    (case,) = _suite(render_junit(CONTENT | {"checks": [], "verdict": "incomparable"})).iter("testcase")
    assert case.find("skipped") is not None


def test_junit_tells_models_machine_and_reliability():
    properties = {p.get("name"): p.get("value") for p in _suite(render_junit(CONTENT)).iter("property")}
    assert properties["env.board"] == "Raspberry Pi 4 Model B Rev 1.4"
    assert properties["env.isa"] == "neon"
    assert properties["base"] == "base/nuclei.int8.tflite"
    assert properties["reliability"] == "reliable"


@given(st.text())
def test_junit_can_be_read_whatever_names_and_messages_hold(text):
    checks = [_check("fail", name=text, detail=text, hint=text, worst=[{"id": text, "pixel": 0.5, "picture": text}])]
    (case,) = _suite(render_junit(CONTENT | {"checks": checks})).iter("testcase")
    assert "\x1b" not in "".join(case.itertext())


def test_control_characters_are_written_as_their_escapes():
    checks = [_check("fail", detail="a\x1b[31mred\x00")]
    (case,) = _suite(render_junit(CONTENT | {"checks": checks})).iter("testcase")
    assert case.find("failure").get("message") == "a\\x1b[31mred\\x00"


@pytest.mark.skipif(shutil.which("xmllint") is None, reason="xmllint is not installed")
def test_junit_is_valid_against_its_schema(tmp_path):
    path = tmp_path / "gate.xml"
    for changes in ({}, {"checks": []}, {"strict": True}, {"bench": None, "compare": None, "base": None}):
        path.write_text(render_junit(CONTENT | changes), encoding="utf-8")
        command = ["xmllint", "--noout", "--schema", str(GOLDEN / "junit.xsd"), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_junit_has_the_structure_that_is_read_everywhere():
    """What the schema says, without a tool to check it."""
    root = ET.fromstring(render_junit(CONTENT).encode())  # noqa: S314 - our own text
    assert root.tag == "testsuites"
    (suite,) = root
    assert [element.tag for element in suite] == ["properties"] + ["testcase"] * 6
    for case in suite.iter("testcase"):
        assert set(case.attrib) == {"name", "classname", "time"}
        assert [element.tag for element in case][-1] == "system-out"
        assert {element.tag for element in case} <= {"failure", "skipped", "system-out"}
        assert len(case) <= 2


def test_junit_needs_exactly_one_gate(tmp_path):
    with pytest.raises(UsageError, match="no result of a gate"):
        make_report([GOLDEN / "bench.json"]).junit()
    with pytest.raises(UsageError, match="2 results of gates"):
        make_report([GOLDEN / "gate.json"] * 2).junit()


def test_a_gate_that_does_not_read_as_one_is_refused(tmp_path):
    write_report(tmp_path / "gate.json", "gate", {"verdict": "pass"})
    with pytest.raises(ResultFileError, match="does not read as one"):
        make_report([tmp_path / "gate.json"])
