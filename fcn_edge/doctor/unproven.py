"""What this package supports that was written against documentation and never run on the hardware it is for."""

from __future__ import annotations

from collections.abc import Callable

from fcn_edge.doctor.checks.delegates import has_coral
from fcn_edge.doctor.finding import Unproven
from fcn_edge.doctor.host import Host

# Name, what it is for, and whether the machine has it. What has been run goes from here, and into the README's table.
_UNPROVEN: tuple[tuple[str, str, Callable[[Host], bool]], ...] = (
    ("Raspberry Pi", "the board itself, its throttling and camera devices", lambda host: host.is_pi),
    ("32-bit ARM", "tflite-runtime on Raspberry Pi OS, 32 bit", lambda host: host.machine.startswith("armv")),
    ("picamera2", "camera modules of a Raspberry Pi, --source picamera", lambda host: host.importable("picamera2")),
    ("Jetson", "the board itself, its power modes and GStreamer", lambda host: host.is_jetson),
    ("CSI", "camera modules of a Jetson, --source csi", lambda host: host.is_jetson),
    ("CUDA", "--backend onnxruntime-cuda", lambda host: _offers(host, "CUDAExecutionProvider")),
    ("TensorRT", "--backend onnxruntime-tensorrt", lambda host: _offers(host, "TensorrtExecutionProvider")),
    ("Coral", "Edge TPUs, --delegate libedgetpu.so.1", has_coral),
)


def find_unproven(host: Host) -> tuple[Unproven, ...]:
    """List it, with what of it this machine has."""
    return tuple(Unproven(name, what, here(host)) for name, what, here in _UNPROVEN)


def _offers(host: Host, provider: str) -> bool:
    answer = host.trials.get("onnxruntime")
    return answer is not None and any(provider in event.get("providers", ()) for event in answer.events)
