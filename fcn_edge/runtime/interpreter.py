"""The TensorFlow Lite ``Interpreter``, which LiteRT and tflite-runtime both offer with one interface."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge.errors import ModelFileError
from fcn_edge.model_file.tflite_format import flatbuffer_bytes
from fcn_edge.runtime import native_log
from fcn_edge.runtime.backend import BackendInfo, check_out
from fcn_edge.runtime.contract import RawTensor, describe
from fcn_edge.runtime.delegate import DelegateSpec, load_delegate, refuse_idle
from fcn_edge.runtime.delegation import DelegationInfo, find_delegation

# What edgetpu_compiler puts in place of the operations that it took.
_EDGE_TPU_OPERATION = "edgetpu-custom-op"


class InterpreterBackend:
    """A model in an ``Interpreter``.

    Args:
        package: The module that has it, of LiteRT or tflite-runtime.
        path: A ``.tflite`` file.
        runtime: Name of the backend.
        version: Of the package.
        threads: None for its own choice.
        builtin: Use the built-in kernels, not XNNPACK's.
        delegate: An external delegate that takes what it can; the rest runs as without it.
        load: Loads the delegate.

    Attributes:
        external: What the external delegate took; None without one, or where the runtime does not tell.
    """

    def __init__(
        self,
        package: Any,  # noqa: ANN401 - untyped package
        path: Path,
        *,
        runtime: str,
        version: str,
        threads: int | None,
        builtin: bool = False,
        delegate: DelegateSpec | None = None,
        load: Callable[[Any, DelegateSpec], object] = load_delegate,
    ) -> None:
        # The bytes rather than the path: they are verified before use, and a file that is replaced while the model
        # runs cannot pull the mapped memory away.
        content = flatbuffer_bytes(path)
        arguments: dict[str, Any] = {"model_content": content, "num_threads": threads}
        if builtin:
            arguments["experimental_op_resolver_type"] = package.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        with native_log.held_back():
            if delegate is not None:
                arguments["experimental_delegates"] = [load(package, delegate)]
            try:
                interpreter = package.Interpreter(**arguments)
                # XNNPACK comes when tensors are allocated; until then all that is delegated is the external one's.
                self.external = None if delegate is None else find_delegation(interpreter)
                interpreter.allocate_tensors()
                inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
            except (RuntimeError, ValueError) as error:
                raise _cannot_run(path, runtime, error) from error
        if delegate is not None and self.external is not None and not self.external.delegated:
            raise refuse_idle(path, delegate)
        source, result = describe(path, [_raw(details) for details in inputs], [_raw(details) for details in outputs])
        self._path = path
        self._interpreter: Any | None = interpreter
        self._input_index = inputs[0]["index"]
        self._output_index = outputs[0]["index"]
        device = "cpu" if delegate is None else delegate.name
        self._info = BackendInfo(runtime, version, device, threads, source, result)

    @property
    def info(self) -> BackendInfo:
        """What runs, what goes in and what comes out."""
        return self._info

    def infer(self, pixels: NDArray[np.generic], *, out: NDArray[np.generic] | None = None) -> NDArray[np.generic]:
        """Run the model once; see :meth:`fcn_edge.runtime.backend.Backend.infer`."""
        if self._interpreter is None:
            raise RuntimeError("infer after close")
        if out is not None:
            check_out(out, self._info.output)
        try:
            self._interpreter.set_tensor(self._input_index, pixels)
            self._interpreter.invoke()
        except RuntimeError as error:
            raise _cannot_run(self._path, self._info.runtime, error) from error
        if out is None:
            result: NDArray[np.generic] = self._interpreter.get_tensor(self._output_index)
            return result
        # The view of the interpreter's own memory is gone after this line: while one is kept it refuses to run.
        np.copyto(out, self._interpreter.tensor(self._output_index)())
        return out

    def delegation(self) -> DelegationInfo | None:
        """Tell which operations run in the XNNPACK delegate; None where the runtime does not say, or after close."""
        return None if self._interpreter is None else find_delegation(self._interpreter)

    def close(self) -> None:
        """Free the model."""
        self._interpreter = None


def _raw(details: dict[str, Any]) -> RawTensor:
    parameters = details["quantization_parameters"]
    quantized = len(parameters["scales"]) == 1 and np.issubdtype(details["dtype"], np.integer)
    signature = details.get("shape_signature", details["shape"])
    # Unknown lengths are 1 in ``shape``; only the signature tells them.
    shape = tuple(int(n) for n in (signature if len(signature) else details["shape"]))
    return RawTensor(
        details["name"],
        shape,
        np.dtype(details["dtype"]).name,
        float(parameters["scales"][0]) if quantized else None,
        int(parameters["zero_points"][0]) if quantized else None,
    )


def _cannot_run(path: Path, runtime: str, error: Exception) -> ModelFileError:
    reason = " ".join(str(error).split())
    if _EDGE_TPU_OPERATION in reason:
        return ModelFileError(
            f"{path}: it was compiled for the Edge TPU, which {runtime} alone cannot run",
            hint="give Coral's delegate: --delegate libedgetpu.so.1",
        )
    if "Flatbuffer" in reason:
        return ModelFileError(
            f"{path}: truncated or damaged: {reason}",
            hint="copy or export the file again; a download may have stopped early",
        )
    return ModelFileError(
        f"{path}: {runtime} cannot run it: {reason}",
        hint="export it with built-in operations only: fcn-edge export MODEL --formats tflite-int8 --out DIR",
    )
