"""What XNNPACK takes of a TFLite file, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fcn_edge.cli.main import main
from fcn_edge.runtime import open_backend
from fcn_edge.runtime.delegation import (
    DelegationInfo,
    OperationInfo,
    describe_delegation,
    find_delegation,
    sort_operations,
)

MODELS = Path(__file__).parent / "models"


def delegation(name: str) -> DelegationInfo:
    backend = open_backend(MODELS / name, threads=1)
    try:
        return backend.delegation()
    finally:
        backend.close()


def op(name, inputs, outputs) -> OperationInfo:
    return OperationInfo(name, inputs, outputs)


def test_a_file_without_conversions_is_taken_whole():
    found = delegation("foreign.tflite")
    assert (found.ops, found.delegated, found.outside, found.expected) == (2, 2, {}, True)


def test_a_cast_at_the_input_and_a_labels_head_are_left_as_expected():
    found = delegation("tiny.labels.fp32.tflite")
    assert (found.ops, found.delegated, found.expected) == (3, 1, True)
    assert (found.at_input, found.at_output, found.unexpected) == ({"CAST": 1}, {"ARG_MAX": 1}, {})


def test_an_int8_file_is_quantised_at_the_door():
    pytest.importorskip("ai_edge_litert", reason="tflite-runtime has no int8 in its XNNPACK")
    found = delegation("tiny.int8.tflite")
    assert (found.ops, found.delegated, found.outside, found.expected) == (2, 1, {"QUANTIZE": 1}, True)


def test_an_operation_between_two_delegated_parts_is_unexpected():
    graph = [
        op("CAST", (0,), (1,)),
        op("CONV_2D", (1, 10), (2,)),
        op("CUMSUM", (2,), (3,)),
        op("SIN", (3,), (4,)),
        op("CONV_2D", (4, 11), (5,)),
        op("DELEGATE", (1, 10), (2,)),
        op("DELEGATE", (3, 11), (5,)),
    ]
    found = sort_operations(graph, source=0, result=5)
    assert (found.ops, found.delegated, found.expected) == (5, 3, False)
    assert (found.at_input, found.at_output, found.unexpected) == ({"CAST": 1}, {}, {"CUMSUM": 1})


def test_a_conversion_in_the_middle_is_unexpected():
    graph = [
        op("CONV_2D", (0,), (1,)),
        op("DEQUANTIZE", (1,), (2,)),
        op("CONV_2D", (2,), (3,)),
        op("DELEGATE", (0,), (1,)),
        op("DELEGATE", (2,), (3,)),
    ]
    assert sort_operations(graph, source=0, result=3).unexpected == {"DEQUANTIZE": 1}


def test_weights_unpacked_by_a_part_of_its_own_count_as_taken():
    """As LiteRT does it with the float16 weights of an fp16 file."""
    graph = [
        op("DEQUANTIZE", (10,), (11,)),
        op("CAST", (0,), (1,)),
        op("CONV_2D", (1, 11), (2,)),
        op("DELEGATE", (10,), (11,)),
        op("DELEGATE", (1, 11), (2,)),
    ]
    found = sort_operations(graph, source=0, result=2)
    assert (found.delegated, found.outside, found.expected) == (2, {"CAST": 1}, True)


def test_a_map_that_is_used_twice_is_counted_once():
    graph = [
        op("CONV_2D", (0,), (1,)),
        op("LOGISTIC", (1,), (2,)),
        op("ADD", (1, 2), (3,)),
        op("DELEGATE", (0,), (3,)),
    ]
    found = sort_operations(graph, source=0, result=3)
    assert (found.ops, found.delegated) == (3, 3)


def test_the_sentence_names_what_is_left_and_where():
    graph = [
        op("QUANTIZE", (0,), (1,)),
        op("CONV_2D", (1,), (2,)),
        op("SHAPE", (2,), (3,)),
        op("SHAPE", (2,), (4,)),
        op("FILL", (3, 4), (5,)),
        op("GREATER", (5,), (6,)),
        op("CAST", (6,), (7,)),
        op("DELEGATE", (1,), (2,)),
    ]
    sentence = describe_delegation(sort_operations(graph, source=0, result=7))
    assert sentence == (
        "1 of 7 ops on XNNPACK; QUANTIZE at the input, GREATER, CAST at the output; left out: SHAPE (2), FILL"
    )


def test_a_runtime_without_a_delegate_runs_everything_itself():
    found = sort_operations([op("CONV_2D", (0,), (1,))], source=0, result=1)
    assert describe_delegation(found) == "0 of 1 ops on XNNPACK"


@pytest.mark.parametrize("told", [None, [{"name": "CONV_2D"}], 3])
def test_a_runtime_that_tells_otherwise_or_nothing_is_not_asked_further(told):
    class Interpreter:
        def __init__(self):
            if told is not None:
                self._get_ops_details = lambda: told

    assert find_delegation(Interpreter()) is None


def test_info_shows_the_count_for_people_and_programs(capsys):
    path = str(MODELS / "tiny.labels.fp32.tflite")
    assert main(["info", path]) == 0
    assert "delegation    1 of 3 ops on XNNPACK; CAST at the input, ARG_MAX at the output" in capsys.readouterr().out
    assert main(["info", path, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["delegation"]
    assert (found["ops"], found["delegated"], found["expected"]) == (3, 1, True)
    assert found["outside"] == {"CAST": 1, "ARG_MAX": 1}


def test_info_has_no_count_for_onnx(capsys):
    assert main(["info", str(MODELS / "tiny.fp32.onnx"), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["delegation"] is None
