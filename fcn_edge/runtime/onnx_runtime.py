"""ONNX Runtime on the processor, or on an NVIDIA GPU by CUDA or TensorRT, for ``.onnx`` files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcn_edge import optional
from fcn_edge.errors import ModelFileError
from fcn_edge.model_file import onnx_format
from fcn_edge.runtime import native_log, onnx_provider
from fcn_edge.runtime.backend import Backend, BackendInfo, check_out
from fcn_edge.runtime.contract import RawTensor, describe

_DTYPES = {
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}
_LOG_FATAL_ONLY = 4


class OnnxRuntimeBackend:
    """A model in an ONNX Runtime session."""

    def __init__(
        self,
        runtime: Any,  # noqa: ANN401 - untyped package
        path: Path,
        *,
        threads: int | None,
        device: onnx_provider.Device = "cpu",
    ) -> None:
        options = _options(runtime, path, threads)
        if device != "cpu":
            options.add_session_config_entry(onnx_provider.RECORDING, "1")
        with native_log.held_back():
            onnx_provider.prepare(runtime, path, device)
            wanted = onnx_provider.providers(path, device)
            try:
                # Its fallback retries a failed run on other providers and prints to standard output about it.
                session = runtime.InferenceSession(str(path), sess_options=options, providers=wanted, enable_fallback=0)
            except Exception as error:
                # ONNX Runtime raises classes of its extension module with no common base but Exception.
                if device != "cpu":
                    raise onnx_provider.cannot_use(path, device, error) from error
                raise _cannot_run(path, error) from error
        onnx_provider.refuse_fallback(session, path, device)
        source, result = describe(
            path, [_raw(tensor) for tensor in session.get_inputs()], [_raw(tensor) for tensor in session.get_outputs()]
        )
        self._path = path
        self._session: Any | None = session
        name = "onnxruntime" if device == "cpu" else f"onnxruntime-{device}"
        self._info = BackendInfo(name, runtime.__version__, device, threads, source, result)

    @property
    def info(self) -> BackendInfo:
        """What runs, what goes in and what comes out."""
        return self._info

    def infer(self, pixels: NDArray[np.generic], *, out: NDArray[np.generic] | None = None) -> NDArray[np.generic]:
        """Run the model once; see :meth:`fcn_edge.runtime.backend.Backend.infer`."""
        if self._session is None:
            raise RuntimeError("infer after close")
        if out is not None:
            check_out(out, self._info.output)
        try:
            if out is not None and out.flags.c_contiguous and self._info.device == "cpu":
                return self._infer_into(self._session, out, pixels)
            results: list[NDArray[np.generic]] = self._session.run(
                [self._info.output.name], {self._info.input.name: pixels}
            )
        except Exception as error:
            # As above: no common base but Exception.
            raise _cannot_run(self._path, error) from error
        if out is None:
            return results[0]
        np.copyto(out, results[0])
        return out

    def _infer_into(
        self,
        session: Any,  # noqa: ANN401 - untyped package
        out: NDArray[np.generic],
        pixels: NDArray[np.generic],
    ) -> NDArray[np.generic]:
        """Let the last operation write into *out*.

        With 512x512x21 float32 scores (22 MB) 1.8 ms of 9.5 less than a copy, with 160x160x1 the same. Bound anew for
        every call, which takes 3 microseconds: nothing is then kept of an array that may be gone by the next.
        """
        source, result = self._info.input, self._info.output
        binding = session.io_binding()
        binding.bind_cpu_input(source.name, np.ascontiguousarray(pixels))
        binding.bind_output(result.name, "cpu", 0, out.dtype.type, result.shape, out.ctypes.data)
        session.run_with_iobinding(binding)
        return out

    def close(self) -> None:
        """Free the model."""
        self._session = None


def open_model(path: Path, *, threads: int | None, device: onnx_provider.Device = "cpu") -> Backend:
    """Load an ``.onnx`` file; see :func:`fcn_edge.runtime.open_backend`.

    Args:
        path: The file.
        threads: None for the runtime's own choice.
        device: Where to run; TensorRT leaves to CUDA, and CUDA to the processor, what they cannot do.

    Raises:
        AcceleratorError: It cannot run there, or nothing of the model would.
    """
    return OnnxRuntimeBackend(_load(), path, threads=threads, device=device)


def why_absent(*, device: onnx_provider.Device = "cpu") -> str | None:
    """Say why ONNX Runtime, which is installed, has no such device; None where it may have it."""
    return onnx_provider.why_absent(_load(), device)


def _load() -> Any:  # noqa: ANN401 - untyped package
    with native_log.held_back():
        return optional.load("onnxruntime", feature="running .onnx files", extra="onnx")


def _options(runtime: Any, path: Path, threads: int | None) -> Any:  # noqa: ANN401 - untyped package
    options = runtime.SessionOptions()
    options.log_severity_level = _LOG_FATAL_ONLY
    options.inter_op_num_threads = 1
    if threads is not None:
        options.intra_op_num_threads = threads
    if threads != 1:
        # Spinning threads burn the cores that the camera and the drawing need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if onnx_format.has_int8_activations(path):
        # Off by default on x86-64, where int8 activations would then run dequantised.
        options.add_session_config_entry("session.qdqisint8allowed", "1")
    return options


def _raw(tensor: Any) -> RawTensor:  # noqa: ANN401 - untyped package
    shape = tuple(n if isinstance(n, int) else None for n in tensor.shape)
    return RawTensor(tensor.name, shape, _DTYPES.get(tensor.type, tensor.type))


def _cannot_run(path: Path, error: Exception) -> ModelFileError:
    reason = " ".join(str(error).split())
    return ModelFileError(
        f"{path}: ONNX Runtime cannot run it: {reason}",
        hint="export it again, with a lower opset if it is newer than ONNX Runtime: pip install --upgrade onnxruntime",
    )
