"""What the gate is put to, and what it has to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gate_proof import model_files
from gate_proof.many_classes import HARD_NAME

Gate = Mapping[str, Any]

LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One situation, and the answer that is right in it.

    Attributes:
        name: For ``--only`` and in the result.
        what: In words, with the right answer.
        base: Path of the model inside the folder of files.
        head: Likewise.
        data: Folder of the pictures and masks for accuracy, likewise.
        arguments: More arguments of ``fcn-edge gate``.
        runs: How often it is put to it.
        right: Looks at the gate's JSON and tells whether the answer is right.
        exit_code: That belongs to the answer; None where more than one may.
        reference: The float model; None where accuracy is held against the base.
        busy: A busy loop has one of the processors meanwhile.
    """

    name: str
    what: str
    base: str
    head: str
    data: str
    arguments: tuple[str, ...]
    runs: int
    right: Callable[[Gate], bool]
    exit_code: int | None
    reference: str | None = None
    busy: bool = False


def checks(gate: Gate, verdict: str) -> list[str]:
    """Name the checks with a verdict."""
    return [check["name"] for check in gate["checks"] if check["verdict"] == verdict]


def _passes(gate: Gate) -> bool:
    return bool(gate["verdict"] == "pass")


def _fails_on_latency(gate: Gate) -> bool:
    return gate["verdict"] == "fail" and checks(gate, "fail") == [LATENCY]


def _does_not_fail(gate: Gate) -> bool:
    return bool(gate["verdict"] != "fail")


def _names_classes_and_images(gate: Gate) -> bool:
    """Tell whether mIoU, agreement or both failed and at least one class did, with images that show it."""
    failed = [check for check in gate["checks"] if check["verdict"] == "fail" and check["name"] != LATENCY]
    classes = [check for check in failed if check["name"].startswith("iou.")]
    return gate["verdict"] == "fail" and len(failed) > len(classes) > 0 and all(check["worst"] for check in failed)


def _fails_on_the_hard_class_alone(gate: Gate) -> bool:
    return gate["verdict"] == "fail" and checks(gate, "fail") == [f"iou.{HARD_NAME}"]


SCENARIOS = (
    Scenario(
        "same-quiet",
        "the same file as base and head passes",
        base=model_files.BASE,
        head=model_files.BASE,
        data=model_files.SCENES,
        arguments=(),
        runs=30,
        right=_passes,
        exit_code=0,
    ),
    Scenario(
        "same-busy",
        "the same file passes with a busy loop on one of the processors",
        base=model_files.BASE,
        head=model_files.BASE,
        data=model_files.SCENES,
        arguments=(),
        runs=30,
        right=_passes,
        exit_code=0,
        busy=True,
    ),
    Scenario(
        "slower-10",
        "a head that is 10 % slower fails at 1.05",
        base=model_files.BASE,
        head=model_files.SLOWER_10,
        data=model_files.SCENES,
        arguments=("--threshold", "1.05"),
        runs=20,
        right=_fails_on_latency,
        exit_code=3,
    ),
    Scenario(
        "slower-3",
        "a head that is 3 % slower does not fail at 1.10",
        base=model_files.BASE,
        head=model_files.SLOWER_3,
        data=model_files.SCENES,
        arguments=("--threshold", "1.10"),
        runs=20,
        right=_does_not_fail,
        exit_code=0,
    ),
    Scenario(
        "black",
        "a head that was calibrated on black pictures fails on accuracy, naming classes and images",
        base=model_files.BASE,
        head=model_files.BLACK,
        data=model_files.SCENES,
        arguments=(),
        runs=1,
        right=_names_classes_and_images,
        exit_code=3,
        reference=model_files.REFERENCE,
    ),
    Scenario(
        "ruined",
        "a head that lost one class of forty fails on it alone, for the mean hardly moves",
        base=model_files.COLOURS,
        head=model_files.RUINED,
        data=model_files.CELLS,
        arguments=(),
        runs=1,
        right=_fails_on_the_hard_class_alone,
        exit_code=3,
        reference=model_files.COLOURS_REFERENCE,
    ),
)


def by_name() -> dict[str, Scenario]:
    """Give the scenarios by name."""
    return {scenario.name: scenario for scenario in SCENARIOS}
