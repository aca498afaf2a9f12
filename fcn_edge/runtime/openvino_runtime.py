"""OpenVINO on the processor or an Intel GPU, for ``.onnx`` files.

It reads ``.tflite`` too, but computes our int8 ones wrongly on x86-64 without VNNI: there its kernels add two products
of 8-bit weights in 16 bits, which saturates (the shipped ``nuclei`` fell from 90.4 to 86.2 % mIoU). The int8 ONNX files
have weights of 7 bits, and are right everywhere.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fcn_edge import optional
from fcn_edge.errors import AcceleratorError, ModelFileError
from fcn_edge.model_file import onnx_format
from fcn_edge.runtime import native_log
from fcn_edge.runtime.backend import Backend, BackendInfo, check_out
from fcn_edge.runtime.contract import RawTensor, describe

TELEMETRY = "openvino_telemetry"

Device = Literal["cpu", "gpu"]

_HINT_GPU = "install the driver of Intel's GPU (intel-opencl-icd), and let your user into the group render"
_DTYPES = {
    "u8": "uint8",
    "i8": "int8",
    "f32": "float32",
    "f16": "float16",
    "i32": "int32",
    "i64": "int64",
}
# Where an exception was thrown, and in which check of OpenVINO's own source: nothing a user can act upon.
_NOISE = ("Exception from ", "Check '")


class OpenVinoBackend:
    """A model compiled by OpenVINO."""

    def __init__(
        self,
        runtime: Any,  # noqa: ANN401 - untyped package
        path: Path,
        *,
        threads: int | None,
        device: Device = "cpu",
    ) -> None:
        # OpenVINO tries one reader after another on a file that is no ONNX, and names none of them at the end.
        onnx_format.read_text(path)
        with native_log.held_back():
            absent = None if device == "cpu" else _absence(runtime, device)
            if absent is not None:
                raise AcceleratorError(f"{path}: {absent}", hint=_HINT_GPU)
            try:
                compiled = runtime.Core().compile_model(str(path), device.upper(), _options(device, threads))
                request = compiled.create_infer_request()
            except RuntimeError as error:
                raise _cannot_run(path, error) from error
        source, result = describe(
            path, [_raw(port) for port in compiled.inputs], [_raw(port) for port in compiled.outputs]
        )
        self._path = path
        self._compiled, self._tensor = compiled, runtime.Tensor
        self._request: Any | None = request
        self._filling: Any | None = None
        version = importlib.metadata.version("openvino")
        name = "openvino" if device == "cpu" else f"openvino-{device}"
        self._info = BackendInfo(name, version, device, threads, source, result)

    @property
    def info(self) -> BackendInfo:
        """What runs, what goes in and what comes out."""
        return self._info

    def infer(self, pixels: NDArray[np.generic], *, out: NDArray[np.generic] | None = None) -> NDArray[np.generic]:
        """Run the model once; see :meth:`fcn_edge.runtime.backend.Backend.infer`."""
        if self._request is None:
            raise RuntimeError("infer after close")
        if out is not None:
            check_out(out, self._info.output)
        try:
            if out is not None and out.flags.c_contiguous:
                return self._infer_into(out, pixels)
            # The input is only read during the call, so it need not be copied; the result is a copy.
            result: NDArray[np.generic] = self._request.infer([pixels], share_inputs=True)[0]
        except RuntimeError as error:
            raise _cannot_run(self._path, error) from error
        if out is None:
            return result
        np.copyto(out, result)
        return out

    def _infer_into(self, out: NDArray[np.generic], pixels: NDArray[np.generic]) -> NDArray[np.generic]:
        """Let the last operation write into *out*, in a request of its own: a request keeps the memory it was given.

        With 512x512x21 float32 scores (22 MB) 6.0 ms instead of 7.8 with a copy, with small ones the same.
        """
        if self._filling is None:
            self._filling = self._compiled.create_infer_request()
        self._filling.set_output_tensor(self._tensor(out, shared_memory=True))
        self._filling.infer([pixels], share_inputs=True, share_outputs=True)
        return out

    def close(self) -> None:
        """Free the model."""
        self._request = self._filling = self._compiled = None


def open_model(path: Path, *, threads: int | None, device: Device = "cpu") -> Backend:
    """Load an ``.onnx`` file; see :func:`fcn_edge.runtime.open_backend`.

    Args:
        path: The file.
        threads: None for the runtime's own choice; a GPU has none.
        device: Where to run.

    Raises:
        AcceleratorError: There is no such device.
    """
    return OpenVinoBackend(_load(), path, threads=threads, device=device)


def why_absent(*, device: Device = "cpu") -> str | None:
    """Say why OpenVINO, which is installed, has no such device; None where it has."""
    return _absence(_load(), device)


def _load() -> Any:  # noqa: ANN401 - untyped package
    with native_log.held_back(), _untold():
        return optional.load("openvino", feature="running .onnx files with OpenVINO", extra="openvino")


def _absence(runtime: Any, device: Device) -> str | None:  # noqa: ANN401 - untyped package
    # With several GPUs they are called GPU.0, GPU.1; GPU then means the first.
    found: list[str] = runtime.Core().available_devices
    if any(name.partition(".")[0] == device.upper() for name in found):
        return None
    return f"OpenVINO finds {', '.join(found) or 'no device'}, no {device.upper()}"


@contextlib.contextmanager
def _untold() -> Iterator[None]:
    """Keep OpenVINO from reporting its import over the network, which it does without asking.

    Without the package that reports it goes on with a stub of its own.
    """
    if TELEMETRY in sys.modules:
        yield
        return
    sys.modules[TELEMETRY] = None  # type: ignore[assignment] # Python's own way to make an import fail
    try:
        yield
    finally:
        del sys.modules[TELEMETRY]


def _options(device: Device, threads: int | None) -> dict[str, Any]:
    if device == "gpu":
        # Its own default computes in float16, as TensorRT does; whether the masks stay the same, tune proves.
        return {}
    # By default a float32 file would be computed in bfloat16 or float16 where the processor has it, and no longer be
    # the reference that others are compared with.
    options: dict[str, Any] = {"EXECUTION_MODE_HINT": "ACCURACY"}
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads
    return options


def _raw(port: Any) -> RawTensor:  # noqa: ANN401 - untyped package
    shape = tuple(n.get_length() if n.is_static else None for n in port.get_partial_shape())
    dtype = port.get_element_type().get_type_name()
    return RawTensor(port.get_any_name(), shape, _DTYPES.get(dtype, dtype))


def _cannot_run(path: Path, error: Exception) -> ModelFileError:
    told = [line.strip() for line in str(error).splitlines() if not line.startswith(_NOISE)]
    reason = " ".join(line for line in told if line)
    return ModelFileError(
        f"{path}: OpenVINO cannot run it: {reason}",
        hint="export it again, or use ONNX Runtime: --backend onnxruntime",
    )
