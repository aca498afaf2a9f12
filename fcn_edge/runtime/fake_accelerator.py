"""GPUs and delegates that are not there: the packages of real runtimes, which claim more than they can.

They compute on the processor with the package they stand in front of, so that all but the device itself is real. For
tests of what happens where an accelerator is present, missing, or idle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fcn_edge.runtime.delegate import DelegateSpec

_EVERY = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")


class FakeOnnxRuntime:
    """ONNX Runtime as a GPU's package.

    Args:
        real: The package ``onnxruntime``.
        available: Providers that it was built with.
        usable: Those of them whose libraries and devices are there; the others are left out of a session without a
            word, as ONNX Runtime does it.
        operations: How many operations each provider takes; None where this version does not tell.
        failure: What a session that is asked for a GPU fails with.

    Attributes:
        asked: The providers and their options that the last session was asked for.
    """

    def __init__(
        self,
        real: Any,  # noqa: ANN401 - untyped package
        *,
        available: Sequence[str] = _EVERY,
        usable: Sequence[str] = _EVERY,
        operations: Mapping[str, int] | None = None,
        failure: str | None = None,
    ) -> None:
        self._real = real
        self._available = list(available)
        self._usable = list(usable)
        self._operations = operations
        self._failure = failure
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get_available_providers(self) -> list[str]:
        """Give what it was built with."""
        return self._available

    def InferenceSession(  # noqa: N802 - the name in the package it stands for
        self,
        path: str,
        *,
        sess_options: Any,  # noqa: ANN401 - untyped package
        providers: list[tuple[str, dict[str, Any]]],
        enable_fallback: int,
    ) -> FakeSession:
        """Open a session on the processor that tells of the providers it was asked for."""
        self.asked = providers
        if self._failure is not None and len(providers) > 1:
            raise RuntimeError(self._failure)
        session = self._real.InferenceSession(
            path, sess_options=sess_options, providers=["CPUExecutionProvider"], enable_fallback=enable_fallback
        )
        return FakeSession(session, [name for name, _ in providers if name in self._usable], self._operations)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the package has
        return getattr(self._real, name)


class FakeSession:
    """A session on the processor that says otherwise."""

    def __init__(self, real: Any, providers: list[str], operations: Mapping[str, int] | None) -> None:  # noqa: ANN401
        self._real = real
        self._providers = providers
        self._operations = operations

    def get_providers(self) -> list[str]:
        """Give the providers that it claims to have."""
        return self._providers

    def get_provider_graph_assignment_info(self) -> list[FakeAssignment]:
        """Give the operations that each provider claims to have taken."""
        if self._operations is None:
            raise AttributeError("get_provider_graph_assignment_info")
        return [FakeAssignment(name, count) for name, count in self._operations.items()]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the session has
        return getattr(self._real, name)


@dataclass(frozen=True, slots=True)
class FakeAssignment:
    """A part of a graph that a provider claims to have taken."""

    ep_name: str
    count: int

    def get_nodes(self) -> list[str]:
        """Give as many operations as it has."""
        return ["operation"] * self.count


class FakeDelegates:
    """A module ``interpreter`` whose interpreters say that an external delegate took their first operations.

    Args:
        real: The module, of LiteRT or tflite-runtime.
        takes: How many.

    Attributes:
        loaded: The delegates that were loaded.
    """

    def __init__(self, real: Any, *, takes: int) -> None:  # noqa: ANN401 - untyped package
        self._real = real
        self._takes = takes
        self.loaded: list[DelegateSpec] = []

    def load(self, package: object, spec: DelegateSpec) -> object:
        """Stand for :func:`fcn_edge.runtime.delegate.load_delegate`."""
        del package
        self.loaded.append(spec)
        return spec

    def Interpreter(self, *, experimental_delegates: Sequence[object] = (), **arguments: Any) -> FakeInterpreter:  # noqa: ANN401, N802 - the name in the module it stands for
        """Open a model without the delegates."""
        return FakeInterpreter(self._real.Interpreter(**arguments), self._takes if experimental_delegates else 0)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module has
        return getattr(self._real, name)


class FakeInterpreter:
    """An interpreter on the processor that says otherwise."""

    def __init__(self, real: Any, takes: int) -> None:  # noqa: ANN401 - untyped package
        self._real = real
        self._takes = takes

    def _get_ops_details(self) -> list[dict[str, Any]]:
        operations: list[dict[str, Any]] = self._real._get_ops_details()  # noqa: SLF001 - there is no public way
        taken = operations[: self._takes]
        return operations + [{**details, "op_name": "DELEGATE"} for details in taken]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the interpreter has
        return getattr(self._real, name)
