"""A gate's result as JUnit XML, which every CI system shows as tests: one for each check."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from fcn_edge.measure.wording import NONE, limit_of_check, quantity, quantity_interval

# What XML 1.0 cannot carry, not even as a reference.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNDECIDED = ("inconclusive", "incomparable")
_SUITE = "fcn-edge gate"


def render_junit(content: Mapping[str, Any]) -> str:
    """Write a gate's result as JUnit XML, UTF-8, in the structure that Jenkins, GitLab and others read.

    A failed check is a failure. One that nothing could be decided of is skipped, with the reason; where the gate was
    strict, and such a check turned it red, it is a failure too.

    Args:
        content: Of a result of kind ``gate``; missing keys raise KeyError.
    """
    checks = content["checks"] or [_whole(content)]
    suite = ET.Element("testsuite", {"name": _SUITE, **_counts(content, checks), "time": f"{content['seconds']:.3f}"})
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(content):
        ET.SubElement(properties, "property", {"name": _clean(name), "value": _clean(value)})
    for check in checks:
        _add_case(suite, check, content)
    root = ET.Element("testsuites", {"name": _SUITE, **{k: v for k, v in suite.items() if k in _TOTALS}})
    root.append(suite)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


_TOTALS = ("tests", "failures", "errors", "time")


def _whole(content: Mapping[str, Any]) -> dict[str, Any]:
    """Stand in for the checks of a gate that could make none, so that its verdict is seen."""
    return {"name": "gate", "verdict": content["verdict"], "value": None, "limit": None, "unit": ""}


def _counts(content: Mapping[str, Any], checks: list[Mapping[str, Any]]) -> dict[str, str]:
    outcomes = [_outcome(check, content) for check in checks]
    return {
        "tests": str(len(checks)),
        "failures": str(outcomes.count("failure")),
        "errors": "0",
        "skipped": str(outcomes.count("skipped")),
    }


def _outcome(check: Mapping[str, Any], content: Mapping[str, Any]) -> str | None:
    if check["verdict"] == "fail":
        return "failure"
    if check["verdict"] in _UNDECIDED:
        return "failure" if content.get("strict") else "skipped"
    return None


def _add_case(suite: ET.Element, check: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    group = f"fcn_edge.gate.{content['mode']}"
    case = ET.SubElement(suite, "testcase", {"classname": _clean(group), "name": _clean(check["name"]), "time": "0"})
    outcome = _outcome(check, content)
    detail = "\n".join(_detail(check))
    if outcome is not None:
        message = {"type": _clean(check["verdict"]), "message": _clean(_message(check))}
        ET.SubElement(case, outcome, message).text = _clean(detail)
    ET.SubElement(case, "system-out").text = _clean(detail)


def _message(check: Mapping[str, Any]) -> str:
    return str(check.get("detail") or f"{check['name']}: {check['verdict']}")


def _detail(check: Mapping[str, Any]) -> Iterator[str]:
    yield _message(check)
    unit = check.get("unit") or ""
    yield f"value {quantity(check['value'], unit)}, {limit_of_check(check['name'], check['limit'], unit)}"
    if check.get("interval"):
        yield f"interval {quantity_interval(check['interval'], unit)}"
    for sample in check.get("worst") or ():
        picture = f", {sample['picture']}" if sample.get("picture") else ""
        yield f"worst image {sample['id']}: agreement {quantity(sample['pixel'], 'share')}{picture}"
    if check.get("hint"):
        yield f"hint: {check['hint']}"


def _properties(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "verdict", content["verdict"]
    yield "mode", content["mode"]
    yield "threshold", NONE if content.get("threshold") is None else str(content["threshold"])
    for role in ("base", "head", "reference"):
        model = content.get(role)
        if model:
            yield role, str(model["path"])
            yield f"{role}.fingerprint", str(model["fingerprint"])
    if content.get("baseline"):
        yield "baseline", str(content["baseline"])
    reliability = (content.get("bench") or {}).get("reliability")
    if reliability:
        yield "reliability", ", ".join([reliability["verdict"], *reliability["flags"]])
    for name, value in (content.get("env") or {}).items():
        if isinstance(value, Mapping):
            yield from ((f"env.{name}.{key}", str(part)) for key, part in value.items())
        elif value not in (None, "", [], ()):
            yield f"env.{name}", ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _clean(text: object) -> str:
    """Replace what XML cannot carry by its escape in Python."""
    return _FORBIDDEN.sub(lambda found: found.group().encode("unicode_escape").decode(), str(text))
