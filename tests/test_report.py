"""Reports: golden pages compared whole, and what is refused.

The golden files are made by ``python tests/test_report.py``; look at them in a browser before committing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import fcn_edge
from fcn_edge.errors import ResultFileError, UsageError
from fcn_edge.measure.report import SECTIONS, Report, make_report, write_report_pages
from fcn_edge.measure.report.block import Bar, Bars, Stack
from fcn_edge.measure.report.svg import bars_svg, stack_svg

GOLDEN = Path(__file__).parent / "golden"
# Of each golden page, the results it is made of; given out of order on purpose: the page has its own.
PAGES = {
    "report": ("camera", "export", "compare"),
    "bench": ("bench",),
    "boards": ("compare", "bench", "bench_noisy"),
    "gate": ("gate",),
}


def make_golden(page: str) -> Report:
    return make_report([GOLDEN / f"{kind}.json" for kind in PAGES[page]], title="Golden <report>")


def golden_texts() -> Iterator[tuple[str, str]]:
    """Give the name and the text of every golden file that is rendered."""
    for page in PAGES:
        report = make_golden(page)
        yield f"{page}.html", report.html()
        yield f"{page}.md", report.markdown()
    yield "gate.xml", make_golden("gate").junit()
    smaller, bigger = make_golden("boards").github_benchmark()
    yield from (("github-smaller.json", smaller), ("github-bigger.json", bigger))
    yield "bencher.json", make_golden("boards").bencher()


@pytest.fixture
def report(monkeypatch) -> Report:
    monkeypatch.setattr(fcn_edge, "__version__", "GOLDEN")
    return make_golden("report")


@pytest.fixture(params=PAGES)
def page(request) -> str:
    """Every golden page, as HTML."""
    return (GOLDEN / f"{request.param}.html").read_text(encoding="utf-8")


def test_everything_rendered_is_as_before(monkeypatch):
    monkeypatch.setattr(fcn_edge, "__version__", "GOLDEN")
    for name, text in golden_texts():
        assert text == (GOLDEN / name).read_text(encoding="utf-8"), name


def test_the_page_asks_nothing_of_the_network(page):
    links = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')\s>]+)', page)

    assert all(link.startswith("data:") for link in links)
    assert "<script" not in page
    assert "@import" not in page
    # A browser refuses what slips through nevertheless.
    assert "default-src 'none'" in page


def test_every_tag_of_the_page_is_closed(page):
    assert _unclosed(page) == []


def test_no_place_on_a_chart_is_missing(page):
    assert not re.search(r"\b(nan|inf|None)\b", page)


def test_names_of_users_are_escaped(report):
    assert "debris &amp; &lt;dust&gt;" in report.html()
    assert "<dust>" not in report.html()
    assert "debris & \\<dust\\>" in report.markdown()


def test_the_verdicts_come_first_and_a_loss_is_marked(report):
    page = report.html()

    assert page.index('class="bad"') < page.index("<section>")
    assert "broken.int8.tflite loses 29.43 points of mIoU" in page
    assert [v.tone for v in report.sections[0].verdicts] == ["good", "bad"]


def test_a_picture_that_has_gone_is_passed_over(report):
    assert report.html().count("data:image/png;base64,") == 1


def test_without_masks_the_verdict_is_the_agreement(tmp_path):
    content = json.loads((GOLDEN / "compare.json").read_text())
    for variant in content["variants"]:
        variant["miou"] = variant["pixel_accuracy"] = None
        variant["per_class_iou"] = dict.fromkeys(content["classes"])
    verdicts = make_report([_written(tmp_path, content)]).sections[0].verdicts

    assert [v.tone for v in verdicts] == ["good", "bad"]
    assert "81.23 % of pixels get the same class as with nuclei.keras" in verdicts[1].text


def test_a_run_that_ended_by_an_error_is_a_bad_verdict(tmp_path):
    content = json.loads((GOLDEN / "camera.json").read_text()) | {"error": "the camera was lost", "ended_by": "error"}

    (verdict,) = make_report([_written(tmp_path, content)]).sections[0].verdicts

    assert verdict.tone == "bad"
    assert "the camera was lost" in verdict.text


def test_a_kind_that_cannot_be_shown_is_refused_by_name(tmp_path):
    path = _written(tmp_path, {"schema_version": 1, "kind": "horoscope"})

    with pytest.raises(ResultFileError, match="'horoscope'") as caught:
        make_report([path])

    assert all(kind in caught.value.hint for kind in SECTIONS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not json", "is not JSON"),
        ("[1, 2]", "has no kind"),
        ('{"kind": "compare"}', "schema version None"),
        ('{"kind": "compare", "schema_version": 99}', "schema version 99"),
        ('{"kind": "compare", "schema_version": 1}', "does not read as one"),
        ('{"kind": "camera", "schema_version": 1, "frames": 3}', "does not read as one"),
    ],
)
def test_a_file_that_is_no_result_is_refused(tmp_path, text, expected):
    path = tmp_path / "odd.json"
    path.write_text(text)

    with pytest.raises(ResultFileError, match=expected):
        make_report([path])


def test_a_file_that_does_not_exist_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        make_report([tmp_path / "none.json"])


def test_no_file_at_all_is_wrong_usage():
    with pytest.raises(UsageError, match="no result file"):
        make_report([])


def test_only_the_pages_that_were_asked_for_are_written(tmp_path, report):
    write_report_pages(report, markdown=tmp_path / "deep" / "report.md")

    assert [path.name for path in tmp_path.rglob("*.*")] == ["report.md"]


def test_bars_start_at_zero_and_a_missing_value_has_no_length():
    svg = bars_svg(Bars("IoU", ("a", "b"), (("sky", (Bar(0.5, "50.00"), Bar(None, "—"))),)))

    assert re.findall(r'class="s\d" [^>]*width="([\d.]+)%"', svg) == ["42.000", "0.000"]


def test_a_stack_fills_its_width():
    svg = stack_svg(Stack("times", (("wait", 1.0, "1 ms"), ("inference", 3.0, "3 ms"))))

    assert re.findall(r'x="([\d.]+)%" width="([\d.]+)%"', svg) == [("0.000", "25.000"), ("25.000", "75.000")]


def _written(folder: Path, content: dict) -> Path:
    path = folder / "result.json"
    path.write_text(json.dumps(content))
    return path


def _unclosed(page: str) -> list[str]:
    void = {"meta", "img", "br"}
    opened: list[str] = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in void:
                opened.append(tag)

        def handle_endtag(self, tag):
            assert opened.pop() == tag

    Checker().feed(page)
    return opened


if __name__ == "__main__":
    fcn_edge.__version__ = "GOLDEN"
    for file_name, content in golden_texts():
        (GOLDEN / file_name).write_text(content, encoding="utf-8")
