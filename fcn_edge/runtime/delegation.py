"""How much of a TensorFlow Lite model the XNNPACK delegate takes; what it leaves runs in slower kernels.

Interpreters tell of it only through a private method, which is asked here and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Kinds that XNNPACK never takes for our files: conversions at the door (uint8 to float32 or int8), and the decision.
_DOOR = ("CAST", "QUANTIZE", "DEQUANTIZE")
_HEAD = (*_DOOR, "ARG_MAX", "GREATER", "RESHAPE", "SQUEEZE")
# LiteRT 2.3 and tflite-runtime 2.14 both call it so; in C++ it has the longer name.
_DELEGATES = ("DELEGATE", "TfLiteXNNPackDelegate")


@dataclass(frozen=True, slots=True)
class DelegationInfo:
    """Which operations of a model XNNPACK took.

    Attributes:
        ops: Number of operations in the file.
        delegated: How many of them run in the delegate.
        outside: The others, by kind.
        at_input: Those of *outside* that convert the input; expected.
        at_output: Those of *outside* that decide the class or convert the output; expected.
        unexpected: Those of *outside* that are neither.
        expected: Whether nothing but the expected stayed outside.
    """

    ops: int
    delegated: int
    outside: Mapping[str, int]
    at_input: Mapping[str, int]
    at_output: Mapping[str, int]
    unexpected: Mapping[str, int]
    expected: bool


@dataclass(frozen=True, slots=True)
class OperationInfo:
    """An operation of a graph, with the tensors it reads and writes by their numbers."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def find_delegation(interpreter: Any) -> DelegationInfo | None:  # noqa: ANN401 - untyped package
    """Find out what the delegate took of a model whose tensors are allocated.

    Returns:
        None where this runtime does not tell.
    """
    try:
        operations = [
            OperationInfo(str(details["op_name"]), _numbers(details["inputs"]), _numbers(details["outputs"]))
            for details in interpreter._get_ops_details()  # noqa: SLF001 - there is no public way
        ]
        source = int(interpreter.get_input_details()[0]["index"])
        result = int(interpreter.get_output_details()[0]["index"])
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        # A private method owes nobody anything: another version may lack it, or tell in another way.
        return None
    return sort_operations(operations, source, result)


def sort_operations(operations: Sequence[OperationInfo], source: int, result: int) -> DelegationInfo:
    """Sort operations by where they run.

    Args:
        operations: All of the file, in order, and after them one for each part that the delegate took.
        source: The tensor of the image.
        result: The tensor of the scores or class ids.
    """
    own = [operation for operation in operations if operation.name not in _DELEGATES]
    producers = {tensor: operation for operation in own for tensor in operation.outputs}
    inside: set[int] = set()
    for delegate in operations:
        if delegate.name in _DELEGATES:
            inside.update(_between(producers, delegate))
    outside = [operation for operation in own if id(operation) not in inside]
    head = _chain_to(outside, result)
    door = [operation for operation in outside if operation not in head and _converts(operation, source)]
    others = [operation for operation in outside if operation not in head and operation not in door]
    return DelegationInfo(
        ops=len(own),
        delegated=len(own) - len(outside),
        outside=_count(outside),
        at_input=_count(door),
        at_output=_count(head),
        unexpected=_count(others),
        expected=not others,
    )


def describe_delegation(delegation: DelegationInfo) -> str:
    """Say it in a sentence: ``33 of 34 ops on XNNPACK; QUANTIZE at the input``."""
    text = f"{delegation.delegated} of {delegation.ops} ops on XNNPACK"
    expected = [
        f"{list_kinds(kinds)} at the {where}"
        for kinds, where in ((delegation.at_input, "input"), (delegation.at_output, "output"))
        if kinds
    ]
    if expected:
        text += f"; {', '.join(expected)}"
    # Where it takes none, as without int8 support in the runtime, a list of everything would say no more.
    if delegation.unexpected and delegation.delegated:
        text += f"; left out: {list_kinds(delegation.unexpected)}"
    return text


def list_kinds(kinds: Mapping[str, int]) -> str:
    """List kinds of operations with their numbers: ``SHAPE (2), PACK``."""
    return ", ".join(name if count == 1 else f"{name} ({count})" for name, count in kinds.items())


def _between(producers: Mapping[int, OperationInfo], delegate: OperationInfo) -> set[int]:
    """Find the operations that a delegate stands for: all on the way from what it reads to what it writes."""
    found: set[int] = set()
    wanted = list(delegate.outputs)
    while wanted:
        operation = producers.get(wanted.pop())
        if operation is not None and id(operation) not in found:
            found.add(id(operation))
            wanted.extend(tensor for tensor in operation.inputs if tensor not in delegate.inputs)
    return found


def _chain_to(outside: Iterable[OperationInfo], result: int) -> list[OperationInfo]:
    """Find the operations outside that decide or convert, back from the output to the first that does not."""
    producers = {tensor: operation for operation in outside for tensor in operation.outputs}
    found: list[OperationInfo] = []
    wanted = [result]
    while wanted:
        operation = producers.get(wanted.pop())
        if operation is not None and operation.name in _HEAD:
            found.insert(0, operation)
            wanted.extend(operation.inputs)
    return found


def _converts(operation: OperationInfo, source: int) -> bool:
    return operation.name in _DOOR and source in operation.inputs


def _count(operations: Iterable[OperationInfo]) -> dict[str, int]:
    return dict(Counter(operation.name for operation in operations).most_common())


def _numbers(tensors: Iterable[Any]) -> tuple[int, ...]:
    # A missing optional input is -1.
    return tuple(int(tensor) for tensor in tensors if int(tensor) >= 0)
